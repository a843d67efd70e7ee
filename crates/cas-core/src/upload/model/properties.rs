//! The invariants.

use stateright::Property;

use super::World;
use super::client::Phase;
use super::scenario::Scenario;
use super::service::StoredName;
use crate::upload::events::{OnConflict, Outcome};

const NOT_STORED: Phase = Phase::Failed { not_stored: true };

/// Invariants that an event has broken, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Broken(u16);

impl Broken {
    pub(super) const WRONG_ID: u16 = 1;
    pub(super) const DELETED_UNSEEN: u16 = 2;
    pub(super) const DELETED_TOO_EARLY: u16 = 4;
    pub(super) const NO_CERTIFICATE: u16 = 8;
    pub(super) const ENDLESS: u16 = 16;
    pub(super) const LOOKS_TOO_LONG: u16 = 32;
    pub(super) const SENT_TOO_OFTEN: u16 = 64;
    pub(super) const BUG: u16 = 128;

    pub(super) fn add(&mut self, bit: u16) {
        self.0 |= bit;
    }

    fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }
}

pub(super) const ONE_COPY: &str = "a call stores one copy";
pub(super) const ONE_OF_A_NAME: &str = "a name has one copy";
pub(super) const ONE_IN_FAMILY: &str = "a name and those made from it have one copy";
pub(super) const OWN_ID: &str = "success has the CertId of this certificate";
pub(super) const TRUE_STATUS: &str = "what is not stored according to the status is not stored";
pub(super) const FAIL_ONCE: &str = "one call succeeds under FAIL";
pub(super) const SEEN: &str = "REPLACE deletes only what it saw before it sent";
pub(super) const IN_ORDER: &str = "REPLACE deletes another certificate, after it stored its own";
pub(super) const ALWAYS_ONE: &str = "REPLACE leaves no moment without a certificate";
pub(super) const ENDS: &str = "every call ends";
pub(super) const LOOKS_END: &str = "looks end 20 seconds after the last attempt";
pub(super) const MAX_ATTEMPTS: &str = "max_attempts is kept";
pub(super) const NO_BUG: &str = "no event is impossible";

pub(super) fn properties() -> Vec<Property<Scenario>> {
    vec![
        Property::always(ONE_COPY, |_, world: &World| world.calls().all(|(_, stored)| stored <= 1)),
        Property::always(ONE_OF_A_NAME, |_, world: &World| copies(world, |a, b| a == b) == 0),
        Property::always(ONE_IN_FAMILY, |scenario: &Scenario, world: &World| {
            !scenario.one_in_family || copies(world, |_, _| true) == 0
        }),
        Property::always(OWN_ID, |_, world: &World| !world.broken.has(Broken::WRONG_ID)),
        Property::always(TRUE_STATUS, |_, world: &World| {
            world.calls().all(|(phase, stored)| phase != NOT_STORED || stored == 0)
        }),
        Property::always(FAIL_ONCE, |scenario: &Scenario, world: &World| {
            // A fault can hide who stored the certificate, and REPLACE frees the name.
            let replaces = scenario.calls.iter().any(|call| call.rule == OnConflict::Replace);
            let done = world.processes.iter().zip(&scenario.calls).filter(|(process, call)| {
                // With `any_name`, a call may ask for what is stored already.
                let counts = |outcome| outcome == Outcome::Created || !call.any_name;
                call.rule == OnConflict::Fail
                    && matches!(process.phase, Phase::Done(_, outcome) if counts(outcome))
            });
            scenario.faults > 0 || replaces || done.count() <= 1
        }),
        Property::always(SEEN, |_, world: &World| !world.broken.has(Broken::DELETED_UNSEEN)),
        Property::always(IN_ORDER, |_, world: &World| !world.broken.has(Broken::DELETED_TOO_EARLY)),
        Property::always(ALWAYS_ONE, |_, world: &World| !world.broken.has(Broken::NO_CERTIFICATE)),
        Property::always(ENDS, |_, world: &World| !world.broken.has(Broken::ENDLESS)),
        Property::always(LOOKS_END, |_, world: &World| !world.broken.has(Broken::LOOKS_TOO_LONG)),
        Property::always(MAX_ATTEMPTS, |_, world: &World| {
            !world.broken.has(Broken::SENT_TOO_OFTEN)
        }),
        Property::always(NO_BUG, |_, world: &World| !world.broken.has(Broken::BUG)),
        Property::sometimes("a call creates", |_, world: &World| world.ends(Outcome::Created)),
        Property::sometimes("a call reuses", |_, world: &World| world.ends(Outcome::Reused)),
        Property::sometimes("a call replaces", |_, world: &World| world.ends(Outcome::Replaced)),
        Property::sometimes("a call fails and stores nothing", |_, world: &World| {
            world.calls().any(|(phase, _)| phase == NOT_STORED)
        }),
        Property::sometimes("a call fails and what is stored is unknown", |_, world: &World| {
            world.calls().any(|(phase, _)| phase == Phase::Failed { not_stored: false })
        }),
    ]
}

impl World {
    fn ends(&self, with: Outcome) -> bool {
        let ends = |phase| matches!(phase, Phase::Done(_, outcome) if outcome == with);
        self.processes.iter().any(|process| ends(process.phase))
    }

    /// What each call is doing, and how many certificates its requests have stored.
    fn calls(&self) -> impl Iterator<Item = (Phase, usize)> {
        self.processes.iter().enumerate().map(|(p, process)| {
            let owner = (u8::try_from(p).expect("few processes"), process.run);
            (process.phase, self.service.stored_by(owner))
        })
    }
}

/// How many pairs of stored certificates are the same, under names that `count`.
fn copies(world: &World, count: fn(StoredName, StoredName) -> bool) -> usize {
    let stored: Vec<_> =
        world.service.live().filter(|entry| entry.name != StoredName::Third).collect();
    let pairs =
        stored.iter().enumerate().flat_map(|(i, a)| stored[..i].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| a.content == b.content && count(a.name, b.name)).count()
}

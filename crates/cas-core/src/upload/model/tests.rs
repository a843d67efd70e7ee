//! The explorations: every invariant holds, and without each assumption one of them breaks.

// What was explored is the result.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::env;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use super::explorations::{all, assumptions};
use super::properties::properties;
use super::scenario::Scenario;

/// What an exploration found.
#[derive(Default)]
struct Found {
    states: usize,
    depth: usize,
    /// Each invariant that does not hold, with the actions that break it.
    broken: Vec<(&'static str, String)>,
    /// What happens sometimes.
    reached: BTreeSet<&'static str>,
}

fn explore(scenario: Scenario, until: HasDiscoveries) -> Found {
    let checker = scenario.checker().finish_when(until).spawn_bfs().join();
    let mut found = Found {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        ..Found::default()
    };
    for (name, path) in checker.discoveries() {
        if checker.model().property(name).expectation == Expectation::Sometimes {
            found.reached.insert(name);
        } else {
            let actions = path.into_actions();
            let shown: Vec<_> = actions.iter().map(|action| format!("{action:?}")).collect();
            found.broken.push((name, shown.join(", ")));
        }
    }
    found
}

/// Explores scenarios on two threads until one breaks `wanted`, or any invariant if that is `None`.
fn explore_all(scenarios: Vec<Scenario>, wanted: Option<&'static str>) -> Found {
    let until = match wanted {
        Some(property) => HasDiscoveries::AnyOf(BTreeSet::from([property])),
        None => HasDiscoveries::AnyFailures,
    };
    let total = Mutex::new(Found::default());
    let left = Mutex::new(scenarios.into_iter());
    let next = || left.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let description = format!("{scenario:?}");
                    let mut found = explore(scenario, until.clone());
                    found.broken.retain(|(property, _)| wanted.is_none_or(|it| it == *property));
                    for (property, actions) in &found.broken {
                        println!("not {property:?}: {actions}\n  {description}");
                        left.lock().unwrap().by_ref().for_each(drop);
                    }
                    let mut total = total.lock().unwrap();
                    total.states += found.states;
                    total.depth = total.depth.max(found.depth);
                    total.broken.extend(found.broken);
                    total.reached.extend(found.reached);
                }
            });
        }
    });
    total.into_inner().unwrap()
}

/// `CAS_MODEL=full` explores what takes minutes. With `CAS_MODEL_EXPECT`, the machine has a defect
/// that breaks this invariant.
#[test]
fn every_invariant_holds() {
    let began = Instant::now();
    let full = env::var("CAS_MODEL").is_ok_and(|how| how == "full");
    let expected = env::var("CAS_MODEL_EXPECT").ok().map(|expected| {
        let known = properties().into_iter().find(|property| property.name == expected);
        known.unwrap_or_else(|| panic!("no invariant {expected:?}")).name
    });
    let scenarios = all(full);
    let count = scenarios.len();
    let found = explore_all(scenarios, expected);
    let Found { states, depth, .. } = found;
    println!("{count} scenarios, {states} states, depth {depth}, {:?}", began.elapsed());
    if let Some(expected) = expected {
        assert!(!found.broken.is_empty(), "{expected:?} holds");
        return;
    }
    assert!(found.broken.is_empty(), "{:?}", found.broken);
    let ends = properties().into_iter().filter(|one| one.expectation == Expectation::Sometimes);
    let missing: Vec<_> = ends.filter(|end| !found.reached.contains(end.name)).collect();
    assert!(missing.is_empty(), "{} ends are never reached", missing.len());
}

#[test]
fn without_an_assumption_an_invariant_breaks() {
    for assumption in assumptions() {
        let name = assumption.name;
        let with = explore(assumption.with, HasDiscoveries::AnyFailures);
        assert!(with.broken.is_empty(), "with {name:?}: {:?}", with.broken);
        let until = HasDiscoveries::AnyOf(BTreeSet::from([assumption.property]));
        let without = explore(assumption.without, until);
        let broken = without.broken.iter().find(|(broken, _)| *broken == assumption.property);
        let Some((property, actions)) = broken else {
            panic!("{:?} holds without {name:?}, {} states", assumption.property, without.states)
        };
        println!("without {name:?}, not {property:?}: {actions}");
    }
}

//! Many processes at once, at the documented rate of 10 calls a second: with one certificate and
//! one name, with many certificates and one name, and with a name of their own. Responses get lost.
//! Every status is compared with what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use acceptance::network::filter::{Filter, Treatment};
use acceptance::{Chain, Emulator, Outcome, chain, other_chain, report, scratch};

use crate::exactly_once::{Api, RULES, run_all};
use crate::truth::{NAME_TAKEN, OK, UNKNOWN, copies, ended, in_full, reported};

/// The documented calls per second.
const RATE: [&str; 2] = ["--qps", "10"];

/// Longer than any deadline here.
const LONG: Duration = Duration::from_secs(600);

/// 32 certificates of their own keys for the same name.
pub fn many_chains() -> &'static [Chain] {
    static CHAINS: OnceLock<Vec<Chain>> = OnceLock::new();
    CHAINS.get_or_init(make_chains)
}

fn make_chains() -> Vec<Chain> {
    let directory = scratch("crowd");
    let file = |name: String, text: String| -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let certificate = |number: usize| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["demo.example".to_owned()]).unwrap();
        let chain = file(format!("{number}.pem"), params.self_signed(&key).unwrap().pem());
        let key = file(format!("{number}.key"), key.serialize_pem());
        Chain { root: chain.clone(), chain, key }
    };
    (0..32).map(certificate).collect()
}

/// A random number, always the same for each `number`: SplitMix64.
pub fn random(number: usize) -> u64 {
    let random = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let random = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let random = (random ^ (random >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    random ^ (random >> 31)
}

/// Holds all uploads back until `members` have arrived, so that each process has looked before any
/// of them stores something. From then on, it loses 40 % of the responses if `is_lossy`, always the
/// same ones of as many requests.
fn together(emulator: &Emulator, api: Api, members: usize, is_lossy: bool) -> Filter {
    let (arrived, all_are_here) = (Mutex::new(0), Condvar::new());
    let count = AtomicUsize::new(1);
    Filter::start(emulator.port(), move |action| {
        let mut arrived = arrived.lock().unwrap();
        if action == api.upload() {
            *arrived += 1;
            all_are_here.notify_all();
            arrived = all_are_here.wait_while(arrived, |arrived| *arrived < members).unwrap();
        }
        if !is_lossy || *arrived < members {
            return Treatment::Pass;
        }
        if random(count.fetch_add(1, Ordering::Relaxed)) % 100 < 40 {
            Treatment::lose_response()
        } else {
            Treatment::Pass
        }
    })
}

/// Uploads each certificate under its name by a process of its own, all at once.
fn crowd(url: &str, members: &[(String, &Chain)], settings: &[(&str, &str)]) -> Vec<Outcome> {
    let settings = [settings, &[("CAS_STEP", "1")]].concat();
    let mut processes: Vec<_> = members
        .iter()
        .map(|(name, chain)| report(url, &settings, name, &chain.chain, &chain.key).start())
        .collect();
    for process in &mut processes {
        assert_eq!(process.line().as_deref(), Some("ready=1"));
    }
    for process in &mut processes {
        assert!(process.write("\n"));
    }
    processes.into_iter().map(|process| process.finish_within(LONG)).collect()
}

/// How often uploads ended in each way.
fn ends(outcomes: &[Outcome]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(ended(outcome)).or_default() += 1;
    }
    counts
}

/// What the processes have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crowd {
    /// 64 with one certificate; 24 in the short form.
    Same,
    /// 32 with a certificate each; 16 in the short form.
    Different,
    /// The same, and another certificate has the name.
    Taken,
}

fn run(
    crowd_of: Crowd,
    api: Api,
    rule: usize,
    is_lossy: bool,
    chains: &[Chain],
) -> Result<(), String> {
    let emulator = Emulator::start(&RATE);
    if crowd_of == Crowd::Taken {
        let holder = report(emulator.url(), &[], "web", &other_chain().chain, &other_chain().key);
        holder.run().assert_fields(&[("cert_id", "10000000")]);
    }
    let (same, different) = if in_full() { (64, 32) } else { (24, 16) };
    let members: Vec<_> = match crowd_of {
        Crowd::Same => (0..same).map(|_| ("web".to_owned(), chain())).collect(),
        _ => chains[..different].iter().map(|chain| ("web".to_owned(), chain)).collect(),
    };
    let settings = [
        ("CAS_API", api.number()),
        ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule]),
        // Much longer than the crowd takes at ten calls a second.
        ("CAS_TIMEOUT_MS", "240000"),
    ];
    let filter = together(&emulator, api, members.len(), is_lossy);
    let started = Instant::now();
    let outcomes = crowd(&filter.url(), &members, &settings);
    let what = format!("{crowd_of:?}, {api:?}, {}, lossy: {is_lossy}", RULES[rule]);
    let counts = ends(&outcomes);
    let requests = emulator.requests();
    println!("{what}: {counts:?}, {} requests, {:?}", requests.len(), started.elapsed());
    let said = || outcomes.iter().map(|one| one.stdout.as_str()).collect::<Vec<_>>().join("\n");
    let wrong = |reason: &str| Err(format!("{what}: {reason}, {counts:?}\n{}", said()));

    let stored = emulator.certificates();
    let names: BTreeSet<_> = stored.iter().map(|one| one["name"].to_string()).collect();
    if names.len() != stored.len() {
        return wrong("a name twice");
    }
    for (outcome, (_, chain)) in outcomes.iter().zip(&members) {
        let copies = copies(&stored, chain);
        if copies.len() > 1 {
            return wrong(&format!("{} copies", copies.len()));
        }
        let is_true = match outcome.field("status") {
            OK => reported(&copies, outcome).is_ok(),
            UNKNOWN => is_lossy,
            // With one certificate, another process has stored it.
            NAME_TAKEN if crowd_of == Crowd::Same => RULES[rule] == "FAIL" && copies.len() == 1,
            NAME_TAKEN => copies.is_empty(),
            _ => false,
        };
        if !is_true {
            return wrong(&format!("not true:\n{}", outcome.stdout));
        }
    }
    let of = |end: &str| counts.get(end).copied().unwrap_or_default();
    let succeeded = of("created") + of("reused") + of("replaced");
    let holders = copies(&stored, other_chain()).len();
    let (all, own, known) = (members.len(), stored.len() - holders, of(UNKNOWN) == 0);
    let one_is_stored = of("created") == 1 && own == 1;
    let is_right = match (crowd_of, RULES[rule]) {
        // Where responses are lost, libcas cannot tell its own copy from that of another process.
        (Crowd::Same, "FAIL") if is_lossy => of("created") > 0,
        (Crowd::Same, "FAIL") => one_is_stored && of(NAME_TAKEN) == all - 1,
        (Crowd::Same, _) if is_lossy => succeeded > 0,
        (Crowd::Same, _) => one_is_stored && of("reused") == all - 1,
        (Crowd::Different, "REUSE" | "FAIL") => {
            (one_is_stored || !known) && of(NAME_TAKEN) + of(UNKNOWN) >= all - 1
        }
        (Crowd::Taken, "REUSE" | "FAIL") => own == 0 && holders == 1,
        // All are stored. The certificate that had the name before is replaced; the others are not.
        (_, rule) => {
            let replaces = rule == "REPLACE" && (of("replaced") > 0 || known);
            let holds = crowd_of == Crowd::Taken && !replaces;
            own >= succeeded
                && own <= all
                && (own == all || !known)
                && holders == usize::from(holds)
        }
    };
    if is_right { Ok(()) } else { wrong(&format!("{} certificates", stored.len())) }
}

#[test]
fn processes_with_one_name_end_with_true_statuses() {
    chain();
    other_chain();
    let chains = many_chains();
    let mut cells = Vec::new();
    for crowd in [Crowd::Same, Crowd::Different, Crowd::Taken] {
        for api in [Api::Old, Api::New] {
            for rule in 0..RULES.len() {
                for is_lossy in [false, true] {
                    // A selection: each rule and each version, once with each crowd.
                    let selected = !is_lossy
                        && crowd != Crowd::Taken
                        && (rule + api as usize + crowd as usize).is_multiple_of(2);
                    if selected || in_full() {
                        cells.push((crowd, api, rule, is_lossy));
                    }
                }
            }
        }
    }
    run_all(
        &cells,
        |_| true,
        |&(crowd, api, rule, is_lossy)| run(crowd, api, rule, is_lossy, chains),
    );
}

#[test]
fn processes_with_names_of_their_own_all_succeed_at_the_documented_rate() {
    let chains = many_chains();
    run_all(
        &[Api::Old, Api::New],
        |_| true,
        |api| {
            let emulator = Emulator::start(&RATE);
            let name = |(number, chain)| (format!("web-{number}"), chain);
            let members: Vec<_> = chains.iter().enumerate().map(name).collect();
            let started = Instant::now();
            // The default deadline is 60 seconds.
            let outcomes = crowd(emulator.url(), &members, &[("CAS_API", api.number())]);
            let elapsed = started.elapsed();
            let counts = ends(&outcomes);
            let requests = emulator.requests();
            let throttled = requests.iter().filter(|one| one["code"] == "Throttling.User").count();
            println!("{api:?}: {throttled} of {} requests throttled, {elapsed:?}", requests.len());
            let stored = emulator.certificates();
            let all_true = outcomes
                .iter()
                .zip(&members)
                .all(|(outcome, (_, chain))| reported(&copies(&stored, chain), outcome).is_ok());
            if counts == BTreeMap::from([("created", 32)]) && stored.len() == 32 && all_true {
                return Ok(());
            }
            Err(format!("{api:?}: {counts:?}, {} certificates", stored.len()))
        },
    );
}

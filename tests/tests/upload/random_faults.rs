//! Uploads through random faults. None of the faults lies: a request that is refused is not
//! applied. So every status must be true.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use acceptance::network::filter::{Filter, Treatment};
use acceptance::stub::Reply;
use acceptance::{Chain, Emulator, Outcome, chain, other_chain, report};
use serde_json::json;

use crate::crowds::{many_chains, random};
use crate::exactly_once::{Api, RULES, run_all};
use crate::truth::{NAME_TAKEN, OK, check, copies, ended, reported, times};

fn upload(url: &str, chain: &Chain, settings: &[(&str, &str)]) -> Outcome {
    report(url, settings, "web", &chain.chain, &chain.key).run()
}

/// Random choices, the same ones for each seed.
struct Choices {
    seed: usize,
    made: AtomicUsize,
}

impl Choices {
    fn below(&self, limit: u64) -> u64 {
        random(self.seed * 10_000 + self.made.fetch_add(1, Ordering::SeqCst)) % limit
    }

    fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// A fault, and its name.
fn fault(choices: &Choices) -> (String, Treatment) {
    let http = |status: &str, headers: &str, body: &str| {
        Reply::http(status, headers, body).bytes().to_vec()
    };
    let page = "<html><title>Blocked</title></html>";
    let code = choices.one_of(&[
        ("400 Bad Request", "Throttling.User"),
        ("400 Bad Request", "Unheard.Of"),
        ("400 Bad Request", "InsufficientQuota"),
        ("400 Bad Request", "OperationConflict"),
        ("403 Forbidden", "Forbidden.RAM"),
        ("500 Internal Server Error", "InternalError"),
        ("503 Service Unavailable", "ServiceUnavailable"),
    ]);
    let delay = choices.one_of(&[100, 1_000, 3_000]);
    let (name, treatment) = match choices.below(12) {
        0 | 1 => ("no request", Treatment::LoseRequest),
        2 | 3 => ("no response", Treatment::lose_response()),
        4 => ("repeated", Treatment::Repeat),
        5 => ("page 403", Treatment::Answer(http("403 Forbidden", "", page))),
        6 => ("page 429", Treatment::Answer(http("429 Too Many Requests", "", page))),
        7 => ("page 502", Treatment::replace(http("502 Bad Gateway", "", page))),
        8 => ("page 200", Treatment::replace(http("200 OK", "", page))),
        9 => ("truncated", Treatment::Change(Box::new(|all| all[..all.len() - 2].to_vec()))),
        10 => {
            let slow = move |response| {
                thread::sleep(Duration::from_millis(delay));
                response
            };
            return (format!("after {delay} ms"), Treatment::Change(Box::new(slow)));
        }
        _ => {
            let body = json!({"Code": code.1, "RequestId": "A-1"}).to_string();
            (code.1, Treatment::Answer(http(code.0, "", &body)))
        }
    };
    (name.to_owned(), treatment)
}

/// What happened to each request.
type Log = Arc<Mutex<Vec<String>>>;

/// Puts a filter with random faults before an emulator. Version 2018-07-13 may end after some
/// requests.
fn faulty(emulator: &Emulator, choices: Choices) -> (Filter, Log) {
    let retired = choices.below(30);
    let percent = choices.one_of(&[20, 50, 80]);
    let log = Log::default();
    let requests = Arc::clone(&log);
    let filter = Filter::start(emulator.port(), move |action| {
        let mut log = log.lock().unwrap();
        let is_old = ["CreateUserCertificate", "DescribeUserCertificateList"].contains(&action);
        let (name, treatment) = if is_old && log.len() as u64 >= retired {
            let body = r#"{"Code":"InvalidVersion","RequestId":"A-1"}"#;
            let gone = Reply::http("404 Not Found", "", body).bytes().to_vec();
            ("retired".to_owned(), Treatment::Answer(gone))
        } else if choices.below(100) < percent {
            fault(&choices)
        } else {
            ("passes".to_owned(), Treatment::Pass)
        };
        log.push(format!("{action} {name}"));
        treatment
    });
    (filter, requests)
}

fn run(seed: usize, counts: &Mutex<BTreeMap<String, usize>>) -> Result<(), String> {
    let choices = Choices { seed, made: AtomicUsize::new(0) };
    let api = choices.one_of(&[Api::Auto, Api::Old, Api::New]);
    let rule = usize::try_from(choices.below(4)).unwrap();
    let holder = choices.one_of(&[None, None, Some(chain()), Some(other_chain())]);
    let lag_ms = choices.one_of(&[0, 0, 500, 2_000, 5_000, 3_600_000]);
    let attempts = choices.one_of(&["1", "2", "4"]);

    let emulator = Emulator::start(&[]);
    if let Some(holder) = holder {
        upload(emulator.url(), holder, &[]).assert_fields(&[("cert_id", "10000000")]);
    }
    emulator.fault(&json!({"kind": "lag", "ms": lag_ms}).to_string());
    let (filter, requests) = faulty(&emulator, choices);
    let settings = [
        ("CAS_API", api.number()),
        ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule]),
        ("CAS_MAX_ATTEMPTS", attempts),
        ("CAS_TIMEOUT_MS", "8000"),
    ];
    let outcome = upload(&filter.url(), chain(), &settings);
    *counts.lock().unwrap().entry(ended(&outcome).to_owned()).or_default() += 1;
    let stored = emulator.certificates();
    let own = copies(&stored, chain());
    let others = copies(&stored, other_chain()).len();
    let had = |chain: &Chain| holder.is_some_and(|holder| holder.chain == chain.chain);
    let rule = RULES[rule];
    let wrong = |reason: &str| {
        let log = requests.lock().unwrap().join("\n");
        let held = if had(chain()) { "the same" } else { "another or nothing" };
        let what = format!("{seed}: {api:?}, {rule}, {lag_ms} ms, holds {held}");
        Err(format!("{what}: {reason}\n{log}\n{}", outcome.stdout))
    };
    let replaces = rule == "REPLACE" && outcome.field("status") == OK;
    if others != usize::from(had(other_chain())) && !(replaces && others == 0) {
        return wrong("the other certificate");
    }
    if ended(&outcome) == "replaced" && others > 0 {
        return wrong("not replaced");
    }
    if had(chain()) {
        // Another call has stored it.
        let is_true = outcome.field("status") != OK || reported(&own, &outcome).is_ok();
        let is_right = own.len() == 1 && is_true;
        return if is_right { Ok(()) } else { wrong("not one copy") };
    }
    if ended(&outcome) == NAME_TAKEN && others == 0 {
        return wrong("no certificate has the name");
    }
    check(&emulator, chain(), &outcome).or_else(|reason| wrong(&reason))
}

#[test]
fn every_status_is_true_whatever_fails() {
    chain();
    other_chain();
    let seeds: Vec<usize> = (0..times().unwrap_or(1) * 96).collect();
    let counts = Mutex::default();
    run_all(&seeds, |_| true, |&seed| run(seed, &counts));
    println!("{} uploads: {:?}", seeds.len(), counts.into_inner().unwrap());
}

/// Three processes with a certificate each and one name, under rules that delete nothing.
fn compete(seed: usize) -> Result<(), String> {
    let choices = Choices { seed: seed + 1_000_000, made: AtomicUsize::new(0) };
    let lag_ms = choices.one_of(&[0, 500, 2_000, 3_600_000]);
    let members: Vec<_> = many_chains()[..3]
        .iter()
        .map(|chain| (chain, choices.one_of(&[Api::Auto, Api::Old, Api::New]), choices.below(3)))
        .collect();
    let emulator = Emulator::start(&[]);
    emulator.fault(&json!({"kind": "lag", "ms": lag_ms}).to_string());
    let (filter, requests) = faulty(&emulator, choices);
    let start = |(chain, api, rule): &(&Chain, Api, u64)| {
        let settings = [
            ("CAS_API", api.number()),
            ("CAS_ON_CONFLICT", &*rule.to_string()),
            ("CAS_TIMEOUT_MS", "8000"),
        ];
        report(&filter.url(), &settings, "web", &chain.chain, &chain.key).start()
    };
    let processes: Vec<_> = members.iter().map(start).collect();
    let outcomes: Vec<_> = processes.into_iter().map(|process| process.finish()).collect();
    for (outcome, (chain, api, rule)) in outcomes.iter().zip(&members) {
        check(&emulator, chain, outcome).map_err(|reason| {
            let log = requests.lock().unwrap().join("\n");
            format!("{seed}: {api:?}, {rule}, {lag_ms} ms: {reason}\n{log}\n{}", outcome.stdout)
        })?;
    }
    Ok(())
}

#[test]
fn every_status_of_competing_uploads_is_true_whatever_fails() {
    let seeds: Vec<usize> = (0..times().unwrap_or(1) * 48).collect();
    run_all(&seeds, |_| true, |&seed| compete(seed));
    println!("{} times three uploads", seeds.len());
}

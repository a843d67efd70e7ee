//! An attempt in doubt, and a second one that fails in another way, as `docs/exactly-once.md`
//! documents it; and certificates that are listed late.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::network::filter::{Filter, Treatment};
use acceptance::stub::Reply;
use acceptance::{Chain, Emulator, Outcome, chain, other_chain, report, run as run_command};
use serde_json::json;

use crate::exactly_once::{Api, RULES, run_all, table};
use crate::truth::{NAME_TAKEN, UNKNOWN, check, copies, ended, in_full};

/// A list that shows a new certificate later than any test waits.
const NEVER_MS: u64 = 3_600_000;

fn upload(url: &str, chain: &Chain, settings: &[(&str, &str)]) -> Outcome {
    report(url, settings, "web", &chain.chain, &chain.key).run()
}

/// What happens to the certificate of the first attempt, whose response is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    ListedLater,
    NotListed,
    NotStored,
}

/// What a second attempt gets.
fn second(failure: &str) -> Treatment {
    let http = |status: &str, headers: &str, body: &str| {
        Treatment::Answer(Reply::http(status, headers, body).bytes().to_vec())
    };
    let page = "<html><title>Blocked</title></html>";
    match failure {
        "no response" | "no connection" => Treatment::LoseRequest,
        "truncated" => Treatment::Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n{".into()),
        "garbage" => http("200 OK", "", "neither JSON nor XML"),
        "empty" => http("200 OK", "", ""),
        "no CertId" => http("200 OK", "", r#"{"RequestId":"A-1"}"#),
        "page 302" => http("302 Found", "Location: https://login.example/\r\n", ""),
        "page 403" => http("403 Forbidden", "", page),
        "page 429" => http("429 Too Many Requests", "", page),
        "page 502" => http("502 Bad Gateway", "", page),
        "compressed 403" => {
            http("403 Forbidden", "Content-Encoding: gzip\r\n", "\u{1f}\u{8}compressed")
        }
        code => {
            let status = match code {
                "Forbidden.RAM" | "Forbidden.RiskControl" => "403 Forbidden",
                "InternalError" => "500 Internal Server Error",
                "ServiceUnavailable" => "503 Service Unavailable",
                "InvalidVersion" | "InvalidAccessKeyId.NotFound" => "404 Not Found",
                _ => "400 Bad Request",
            };
            // The request took too long on the way: the clock is right.
            let date = match code {
                "InvalidTimeStamp.Expired" => &*run_command(
                    Command::new("date")
                        .env("LC_ALL", "C")
                        .arg("-u")
                        .arg("+Date: %a, %d %b %Y %H:%M:%S GMT\r"),
                ),
                _ => "",
            };
            http(status, date, &json!({"Code": code, "RequestId": "A-1"}).to_string())
        }
    }
}

/// The cells of a rule: its number, and whether another certificate has the name.
pub const HOLDERS: [(usize, bool); 4] = [(0, false), (1, false), (2, true), (3, true)];

struct Cell {
    failure: String,
    first: First,
    api: Api,
    rule: usize,
    taken: bool,
    end: String,
}

fn run(cell: &Cell) -> Result<(), String> {
    let Cell { failure, first, api, rule, taken, end } = cell;
    let (first, api) = (*first, *api);
    let emulator = Emulator::start(&[]);
    if *taken {
        upload(emulator.url(), other_chain(), &[]).assert_fields(&[("cert_id", "10000000")]);
    }
    let lag = if first == First::ListedLater { 3_000 } else { NEVER_MS };
    emulator.fault(&json!({"kind": "lag", "ms": lag}).to_string());
    let (uploads, meets) = (AtomicUsize::new(0), failure.clone());
    let filter = Filter::start(emulator.port(), move |action| {
        if action != api.upload() {
            return Treatment::Pass;
        }
        if uploads.fetch_add(1, Ordering::SeqCst) > 0 {
            return second(&meets);
        }
        let lost = match first {
            First::NotStored => Treatment::LoseRequest,
            First::ListedLater | First::NotListed => Treatment::lose_response(),
        };
        if meets != "no connection" {
            return lost;
        }
        // The look-ups get none either.
        let pause = if first == First::ListedLater { 2_000 } else { NEVER_MS };
        Treatment::Refuse(Duration::from_millis(pause), Box::new(lost))
    });
    // What is not found is looked for, and what is throttled is sent again, until the deadline.
    let throttled = ["page 429", "Throttling.User"].contains(&failure.as_str());
    let timeout = match end.as_str() {
        UNKNOWN => "10000",
        _ if throttled => "12000",
        _ => "60000",
    };
    let settings = [
        ("CAS_API", api.number()),
        ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][*rule]),
        ("CAS_MAX_ATTEMPTS", "2"),
        ("CAS_TIMEOUT_MS", timeout),
    ];
    let outcome = upload(&filter.url(), chain(), &settings);
    let what = format!("{failure}, {first:?}, {api:?}, {}", RULES[*rule]);
    let wrong = |reason: &str| Err(format!("{what}: {reason}, not {end}\n{}", outcome.stdout));
    if let Err(reason) = check(&emulator, chain(), &outcome) {
        return wrong(&reason);
    }
    let replaced = end == "created" && RULES[*rule] == "REPLACE";
    let allowed = if replaced { "replaced" } else { end };
    if ended(&outcome) != allowed {
        return wrong("ended otherwise");
    }
    // The certificate that is replaced is there until the other one is known to be stored.
    let others = copies(&emulator.certificates(), other_chain()).len();
    if others != usize::from(*taken && !replaced) {
        return wrong(&format!("{others} copies of the other certificate"));
    }
    if allowed == UNKNOWN && outcome.field("retryable") != "1" {
        return wrong("not retryable");
    }
    // The last error is quoted.
    let is_quoted = allowed != UNKNOWN
        || outcome.field("attempts") != "2"
        || outcome.field("service_code") == failure;
    if failure.starts_with("Forbidden") && !is_quoted {
        return wrong("another error is quoted");
    }
    Ok(())
}

#[test]
fn a_second_attempt_that_fails_otherwise_ends_as_the_table_says() {
    chain();
    other_chain();
    let mut cells = Vec::new();
    let (mut failures, mut turn) = (0, 0);
    for (row, ends) in table("second attempt") {
        for failure in row.split(", ") {
            failures += 1;
            for (first, end) in
                [First::ListedLater, First::NotListed, First::NotStored].into_iter().zip(&ends)
            {
                // The service does not reject a certificate that it has stored.
                if end == "–" {
                    continue;
                }
                let end = if end == "unknown" { UNKNOWN } else { end };
                for api in [Api::Old, Api::New] {
                    // One rule in turn, unless all of them are asked for.
                    turn += 1;
                    let all = 0..HOLDERS.len();
                    let one = turn / 2 % all.len();
                    let rules = if in_full() { all } else { one..one + 1 };
                    for (rule, taken) in HOLDERS[rules].iter().copied() {
                        let (failure, end) = (failure.to_owned(), end.to_owned());
                        cells.push(Cell { failure, first, api, rule, taken, end });
                    }
                }
            }
        }
    }
    run_all(&cells, |_| true, run);
    println!("{failures} failures, {} cells", cells.len());
    assert!(failures > 20);
}

/// What is under the name before the upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing; the response to the first attempt is lost.
    Free,
    /// The certificate, listed late.
    Same,
    /// Another certificate, listed late.
    Another,
}

#[test]
fn a_certificate_that_is_listed_late_is_stored_once() {
    chain();
    other_chain();
    let ends = table("rule");
    let mut cells = Vec::new();
    for lag_ms in [500, 2_000, 5_000] {
        for api in [Api::Old, Api::New] {
            for rule in 0..RULES.len() {
                for before in [Before::Free, Before::Same, Before::Another] {
                    cells.push((lag_ms, api, rule, before));
                }
            }
        }
    }
    run_all(
        &cells,
        |_| true,
        |&(lag_ms, api, rule, before)| {
            let emulator = Emulator::start(&[]);
            emulator.fault(&json!({"kind": "lag", "ms": lag_ms}).to_string());
            match before {
                Before::Free => {
                    emulator
                        .fault(&json!({"kind": "drop-after", "action": api.upload()}).to_string());
                }
                Before::Same => drop(upload(emulator.url(), chain(), &[])),
                Before::Another => drop(upload(emulator.url(), other_chain(), &[])),
            }
            let settings =
                [("CAS_API", api.number()), ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule])];
            let outcome = upload(emulator.url(), chain(), &settings);
            let what = format!("{lag_ms} ms, {api:?}, {}, {before:?}", RULES[rule]);
            let wrong = |reason: &str| Err(format!("{what}: {reason}\n{}", outcome.stdout));
            let end = ended(&outcome);
            let replaced = end == "replaced";
            let others = copies(&emulator.certificates(), other_chain()).len();
            let expected = ends[RULES[rule]][before as usize].split_whitespace().next().unwrap();
            // A certificate that was not listed before the first attempt is not replaced.
            if end != expected && !(expected == "replaced" && end == "created") {
                return wrong("ended otherwise");
            }
            if others != usize::from(before == Before::Another && !replaced) {
                return wrong("the other certificate");
            }
            if outcome.field("attempts").parse::<u32>().unwrap() > 3 {
                return wrong("more than three attempts");
            }
            // Under FAIL, the certificate was stored by another call.
            if before == Before::Same && end == NAME_TAKEN {
                return match copies(&emulator.certificates(), chain()).len() {
                    1 => Ok(()),
                    other => wrong(&format!("{other} copies")),
                };
            }
            check(&emulator, chain(), &outcome).or_else(|reason| wrong(&reason))
        },
    );
    println!("{} cells", cells.len());
    assert_eq!(cells.len(), 3 * 2 * 4 * 3);
}

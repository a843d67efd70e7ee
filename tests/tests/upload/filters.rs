//! Filters on the way back: the service applies an upload, and something between it and libcas
//! replaces or damages the response, as `docs/exactly-once.md` documents it.

use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::network::filter::{Filter, Treatment};
use acceptance::stub::Reply;
use acceptance::{Emulator, chain, report};

use crate::exactly_once::{Api, RULES, run_all, table};
use crate::truth::{OK, UNKNOWN, copies, ended, reported};

/// What a filter makes of a response.
fn filtered(what: &str, response: Vec<u8>) -> Vec<u8> {
    let http = |status: &str, headers: &str, body: &str| {
        Reply::http(status, headers, body).bytes().to_vec()
    };
    let page = "<html><title>Blocked</title></html>";
    let gzip = "Content-Encoding: gzip\r\n";
    match what {
        "page 302" => http("302 Found", "Location: https://login.example/\r\n", ""),
        "page 200" => http("200 OK", "Content-Type: text/html\r\n", page),
        "page 403" => http("403 Forbidden", "Content-Type: text/html\r\n", page),
        "page 404" => http("404 Not Found", "Content-Type: text/html\r\n", page),
        "page 502" => http("502 Bad Gateway", "Content-Type: text/html\r\n", page),
        "empty 403" => http("403 Forbidden", "", ""),
        "JSON 403" => http("403 Forbidden", "", r#"{"error":"blocked"}"#),
        "compressed 200" => http("200 OK", gzip, "\u{1f}\u{8}compressed"),
        "compressed 403" => http("403 Forbidden", gzip, "\u{1f}\u{8}compressed"),
        "empty 429" => http("429 Too Many Requests", "", ""),
        "truncated" => response[..response.len() - 2].to_vec(),
        "cut in the header" => response[..30].to_vec(),
        "two CertIds" => http("200 OK", "", r#"{"CertId":77,"CertId":78,"RequestId":"A-1"}"#),
        "empty JSON" => http("200 OK", "", "{}"),
        code => {
            let status = match code {
                "Forbidden.RAM" => "403 Forbidden",
                "InternalError" => "500 Internal Server Error",
                _ => "400 Bad Request",
            };
            http(status, "", &format!(r#"{{"Code":"{code}","RequestId":"A-1"}}"#))
        }
    }
}

/// Which responses the filter replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The first one to an upload.
    First,
    /// All to uploads.
    Uploads,
    /// All from the first one to an upload on.
    All,
}

struct Cell {
    what: String,
    reach: Reach,
    api: Api,
    rule: usize,
    end: String,
}

fn run(cell: &Cell) -> Result<(), String> {
    let Cell { what, reach, api, rule, end } = cell;
    let (reach, api) = (*reach, *api);
    let emulator = Emulator::start(&[]);
    let (uploaded, makes) = (AtomicBool::new(false), what.clone());
    let filter = Filter::start(emulator.port(), move |action| {
        let is_upload = action == api.upload();
        let first = is_upload && !uploaded.swap(true, Ordering::SeqCst);
        let meets = match reach {
            Reach::First => first,
            Reach::Uploads => is_upload,
            Reach::All => uploaded.load(Ordering::SeqCst),
        };
        if !meets {
            return Treatment::Pass;
        }
        if makes == "sent twice" {
            return Treatment::Repeat;
        }
        let makes = makes.clone();
        Treatment::Change(Box::new(move |response| filtered(&makes, response)))
    });
    // What is throttled or looked for in vain goes on until the deadline.
    let lasts = end == UNKNOWN || end == "CAS_ERR_THROTTLED";
    let settings = [
        ("CAS_API", api.number()),
        ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][*rule]),
        ("CAS_MAX_ATTEMPTS", "2"),
        ("CAS_TIMEOUT_MS", if lasts { "6000" } else { "60000" }),
    ];
    let outcome = report(&filter.url(), &settings, "web", &chain().chain, &chain().key).run();
    let wrong = |reason: &str| {
        let cell = format!("{what}, {reach:?}, {api:?}, {}", RULES[*rule]);
        Err(format!("{cell}: {reason}, not {end}\n{}", outcome.stdout))
    };
    // Throttled until the deadline: on a busy machine, the last attempt may get its response too
    // late, which leaves a doubt, or leads to a look-up that finds the certificate.
    let is_late = end == "CAS_ERR_THROTTLED" && [OK, UNKNOWN].contains(&outcome.field("status"));
    if ended(&outcome) != end && !is_late {
        return wrong("ended otherwise");
    }
    let stored = emulator.certificates();
    let copies = copies(&stored, chain());
    if copies.len() != 1 || stored.len() != 1 {
        return wrong(&format!("{} copies", copies.len()));
    }
    if outcome.field("status") == OK {
        return reported(&copies, &outcome).or_else(|reason| wrong(&reason));
    }
    Ok(())
}

#[test]
fn a_response_that_a_filter_replaces_ends_as_the_table_says() {
    chain();
    let as_another = table("rule");
    let mut cells = Vec::new();
    for (row, ends) in table("response becomes") {
        for what in row.split(", ") {
            for (reach, end) in [Reach::First, Reach::Uploads, Reach::All].into_iter().zip(&ends) {
                for api in [Api::Old, Api::New] {
                    for rule in 0..RULES.len() {
                        // Only 2020-04-07 has a ClientToken.
                        let (old, new) = end.split_once(" / ").unwrap_or((end, end));
                        let end = if api == Api::New { new } else { old };
                        // It is as if another call had stored it.
                        let end = match end {
                            "reused" => &as_another[RULES[rule]][1],
                            "unknown" => UNKNOWN,
                            end => end,
                        };
                        let (what, end) = (what.to_owned(), end.to_owned());
                        cells.push(Cell { what, reach, api, rule, end });
                    }
                }
            }
        }
    }
    run_all(&cells, |_| true, run);
    println!("{} cells", cells.len());
}

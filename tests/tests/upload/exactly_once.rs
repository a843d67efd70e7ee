//! Every fault at every point of an upload, in both versions and under every conflict rule, as
//! `docs/exactly-once.md` documents it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::limits::WAIT;
use acceptance::{Chain, Emulator, Outcome, chain, other_chain, report, top};
use serde_json::{Value, json};

pub const RULES: [&str; 4] = ["REUSE", "FAIL", "RENAME", "REPLACE"];
const KINDS: [&str; 13] = [
    "drop-before",
    "drop-after",
    "delay",
    "delay-after",
    "error",
    "throttled",
    "truncate",
    "garbage",
    "empty",
    "reset",
    "no-cert-id",
    "lag",
    "retired",
];
/// The delay of a request, and the deadline of the call. The first attempt may use half of the
/// deadline, which is less than the delay, also with the two seconds in which libcas then looks the
/// certificate up. What a busy machine adds is small beside both.
const DELAY_MS: u64 = 15_000;
const DEADLINE_MS: u64 = 20_000;
/// How long after its deadline a call may end, on a busy machine. A call that ignores its deadline
/// takes the lasting delay, ten times the deadline.
const SLACK_MS: u64 = 60_000;
/// The delay after which a new certificate is listed: less than the two seconds of look-ups before
/// another attempt in 2018-07-13, and much more than the one look-up in 2020-04-07 takes.
const LAG_MS: [u64; 2] = [1_000, 4_000];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Auto,
    Old,
    New,
}

impl Api {
    pub fn number(self) -> &'static str {
        ["0", "1", "2"][self as usize]
    }

    pub fn upload(self) -> &'static str {
        if self == Self::New { "UploadUserCertificate" } else { "CreateUserCertificate" }
    }

    pub fn list(self) -> &'static str {
        if self == Self::New { "ListUserCertificateOrder" } else { "DescribeUserCertificateList" }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Second,
    LookUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Free,
    Same,
    Another,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    kind: &'static str,
    place: Place,
    api: Api,
    rule: usize,
    name: Name,
}

/// The end of a cell.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// `created`, `reused`, `replaced` or a status.
    what: String,
    attempts: u32,
}

/// A fault of the emulator; `throttled` is an error with x-acs-retry-after.
fn fault(action: &str, kind: &str, times: Option<u32>) -> Value {
    let mut fault = match kind {
        "throttled" => json!({"kind": "error", "status": 400, "code": "Throttling.User",
                              "headers": {"x-acs-retry-after": "50"}}),
        "delay" | "delay-after" => json!({"kind": kind, "ms": DELAY_MS}),
        "lag" => json!({"kind": kind, "ms": LAG_MS[usize::from(action == Api::New.upload())]}),
        kind => json!({"kind": kind}),
    };
    fault["action"] = action.into();
    if let Some(times) = times.filter(|_| !["lag", "retired"].contains(&kind)) {
        fault["times"] = times.into();
    }
    fault
}

fn upload(emulator: &Emulator, name: &str, chain: &Chain, settings: &[(&str, &str)]) -> Outcome {
    let outcome = report(emulator.url(), settings, name, &chain.chain, &chain.key).run();
    assert!(outcome.code.is_some_and(|code| code <= 1), "{}\n{}", outcome.stdout, outcome.stderr);
    outcome
}

/// The table under the heading that begins with `column`, by its first column.
pub fn table(column: &str) -> BTreeMap<String, Vec<String>> {
    let document = fs::read_to_string(top().join("docs/exactly-once.md")).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    let lines =
        document.lines().skip_while(|line| !line.starts_with(&format!("| {column} |"))).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = cells(line);
            (cells.remove(0), cells)
        })
        .collect()
}

fn promised(
    cell: &Cell,
    ends: &BTreeMap<String, Vec<String>>,
    costs: &BTreeMap<String, Vec<String>>,
) -> End {
    let rule = RULES[cell.rule];
    let taken = cell.name != Name::Free;
    let sends = !taken
        || rule == "REUSE"
        || (cell.name == Name::Another && ["RENAME", "REPLACE"].contains(&rule));
    let end = &ends[rule][cell.name as usize];
    let retired = cell.kind == "retired";
    if retired && cell.api == Api::Old {
        let meets = match cell.place {
            Place::First => sends,
            Place::Second => sends && !(taken && rule == "REUSE"),
            Place::LookUp => true,
        };
        if meets {
            let (what, attempts) = match (cell.place, rule) {
                (Place::First, _) => ("CAS_ERR_SERVICE", 1),
                (Place::Second, _) => ("CAS_ERR_OUTCOME_UNKNOWN", 2),
                (Place::LookUp, "REUSE") => ("CAS_ERR_OUTCOME_UNKNOWN", 1),
                (Place::LookUp, _) => ("CAS_ERR_SERVICE", 0),
            };
            return End { what: what.to_owned(), attempts };
        }
    }
    let row = match (cell.kind, cell.api) {
        ("retired", Api::Auto) => "retired, CAS_API_AUTO",
        // Version 2020-04-07 is never retired: the fault has no effect.
        ("retired", _) => "no-cert-id",
        // Only 2020-04-07 has a ClientToken, so that it may be sent again after one look-up.
        ("lag", Api::New) => "lag, CAS_API_2020_04_07",
        ("lag", _) => "lag, CAS_API_2018_07_13",
        (kind, _) => kind,
    };
    let (free, reuse) = costs[row][cell.place as usize].split_once(" / ").unwrap();
    let (attempts, created) = match (sends, taken && rule == "REUSE") {
        (false, _) => ("0", false),
        (true, true) => (reuse.trim_end_matches('*'), reuse.ends_with('*')),
        (true, false) => (free, false),
    };
    let what = match end.split_whitespace().next().unwrap() {
        "reused" if created => "created",
        what => what,
    };
    End { what: what.to_owned(), attempts: attempts.parse().unwrap() }
}

fn ended(outcome: &Outcome) -> End {
    let what = match outcome.field("status") {
        "CAS_OK" => {
            ["created", "reused", "replaced"][outcome.field("outcome").parse::<usize>().unwrap()]
        }
        status => status,
    };
    End { what: what.to_owned(), attempts: outcome.field("attempts").parse().unwrap() }
}

/// The number of uploads that the emulator has responded to.
fn uploads(emulator: &Emulator, api: Api) -> usize {
    emulator.requests().iter().filter(|request| request["action"] == api.upload()).count()
}

/// Runs one cell; returns what is wrong with it.
fn run(cell: &Cell, expected: &End) -> Result<(), String> {
    let emulator = Emulator::start(&[]);
    match cell.name {
        Name::Free => {}
        Name::Same => {
            assert_eq!(upload(&emulator, "web", chain(), &[]).field("cert_id"), "10000000")
        }
        Name::Another => {
            assert_eq!(upload(&emulator, "web", other_chain(), &[]).field("cert_id"), "10000000")
        }
    }
    let uploads_before = uploads(&emulator, cell.api);
    let kind = |action| fault(action, cell.kind, Some(1));
    let before = |kind| fault(cell.api.upload(), kind, Some(1));
    emulator.fault(
        &match cell.place {
            Place::First => json!([kind(cell.api.upload())]),
            Place::Second => json!([before("drop-before"), kind(cell.api.upload())]),
            // The lag is set when the certificate is stored.
            Place::LookUp if cell.kind == "lag" => json!([before("lag"), before("drop-after")]),
            Place::LookUp => json!([before("drop-after"), kind(cell.api.list())]),
        }
        .to_string(),
    );
    let deadline = match cell.kind {
        "delay" | "delay-after" => DEADLINE_MS,
        // Short, as some end in doubt.
        "retired" => 10_000,
        _ => 30_000,
    };
    let settings = [
        ("CAS_API", cell.api.number()),
        ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][cell.rule]),
        ("CAS_TIMEOUT_MS", &deadline.to_string()),
    ];
    let started = Instant::now();
    let outcome = upload(&emulator, "web", chain(), &settings);
    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap();
    let wrong =
        |what: &str| Err(format!("{cell:?}: {what}\nexpected {expected:?}\n{}", outcome.stdout));
    if elapsed > deadline + SLACK_MS {
        return wrong(&format!("took {elapsed} ms"));
    }
    if ended(&outcome) != *expected {
        return wrong("ended otherwise");
    }
    // The emulator still processes the attempt that timed out.
    let attempts: usize = outcome.field("attempts").parse().unwrap();
    while cell.kind == "delay" && uploads(&emulator, cell.api) < uploads_before + attempts {
        if started.elapsed() > WAIT {
            return wrong("the emulator did not get to the end");
        }
        thread::sleep(Duration::from_millis(50));
    }
    let stored = emulator.certificates();
    let before_this = usize::from(cell.name != Name::Free);
    let own = check_stored(&stored, &outcome, cell);
    own.map_err(|what| wrong(&what).unwrap_err())?;
    let expected_count = match (cell.name, expected.what.as_str()) {
        (Name::Another, "created") => 2,
        (Name::Free, "created") => 1,
        // A look-up that fails follows an attempt that was stored.
        (Name::Free, "CAS_ERR_OUTCOME_UNKNOWN") if cell.place == Place::LookUp => 1,
        (_, _) => before_this,
    };
    if stored.len() != expected_count {
        return wrong(&format!("{} certificates instead of {expected_count}", stored.len()));
    }
    Ok(())
}

/// The version that a successful call reports: AUTO switches to the newer version when the older
/// one is retired.
fn version(outcome: &Outcome, cell: &Cell) -> &'static str {
    let attempts: u32 = outcome.field("attempts").parse().unwrap();
    let meets_retired = match cell.place {
        // Every call that sends a request meets it.
        Place::First => attempts > 0,
        // The first attempt is lost; the second, or the look-up between them, meets it.
        Place::Second => attempts > 1,
        Place::LookUp => true,
    };
    match cell.api {
        Api::New => "2",
        Api::Auto if cell.kind == "retired" && meets_retired => "2",
        Api::Auto | Api::Old => "1",
    }
}

/// The certificate is stored at most once, and the call reports where.
fn check_stored(stored: &[Value], outcome: &Outcome, cell: &Cell) -> Result<(), String> {
    let pem = fs::read_to_string(&chain().chain).unwrap();
    let copies: Vec<_> = stored.iter().filter(|one| one["cert_pem"] == pem.as_str()).collect();
    if copies.len() > 1 {
        return Err(format!("{} copies", copies.len()));
    }
    if outcome.field("status") != "CAS_OK" {
        return Ok(());
    }
    let Some(copy) = copies.first() else {
        return Err("a success, and nothing is stored".to_owned());
    };
    for (field, value) in [
        ("cert_id", copy["cert_id"].to_string()),
        ("name", copy["name"].as_str().unwrap().to_owned()),
        ("api", version(outcome, cell).to_owned()),
    ] {
        if outcome.field(field) != value {
            return Err(format!("{field} is not {value}"));
        }
    }
    let sha256 = copy["sha256"].as_str().unwrap()[..8].to_lowercase();
    let name = outcome.field("name");
    if name != "web" && name != format!("web-{sha256}") {
        return Err("a name that was not asked for".to_owned());
    }
    Ok(())
}

/// Runs cells in parallel: many delayed ones, as they wait most of the time, and a few of the
/// others.
pub fn run_all<T: Sync>(
    cells: &[T],
    is_delayed: impl Fn(&T) -> bool,
    run: impl Fn(&T) -> Result<(), String> + Sync,
) {
    let (delayed, others): (Vec<&T>, Vec<&T>) = cells.iter().partition(|cell| is_delayed(cell));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (cells, threads) in [(&delayed, 96), (&others, 4)] {
            let next = Arc::new(AtomicUsize::new(0));
            for _ in 0..threads {
                let (next, failures, run) = (Arc::clone(&next), &failures, &run);
                scope.spawn(move || {
                    while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(failure) = run(cell) {
                            failures.lock().unwrap().push(failure);
                        }
                    }
                });
            }
        }
    });
    let failures = failures.into_inner().unwrap();
    let (failed, all) = (failures.len(), cells.len());
    assert!(failures.is_empty(), "{failed} of {all} cells:\n{}", failures.join("\n"));
}

#[test]
fn every_fault_at_every_point_ends_as_the_table_says() {
    chain();
    other_chain();
    let (ends, costs) = (table("rule"), table("fault"));
    let mut cells = Vec::new();
    for kind in KINDS {
        let apis: &[Api] = if kind == "retired" {
            &[Api::Auto, Api::Old, Api::New]
        } else {
            &[Api::Old, Api::New]
        };
        for &api in apis {
            for place in [Place::First, Place::Second, Place::LookUp] {
                for rule in 0..RULES.len() {
                    for name in [Name::Free, Name::Same, Name::Another] {
                        cells.push(Cell { kind, place, api, rule, name });
                    }
                }
            }
        }
    }
    run_all(
        &cells,
        // A lost response in 2018-07-13 is looked up over two seconds.
        |cell| cell.kind.starts_with("delay") || cell.api != Api::New,
        |cell| run(cell, &promised(cell, &ends, &costs)),
    );
    println!("{} cells", cells.len());
    assert_eq!(cells.len(), (12 * 2 + 3) * 3 * 4 * 3);
}

#[test]
fn a_lasting_fault_ends_as_the_table_says() {
    chain();
    let document = fs::read_to_string(top().join("docs/exactly-once.md")).unwrap();
    let mut cells = Vec::new();
    for line in document.lines().skip_while(|line| !line.starts_with("| fault | the list")).skip(2)
    {
        let Some((kind, ends)) = line.trim_matches('|').split_once(" | ") else { break };
        let kind = kind.trim().trim_matches('`').to_owned();
        for (end, list_too) in ends.split(" | ").zip([false, true]) {
            for api in [Api::Old, Api::New] {
                cells.push((kind.clone(), api, list_too, end.trim().trim_matches('`').to_owned()));
            }
        }
    }
    assert_eq!(cells.len(), 40);
    run_all(
        &cells,
        |_| true,
        |(kind, api, list_too, end)| {
            let emulator = Emulator::start(&[]);
            for action in [api.upload(), api.list()].into_iter().take(1 + usize::from(*list_too)) {
                let mut fault = fault(action, kind, Some(1_000));
                if fault["ms"].is_u64() {
                    // Longer than the deadline and its slack.
                    fault["ms"] = json!(if kind == "delay" { 10 * DEADLINE_MS } else { DELAY_MS });
                }
                emulator.fault(&fault.to_string());
            }
            let deadline = match kind.as_str() {
                "delay" | "delay-after" => DEADLINE_MS,
                // Throttled calls, and look-ups in doubt, go on until the deadline.
                "throttled" => 5_000,
                _ => 8_000,
            };
            let settings = [
                ("CAS_API", api.number()),
                ("CAS_MAX_ATTEMPTS", "2"),
                ("CAS_TIMEOUT_MS", &deadline.to_string()),
            ];
            let started = Instant::now();
            let outcome = upload(&emulator, "web", chain(), &settings);
            let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap();
            let wrong =
                |what: &str| Err(format!("{kind} {api:?} {list_too}: {what}\n{}", outcome.stdout));
            if ended(&outcome).what != *end || elapsed > deadline + SLACK_MS {
                return wrong(&format!("not {end} ({elapsed} ms)"));
            }
            if end == "CAS_ERR_OUTCOME_UNKNOWN" {
                let sha1 = emulator
                    .certificates()
                    .first()
                    .map(|one| one["sha1"].as_str().unwrap().to_owned());
                let hint = outcome.field("hint");
                let helps = hint.contains("\"web\"") && hint.contains("same call again");
                if !helps
                    || sha1.is_some_and(|sha1| !hint.contains(&sha1))
                    || outcome.field("retryable") != "1"
                {
                    return wrong("says too little");
                }
            }
            Ok(())
        },
    );
    println!("{} cells", cells.len());
}

//! Processes that are killed or stopped in the middle of an upload, and clocks that jump.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use acceptance::limits::WAIT;
use acceptance::network::filter::{Filter, Treatment};
use acceptance::network::silent::Silent;
use acceptance::program::compile_preload;
use acceptance::{
    Chain, Emulator, Outcome, Process, Program, chain, other_chain, report, run, scratch,
};

use crate::crowds::{many_chains, random};
use crate::exactly_once::{Api, RULES, run_all};
use crate::mixed::HOLDERS;
use crate::truth::{NAME_TAKEN, UNKNOWN, check, copies, ended, reported, times};

fn upload(url: &str, chain: &Chain, settings: &[(&str, &str)]) -> Program {
    report(url, settings, "web", &chain.chain, &chain.key)
}

/// An emulator in which another certificate may have the name.
fn emulator(taken: bool) -> Emulator {
    let emulator = Emulator::start(&[]);
    if taken {
        upload(emulator.url(), other_chain(), &[]).run().assert_fields(&[("cert_id", "10000000")]);
    }
    emulator
}

/// Makes the call of a killed process again, and checks that it succeeds with one copy.
fn again(emulator: &Emulator, settings: &[(&str, &str)], rule: &str) -> Result<(), String> {
    let outcome = upload(emulator.url(), chain(), settings).run();
    let stored = emulator.certificates();
    let own = copies(&stored, chain());
    let others = copies(&stored, other_chain()).len();
    let wrong =
        |reason: &str| Err(format!("{reason}, {} certificates\n{}", stored.len(), outcome.stdout));
    // The killed process has stored it, and FAIL says so.
    let is_taken = rule == "FAIL" && ended(&outcome) == NAME_TAKEN;
    if own.len() != 1 || !(is_taken || reported(&own, &outcome).is_ok()) {
        return wrong("not one copy");
    }
    if others != usize::from(rule == "RENAME") {
        return wrong("the other certificate");
    }
    Ok(())
}

/// An upload: version, number of the rule, and whether another certificate has the name.
type Upload = (Api, usize, bool);

/// Lets a process get to its request number `number`, and calls `interrupt` before or after the
/// service gets that. The response is delivered when `interrupt` returns.
fn interrupt(
    emulator: &Emulator,
    settings: &[(&str, &str)],
    (number, is_applied): (usize, bool),
    interrupt: impl FnOnce(Process) -> Process,
) -> Process {
    let (arrives, arrived) = channel();
    // Dropped after the interruption, which ends the wait.
    let (interrupted, waiting) = channel::<()>();
    let (count, channels) = (AtomicUsize::new(0), Mutex::new(Some((arrives, waiting))));
    let filter = Filter::start(emulator.port(), move |_| {
        if count.fetch_add(1, Ordering::SeqCst) + 1 != number {
            return Treatment::Pass;
        }
        let (arrives, waiting) = channels.lock().unwrap().take().unwrap();
        let wait = move || {
            arrives.send(()).unwrap();
            let _ = waiting.recv_timeout(WAIT);
        };
        if is_applied {
            return Treatment::Change(Box::new(move |response| {
                wait();
                response
            }));
        }
        wait();
        Treatment::LoseRequest
    });
    let process = upload(&filter.url(), chain(), settings).start();
    arrived.recv_timeout(WAIT).expect("the upload has fewer requests");
    let process = interrupt(process);
    drop(interrupted);
    process
}

/// Every request of every upload, and whether it is applied before the interruption.
fn all_requests() -> Vec<(Upload, (usize, bool))> {
    let mut cells = Vec::new();
    for api in [Api::Old, Api::New] {
        for (rule, taken) in HOLDERS {
            let settings =
                [("CAS_API", api.number()), ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule])];
            let emulator = emulator(taken);
            let before = emulator.requests().len();
            upload(emulator.url(), chain(), &settings).succeed();
            for number in 1..=emulator.requests().len() - before {
                cells.extend([false, true].map(|applied| ((api, rule, taken), (number, applied))));
            }
        }
    }
    cells
}

#[test]
fn an_upload_that_is_killed_at_any_request_succeeds_in_the_next_process() {
    chain();
    other_chain();
    let cells = all_requests();
    run_all(
        &cells,
        |_| false,
        |&((api, rule, taken), point)| {
            let settings =
                [("CAS_API", api.number()), ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule])];
            let emulator = emulator(taken);
            let process = interrupt(&emulator, &settings, point, |process| {
                run(Command::new("kill").arg("-KILL").arg(process.id().to_string()));
                process
            });
            assert_eq!(process.finish().code, None);
            again(&emulator, &settings, RULES[rule])
                .map_err(|reason| format!("{api:?}, {}, {point:?}: {reason}", RULES[rule]))
        },
    );
    println!("{} cells", cells.len());
}

#[test]
fn an_upload_that_is_stopped_at_any_request_ends_with_a_true_status() {
    chain();
    other_chain();
    let cells = all_requests();
    let deadline = Duration::from_secs(4);
    run_all(
        &cells,
        |_| true,
        |&((api, rule, taken), point)| {
            let settings = [
                ("CAS_API", api.number()),
                ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule]),
                ("CAS_TIMEOUT_MS", &deadline.as_millis().to_string()),
            ];
            let emulator = emulator(taken);
            let started = Instant::now();
            let process = interrupt(&emulator, &settings, point, |process| {
                stop(process.id());
                process
            });
            let over = started + deadline + Duration::from_millis(500);
            thread::sleep(over.saturating_duration_since(Instant::now()));
            run(Command::new("kill").arg("-CONT").arg(process.id().to_string()));
            let outcome = process.finish();
            let others = copies(&emulator.certificates(), other_chain()).len();
            let is_kept = others == usize::from(taken) || ended(&outcome) == "replaced";
            let wrong = |reason: &str| {
                let cell = format!("{api:?}, {}, {point:?}", RULES[rule]);
                Err(format!("{cell}: {reason}\n{}", outcome.stdout))
            };
            // A deletion whose response came too late is reported as created.
            if !is_kept && (RULES[rule], ended(&outcome)) != ("REPLACE", "created") {
                return wrong("the other certificate");
            }
            check(&emulator, chain(), &outcome).or_else(|reason| wrong(&reason))
        },
    );
    println!("{} cells", cells.len());
}

#[test]
fn uploads_that_are_killed_at_any_time_succeed_in_the_next_process() {
    chain();
    other_chain();
    let mut cells = Vec::new();
    for number in 0..times().unwrap_or(1) * 8 {
        for api in [Api::Old, Api::New] {
            cells.push((api, HOLDERS[number % HOLDERS.len()], number));
        }
    }
    run_all(
        &cells,
        |_| false,
        |&(api, (rule, taken), number)| {
            let settings =
                [("CAS_API", api.number()), ("CAS_ON_CONFLICT", ["0", "1", "2", "3"][rule])];
            let emulator = emulator(taken);
            let count = AtomicUsize::new(number * 1_000);
            let filter = Filter::start(emulator.port(), move |_| {
                match random(count.fetch_add(1, Ordering::Relaxed)) % 100 {
                    0..40 => Treatment::lose_response(),
                    _ => Treatment::Pass,
                }
            });
            // Some finish before. Any time will do.
            let processes: Vec<_> =
                (0..4).map(|_| upload(&filter.url(), chain(), &settings).start()).collect();
            for (time, process) in processes.into_iter().enumerate() {
                thread::sleep(Duration::from_micros(random(number * 4 + time) % 20_000));
                process.kill();
            }
            again(&emulator, &settings, RULES[rule])
                .map_err(|reason| format!("{api:?}, {}, {number}: {reason}", RULES[rule]))
        },
    );
    println!("{} cells", cells.len());
}

/// Stops a process, and waits until it is stopped, or has ended before.
fn stop(process: u32) {
    run(Command::new("kill").arg("-STOP").arg(process.to_string()));
    let started = Instant::now();
    let state = || fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    while !state().rsplit(')').next().unwrap().trim_start().starts_with(['T', 'Z']) {
        assert!(started.elapsed() < WAIT, "it does not stop");
        thread::yield_now();
    }
}

/// A clock that a test moves, in seconds from the real one.
struct Clock(PathBuf);

impl Clock {
    fn new(name: &str) -> Self {
        let clock = Self(scratch("clocks").join(name));
        clock.set(0);
        clock
    }

    fn set(&self, seconds: i64) {
        let new = self.0.with_extension("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    /// Gives a program this clock.
    fn under(&self, program: Program) -> Program {
        let preload = compile_preload("tests/fixtures/c/redirect_connect.c");
        program.env("LD_PRELOAD", preload).env("REDIRECT_CLOCK", &self.0)
    }
}

const HOUR: i64 = 3_600;

#[test]
fn uploads_go_on_when_the_clock_jumps() {
    // Valid at all of these times.
    let certificate = &many_chains()[0];
    for api in [Api::Old, Api::New] {
        let emulator = Emulator::start(&[]);
        let clock = Clock::new(&format!("uploads-{api:?}"));
        let jumps = [0, 5 * HOUR, -5 * HOUR, 0, 24 * HOUR, -48 * HOUR, 0];
        let settings = [("CAS_API", api.number()), ("CAS_STEP", "1")];
        let program = upload(emulator.url(), certificate, &settings).arg(jumps.len().to_string());
        let mut process = clock.under(program).start();
        let mut before = 0;
        for (number, jump) in jumps.into_iter().enumerate() {
            clock.set(jump);
            assert!(process.write("\n"));
            let mut said = String::new();
            while !said.contains("attempts=") {
                said += &(process.line().unwrap() + "\n");
            }
            let outcome = Outcome { code: Some(0), stdout: said, stderr: String::new() };
            // The first attempt has the wrong time, and the service tells the right one.
            let attempts = if jump == before { "1" } else { "2" };
            let id = (10_000_000 + number).to_string();
            outcome.assert_fields(&[("outcome", "0"), ("cert_id", &id), ("attempts", attempts)]);
            before = jump;
        }
        assert_eq!(process.finish().code, Some(0));
        assert_eq!(emulator.certificates().len(), jumps.len());
    }
}

#[test]
fn time_outs_do_not_depend_on_the_clock() {
    let timeout = Duration::from_secs(3);
    let silent = Silent::start();
    for (number, jump) in [5 * HOUR, -5 * HOUR].into_iter().enumerate() {
        let clock = Clock::new(&format!("time-outs-{number}"));
        let settings = [("CAS_TIMEOUT_MS", &*timeout.as_millis().to_string())];
        let url = format!("http://{}", silent.address());
        let started = Instant::now();
        let process = clock.under(upload(&url, &many_chains()[0], &settings)).start();
        while silent.heard() <= number {
            assert!(started.elapsed() < WAIT, "nothing is sent");
            thread::sleep(Duration::from_millis(1));
        }
        clock.set(jump);
        // By the clock, it would end at once or in five hours. The first attempt alone may use half
        // of the time.
        process.finish().assert_fields(&[("status", UNKNOWN)]);
        assert!(started.elapsed() >= timeout / 2, "{:?}", started.elapsed());
    }
}

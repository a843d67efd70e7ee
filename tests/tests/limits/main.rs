//! The limits of the harness: a test that hangs fails by its name, and leaves no process behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use acceptance::limits::TEST_LIMIT_MS;
use acceptance::{Outcome, Process, Program, top};

/// Makes [`hangs_on_request`] hang.
const HANG: &str = "ACCEPTANCE_TEST_HANGS";

/// Hangs if the test below runs it again, and does nothing otherwise.
#[test]
fn hangs_on_request() {
    if std::env::var_os(HANG).is_some() {
        let sleep = Program::bare("sleep").arg("1000").start();
        println!("sleep={}", sleep.id());
        loop {
            std::thread::park();
        }
    }
}

fn is_running(process: &str) -> bool {
    let status = std::fs::read_to_string(Path::new("/proc").join(process).join("status"));
    status.is_ok_and(|status| !status.contains("\nState:\tZ"))
}

#[test]
fn a_test_that_hangs_fails_by_its_name_and_its_processes_end() {
    for threads in ["1", "2"] {
        let outcome: Outcome = Program::bare(std::env::current_exe().unwrap())
            .args(["--exact", "hangs_on_request", "--nocapture", "--test-threads", threads])
            .env(HANG, "1")
            .env(TEST_LIMIT_MS, "500")
            .run();
        assert_eq!(outcome.code, Some(101), "{outcome:?}");
        // With one thread, the name is printed when the test begins.
        let printed = outcome.stdout.clone() + &outcome.stderr;
        assert!(printed.contains("hangs_on_request"), "{outcome:?}");
        assert!(outcome.stderr.contains("FAILED, as it ran for 500ms"), "{outcome:?}");
        let (_, sleep) = outcome.stdout.split_once("sleep=").unwrap();
        assert!(!is_running(sleep.lines().next().unwrap()), "sleep still runs");
    }
}

/// The message with which a function panics.
fn panics(hanging: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(hanging)).expect_err("it did not panic");
    payload.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn a_process_that_does_not_end_fails_its_test_and_is_ended() {
    let sleep = || Program::bare("sleep").arg("1000").start();
    let process = sleep();
    let id = process.id().to_string();
    let message = panics(|| drop(process.finish_within(Duration::from_millis(300))));
    assert!(message.contains("still running after 300ms: ") && message.contains("\"sleep\""));
    assert!(!is_running(&id));
    // A process that no test waits for ends with its test.
    let process: Process = sleep();
    let id = process.id().to_string();
    drop(process);
    assert!(!is_running(&id));
}

#[test]
fn a_process_that_ends_early_fails_a_session() {
    let message = panics(|| drop(Program::bare("true").session().ask("1")));
    assert!(
        message.contains("no response to 1") || message.contains("ended before 1"),
        "{message}"
    );
}

/// Methods that wait without a limit, or start a process that has none.
const UNBOUNDED: [&str; 5] = ["spawn", "output", "recv", "status", "wait_with_output"];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    folders.iter().flat_map(|folder| sources(folder)).chain(files).collect()
}

#[test]
fn tests_wait_and_start_processes_only_through_the_harness() {
    let tests = sources(&top().join("tests/tests"));
    assert!(tests.len() > 20, "{tests:?}");
    for path in tests {
        let text = std::fs::read_to_string(&path).unwrap();
        // Not spawn(|| …), which starts a thread.
        let unbounded = UNBOUNDED.iter().find(|name| text.contains(&format!(".{name}()")));
        assert_eq!(unbounded, None, "{}", path.display());
        assert!(!text.contains(concat!("#[", "ignore")), "{}", path.display());
    }
}

//! casctl on a terminal, which `script` makes.

use std::fs;
use std::thread;
use std::time::Instant;

use acceptance::limits::WAIT;
use acceptance::{Emulator, Outcome, Process, Program};

/// `script`, whose commands call an emulator.
pub fn script(emulator: &Emulator) -> Program {
    Program::new("script").env("SHELL", "/bin/sh").env("CASCTL_ENDPOINT", emulator.url())
}

/// A command line on a terminal: what the test writes is typed, and what the terminal shows is its
/// standard output.
pub fn on_terminal(script: Program, command: &str) -> Process {
    let command = format!("exec {command}");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]).start()
}

/// The process that runs on the terminal.
pub fn on_it(terminal: &Process) -> u32 {
    let id = terminal.id();
    loop {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        if let Ok(child) = children.trim().parse() {
            return child;
        }
        thread::yield_now();
    }
}

/// Types once the terminal no longer shows what is typed.
pub fn type_unseen(terminal: &mut Process, keys: &str) {
    let device = format!("/proc/{}/fd/2", on_it(terminal));
    let shows_input = || {
        let settings = Program::bare("stty").args(["-a", "-F", &device]).run();
        !settings.stdout.contains(" -echo ")
    };
    while shows_input() {
        thread::yield_now();
    }
    assert!(terminal.write(keys), "it has ended");
}

/// Types Ctrl+C until the command has ended.
pub fn interrupt_until_it_ends(mut terminal: Process) -> Outcome {
    let started = Instant::now();
    while terminal.write("\u{3}") && started.elapsed() < WAIT {
        thread::yield_now();
    }
    terminal.finish()
}

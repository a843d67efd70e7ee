//! `pthread_cancel` of a thread inside libcas, and what a log function may do.

use acceptance::program::compile;
use acceptance::stub::Reply;
use acceptance::{Emulator, Program, Stub};

#[test]
fn a_thread_is_cancelled_once_its_call_has_returned() {
    let emulator = Emulator::start(&[]);
    let silent = Stub::start(vec![Reply::Nothing]);
    let program = Program::new(compile("tests/fixtures/c/pthread_cancel.c", &[]));
    program.arg(emulator.url()).with_chain().arg(silent.url()).succeed();
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn a_log_function_may_call_other_clients_and_cancel_its_own() {
    let emulator = Emulator::start(&[]);
    let program = Program::new(compile("tests/fixtures/c/log_function.c", &[]));
    program.arg(emulator.url()).with_chain().succeed();
    assert_eq!(emulator.certificates().len(), 1);
}

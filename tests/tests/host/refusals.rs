//! A refused value is never replaced by another one. Also here: timeouts of a request, roots from
//! memory, and the stack that a call needs.

use acceptance::program::Program;
use acceptance::{Emulator, chain, compile, other_chain};

fn program(source: &str) -> Program {
    program_with(source, &[])
}

fn program_with(source: &str, flags: &[&str]) -> Program {
    Program::new(compile(&format!("tests/fixtures/c/{source}.c"), flags))
}

/// Without and with a check of the memory that programs borrow.
const CHECKS: [&[&str]; 2] = [&[], &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]];

#[test]
fn a_refused_option_prevents_a_client_until_it_is_set_right() {
    for flags in CHECKS {
        program_with("refused_config", flags).arg(&chain().root).succeed();
    }
}

#[test]
fn a_request_never_sends_what_a_failed_setter_should_have_replaced() {
    for flags in CHECKS {
        let emulator = Emulator::start(&[]);
        let uploads = program_with("refused_request", flags).arg(emulator.url()).with_chain();
        uploads.args(other_chain().files()).succeed();
        let stored = emulator.certificates();
        let names: Vec<_> = stored.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["a", "b"]);
        // Two uploads, each after a look at the list.
        assert_eq!(emulator.requests().len(), 4, "{:#?}", emulator.requests());
    }
}

#[test]
fn a_request_has_a_timeout_of_its_own() {
    let emulator = Emulator::start(&[]);
    emulator.fault(r#"{"action":"*","kind":"delay","ms":700,"times":1000}"#);
    program("request_timeout").arg(emulator.url()).with_chain().succeed();
}

#[test]
fn roots_from_memory_are_trusted_alone() {
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    program("ca_pem")
        .arg(emulator.url())
        .with_chain()
        .args([&chain().root, &other_chain().root])
        .env("SSL_CERT_FILE", &chain().root)
        .succeed();
}

#[test]
fn a_stack_of_64_kib_is_enough() {
    let [cert, key] = chain().files();
    let plain = Emulator::start(&[]);
    program("small_stack").arg(plain.url()).with_chain().succeed();
    let tls = Emulator::start_tls(cert, key, &[]);
    program("small_stack").arg(tls.url()).with_chain().arg(&chain().root).succeed();
}

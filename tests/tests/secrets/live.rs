//! What a client that lives on keeps of the answers that it got: no private key, and of a temporary
//! key only itself.

use std::fs;

use acceptance::setups::case;
use acceptance::{Emulator, Process, Program, chain, compile, memory};
use serde_json::Value;

/// Does a call.
#[track_caller]
fn call(process: &mut Process, word: &str) {
    assert!(process.write(&format!("{word}\n")), "it has ended before {word}");
    assert_eq!(process.line().as_deref(), Some("done"), "{word}");
}

/// Pieces of each line of the private key, in characters that no encoding changes.
fn pieces_of_key() -> Vec<String> {
    let key = fs::read_to_string(&chain().key).unwrap();
    let lines = key.lines().filter(|line| !line.starts_with("-----"));
    let pieces = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
    let pieces: Vec<_> = pieces.filter(|piece| piece.len() >= 16).map(ToOwned::to_owned).collect();
    assert!(pieces.len() > 10);
    pieces
}

#[test]
fn no_private_key_of_an_answer_stays_in_a_live_client() {
    let [cert, key] = chain().files();
    let pieces = pieces_of_key();
    for emulator in [Emulator::start(&[]), Emulator::start_tls(cert, key, &[])] {
        for api in ["1", "2"] {
            let program = Program::new(compile("tests/fixtures/c/live.c", &[]))
                .env("CAS_ENDPOINT", emulator.url())
                .env("CAS_API", api)
                .env("SSL_CERT_FILE", &chain().root);
            let mut process = program.with_chain().start();
            // The control: where the key must be, every piece of it is found.
            call(&mut process, "hold");
            let held = memory::of(&process);
            assert!(pieces.iter().all(|piece| held.contains(piece)), "the search finds nothing");
            call(&mut process, "release");
            for word in ["upload", "upload", "get", "list", "get"] {
                call(&mut process, word);
                let left = memory::of(&process);
                let found = pieces.iter().filter(|piece| left.contains(*piece)).count();
                assert_eq!(found, 0, "pieces of the key after {word} at {}", emulator.url());
            }
        }
        if emulator.url().starts_with("http:") {
            // The emulator returned the key in both versions: for each get and look-up.
            let requests = emulator.requests();
            let is_detail =
                |request: &&Value| request["action"].as_str().unwrap().contains("Detail");
            assert!(requests.iter().filter(is_detail).count() >= 4);
        }
    }
}

#[test]
fn of_a_temporary_key_only_the_key_stays_in_a_live_client() {
    for (name, service) in [
        ("RamRoleArn", "sts"),
        ("OIDC", "oidc"),
        ("CloudSSO", "sso"),
        ("OAuth, tokens to be refreshed", "oauth"),
        ("instance role", "ecs"),
        ("URI", "uri"),
    ] {
        let host = case(name).host();
        let program = host.program(compile("tests/fixtures/c/live.c", &[]));
        let program = program.env("CAS_ENDPOINT", host.emulator.url());
        let mut process = program.with_chain().start();
        call(&mut process, "upload");
        let left = memory::of(&process);
        // The control: the client holds the key.
        assert!(left.contains(&format!("canary-secret-{service}-1")), "{name}");
        // Quotation marks are around it only in the answer.
        let parts = ["secret", "token"].map(|part| format!("\"canary-{part}-{service}-1\""));
        let tokens = ["access", "refresh"].map(|part| format!("\"canary-oauth-{part}-1\""));
        for part in parts.iter().chain(&tokens) {
            assert!(!left.contains(part), "{name}: {part}");
        }
    }
}

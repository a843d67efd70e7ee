//! The table of official packages and operations. With `--nocapture` the test prints it.

use std::collections::BTreeMap;
use std::process::Command;

use acceptance::{Emulator, chain, node_modules, run, top};

/// The packages for Node.js, and how many operations each can call: those of one version or both.
const CLIENTS: [(&str, usize); 4] =
    [("pop-core GET", 8), ("pop-core POST", 8), ("rpc-client", 8), ("cas20200407", 4)];

#[test]
fn every_package_for_node_js_calls_every_operation() {
    let emulator = Emulator::start(&[]);
    let mut node = Command::new("node");
    node.arg(top().join("tests/fixtures/node/sdk.js")).arg(emulator.url()).args(chain().files());
    let printed = run(node.env("NODE_PATH", node_modules()));
    print!("{printed}");
    let mut calls = BTreeMap::<&str, usize>::new();
    for line in printed.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!((cells.len(), cells.last()), (3, Some(&"ok")), "{line}");
        *calls.entry(cells[0]).or_default() += 1;
    }
    assert_eq!(calls, CLIENTS.into());
    assert!(emulator.certificates().is_empty());
}

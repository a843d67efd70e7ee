//! Facts about a certificate are those that openssl shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::inspection::{Inspection, inspect, pair};
use acceptance::{run, scratch};

/// A name of each type that openssl makes: its type, its value in openssl's configuration, and
/// what libcas shows.
const NAMES: [[&str; 3]; 9] = [
    ["DNS", "a.example", "a.example"],
    ["URI", "http://a.example/?b,c", "http://a.example/?b,c"],
    ["email", "me@a.example", "me@a.example"],
    ["IP", "192.0.2.1", "192.0.2.1"],
    ["IP", "2001:db8::1", "2001:db8::1"],
    ["dirName", "directory", "O=Example, CN=a, b"],
    ["RID", "2.999.3", "2.999.3"],
    ["RID", UUID, UUID],
    ["otherName", "2.48.1;UTF8:x", "2.48.1"],
];
const UUID: &str = "2.25.340282366920938463463374607431768211455";
const SERIALS: [&str; 9] =
    ["0", "1", "127", "128", "0x00E712D3A0A56ED6C9", "-1", "-128", "-129", "-0x04316693ED"];

/// Self-signed certificates with these names and each of the serial numbers.
fn certificates() -> Vec<PathBuf> {
    let directory = scratch("facts");
    let names: String = NAMES
        .iter()
        .enumerate()
        .map(|(n, [kind, value, _])| format!("{kind}.{n} = {value}\n"))
        .collect();
    let configuration = format!(
        "oid_section = oids\n[oids]\nodd = 2.999.1\n[req]\ndistinguished_name = subject\n\
         x509_extensions = extensions\nprompt = no\n[subject]\nodd = x\nCN = a\n[extensions]\n\
         basicConstraints = CA:FALSE\nsubjectAltName = @names\n[names]\n{names}[directory]\n\
         O = Example\nCN = a, b\n"
    );
    let file = directory.join("openssl.cnf");
    fs::write(&file, configuration).unwrap();
    let certificate = |(n, serial): (usize, &&str)| {
        let path = directory.join(format!("{n}.pem"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-keyout", "/dev/null", "-set_serial", serial, "-config"]);
        run(openssl.arg(&file).arg("-out").arg(&path));
        path
    };
    SERIALS.iter().enumerate().map(certificate).collect()
}

fn shown(certificate: &Path, option: &str) -> String {
    let mut openssl = Command::new("openssl");
    let text = run(openssl.args(["x509", "-noout", option, "-in"]).arg(certificate));
    text.trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn serials_issuers_and_each_name_are_those_of_openssl() {
    let certificates = certificates();
    let lines: Vec<String> = certificates.iter().map(|file| pair(file, None)).collect();
    for (Inspection { fields, .. }, file) in inspect(&lines).iter().zip(&certificates) {
        let serial = shown(file, "-serial");
        // A byte of zeros stays where it keeps the number positive.
        let ours = fields["serial"].strip_prefix("00").filter(|rest| !rest.is_empty());
        assert_eq!(ours.unwrap_or(&fields["serial"]), serial);
        assert_eq!(fields["issuer"], shown(file, "-issuer").replace(" = ", "="));
        for (n, [_, _, name]) in NAMES.iter().enumerate() {
            assert_eq!(fields[&format!("san{n}")], *name);
        }
        assert!(!fields.contains_key(&format!("san{}", NAMES.len())));
        assert_eq!(fields["sans"], NAMES.map(|[_, _, name]| name).join(","));
    }
}

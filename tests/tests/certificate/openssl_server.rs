//! OpenSSL's server judges certificates that are wrong in one place each: what it does not load,
//! libcas refuses, and what it loads is taken, with the exceptions that are listed here.

use std::collections::BTreeSet;
use std::process::Command;

use acceptance::inspection::{inspect, pair};
use acceptance::test_ca::{KINDS, LONG, New, TestCa};
use acceptance::{artefact, run, scratch, sdk_python, top};

use super::findings::OF_ODD_CERTIFICATES;

/// Certificates that the server loads and that libcas refuses, with the reason.
const REFUSED_AS_WELL: [(&str, &str); 11] = [
    ("length in three bytes", "the server sends other bytes, with another fingerprint"),
    ("DSA", "the server loads it, and completes no handshake with it"),
    ("two algorithms", "no client accepts it"),
    ("two forms of an algorithm", "no client accepts it"),
    ("precertificate", "no client accepts it"),
    ("critical precertificate", "no client accepts it"),
    ("issued CA", "a CA certificate was passed for that of a server"),
    ("second leaf", "two servers' certificates were passed"),
    ("other generation alone", "the chain does not lead to its issuer"),
    ("root that may not issue", "the chain does not lead to an issuer that clients accept"),
    ("basic constraints of an intermediate", "the chain does not lead to an issuer that is a CA"),
];

fn python(script: &str) -> Command {
    let mut python = Command::new(sdk_python());
    python.args(["-B", "-W", "ignore"]).arg(top().join("tests/fixtures/python").join(script));
    python
}

#[test]
fn what_the_server_does_not_load_is_refused() {
    let directory = scratch("odd-certificates");
    let printed = run(python("odd_certificates.py").arg(&directory));
    let rows: Vec<[&str; 3]> = printed
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect();
    assert!(rows.len() > 200, "{}", rows.len());
    let file = |name: &str, ending: &str| directory.join(format!("{name}.{ending}"));
    let lines: Vec<String> =
        rows.iter().map(|[name, ..]| pair(&file(name, "pem"), Some(&file(name, "key")))).collect();
    let mut made = BTreeSet::new();
    let mut refused_as_well = BTreeSet::new();
    for (inspection, [name, loads, finds]) in inspect(&lines).iter().zip(rows) {
        let context = format!("{name}: {:?}", inspection.findings);
        assert_eq!(inspection.problems().join(" "), finds, "{context}");
        match (loads, inspection.refused().is_empty()) {
            ("1", true) | ("0", false) => {}
            ("1", false) => assert!(refused_as_well.insert(name), "{context}"),
            _ => panic!("not loaded: {context}"),
        }
        made.extend(finds.split(' ').map(ToOwned::to_owned));
    }
    assert_eq!(refused_as_well, REFUSED_AS_WELL.map(|(name, _)| name).into());
    for id in OF_ODD_CERTIFICATES {
        assert!(made.contains(id), "{id}");
    }
}

/// Refusals of damaged certificates that the server loads, and why.
const OF_DAMAGE: [(&str, &str); 3] = [
    ("broken-certificate", "a date or tag that DER does not allow, or a second algorithm"),
    ("expired", "the damage is in the date"),
    ("key-mismatch", "the damage is in the public key"),
];
/// Bits that say how many bits of the signature are unused, where those are zero.
const MOST_HARMLESS: usize = 3;

/// Every bit of a certificate that has the extensions of a public CA's certificates, and of a
/// self-signed one. Beside the bits of the signature, which no server checks, whatever the server
/// does not load is refused.
#[test]
fn damage_that_keeps_a_server_from_loading_is_refused() {
    let ca = TestCa::new("damaged-bits");
    ca.make(&KINDS[3]);
    let extensions = "basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
certificatePolicies=2.23.140.1.2.1
crlDistributionPoints=URI:http://crl.example/1.crl
authorityInfoAccess=OCSP;URI:http://ocsp.example
nameConstraints=permitted;DNS:example
subjectAltName=DNS:a.example,DNS:*.a.example,IP:192.0.2.1
";
    let leaf = New {
        name: "all",
        subject: "a.example",
        key: "EC-P256",
        issuer: "intermediate",
        extensions,
        valid: LONG,
        hash: "sha256",
    };
    ca.issue(leaf);
    ca.issue(New { name: "own", issuer: "own", ..leaf });
    for name in ["all", "own"] {
        let printed = run(python("damaged_bits.py")
            .arg(artefact("libcas.so"))
            .arg(&ca.0)
            .arg(ca.0.join(format!("{name}.pem")))
            .arg(ca.0.join("EC-P256.key")));
        let (mut unseen, mut harmless, mut total) = (0, 0, 0);
        for line in printed.lines() {
            let [loads, found, bits] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let bits: usize = bits.parse().unwrap();
            total += bits;
            let refusals: Vec<&str> =
                found.split(", ").filter_map(|one| one.strip_prefix("refused ")).collect();
            if loads == "0" && refusals.is_empty() {
                unseen += bits;
            }
            if loads == "1" {
                let is_listed = |id: &&str| OF_DAMAGE.iter().any(|(listed, _)| listed == id);
                assert!(refusals.iter().all(is_listed), "{line}");
            }
            // The signature of a self-signed one is verified.
            if name == "own" && loads == "1" && found.is_empty() {
                harmless += bits;
            }
        }
        println!("{name}: {total} bits\n{printed}");
        assert!(total > 4000, "{printed}");
        assert!(unseen == 0 && harmless <= MOST_HARMLESS, "{printed}");
    }
}

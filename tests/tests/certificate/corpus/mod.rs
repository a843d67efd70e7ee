//! The certificates and private keys of other people's packages, many of them unusual, broken or
//! not made by OpenSSL. `cas_inspect` and OpenSSL's server agree on each certificate, and on each
//! key, both with certificates that match it and with certificates that do not. For each package,
//! tests/fixtures/data/disagreements/ lists the exceptions and their reasons.

mod compare;
mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::inspection::{inspect, pair};
use acceptance::openssl_server::{Judged, judge};
use acceptance::run;

use compare::{assert_listed, key_type, of_certificate, of_chain, of_facts, of_pair};
use files::{Certificate, Corpus, Key, crate_source, python_package};

/// One kind of key of each type that libcas names, as `openssl genpkey -algorithm` knows them.
const KINDS: [&str; 20] = [
    "RSA -pkeyopt rsa_keygen_bits:1024",
    "RSA -pkeyopt rsa_keygen_bits:2048",
    "RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
    "RSA-PSS -pkeyopt rsa_keygen_bits:2048",
    "EC -pkeyopt ec_paramgen_curve:P-192",
    "EC -pkeyopt ec_paramgen_curve:P-224",
    "EC -pkeyopt ec_paramgen_curve:P-256",
    "EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
    "EC -pkeyopt ec_paramgen_curve:P-384",
    "EC -pkeyopt ec_paramgen_curve:P-521",
    "EC -pkeyopt ec_paramgen_curve:secp256k1",
    "EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
    "EC -pkeyopt ec_paramgen_curve:brainpoolP384r1",
    "EC -pkeyopt ec_paramgen_curve:brainpoolP512r1",
    "SM2",
    "ED25519",
    "ED448",
    "X25519",
    "X448",
    "DH -pkeyopt group:ffdhe2048",
];

/// What a corpus must contain at least.
struct Least {
    certificates: usize,
    keys: usize,
    served: usize,
    crossed: usize,
}

/// The certificates that a key is compared with: all of its own, and four others of each type.
fn beside(key: &Key, certificates: &[Certificate]) -> Vec<usize> {
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_wanted = |judged: &Judged| {
        let seen = others.entry(key_type(judged).to_owned()).or_default();
        *seen += usize::from(!is_own(key, judged));
        is_own(key, judged) || *seen <= 4
    };
    let readable = certificates.iter().enumerate().filter(|(_, one)| !one.judged.pem.is_empty());
    readable.filter(|(_, one)| is_wanted(&one.judged)).map(|(n, _)| n).collect()
}

fn is_own(key: &Key, certificate: &Judged) -> bool {
    let public = key.judged.get("public");
    !public.is_empty() && certificate.get("public") == public
}

/// What libcas and OpenSSL's server disagree about, by file.
#[derive(Default)]
struct Disagreements(BTreeMap<String, BTreeSet<String>>);

impl Disagreements {
    fn add(&mut self, file: &str, what: impl IntoIterator<Item = String>) {
        for what in what {
            self.0.entry(file.to_owned()).or_default().insert(what);
        }
    }
}

/// Inspects everything, and fails unless the disagreements are those of the corpus's list.
fn check(name: &str, corpus: &Corpus, least: &Least) {
    let Corpus { certificates, keys, .. } = corpus;
    let mut found = Disagreements::default();
    let alone = inspect(&lines(certificates.iter().map(|one| (one.path.as_path(), None))));
    for (one, inspection) in certificates.iter().zip(&alone) {
        found.add(&one.name, of_certificate(inspection, &one.judged));
        found.add(&one.name, of_facts(inspection, &one.judged));
    }
    check_chains(corpus, &mut found);

    let pairs: Vec<_> = keys
        .iter()
        .flat_map(|key| beside(key, certificates).into_iter().map(move |n| (key, n)))
        .collect();
    let pair_lines = lines(
        pairs.iter().map(|(key, n)| (certificates[*n].path.as_path(), Some(key.path.as_path()))),
    );
    let mut served = 0;
    let both = inspect(&pair_lines).into_iter().zip(judge(&pair_lines));
    for ((key, n), (inspection, judged)) in pairs.iter().zip(both) {
        let one = &certificates[*n];
        served += usize::from(judged.is("handshake"));
        let judgements = [&one.judged, &key.judged, &judged];
        let what = of_pair(&inspection, &alone[*n], judgements, &key.text());
        if let Some(what) = &what {
            println!("{}\t{}\t{what}\t{:?}", key.name, one.name, inspection.ids());
        }
        found.add(&key.name, what);
    }
    // Inspection must return for every file, whatever it contains.
    inspect(&lines(corpus.files.iter().map(|(_, path)| (path.as_path(), Some(path.as_path())))));

    let loaded = certificates.iter().filter(|one| one.judged.is("loads")).count();
    let counts = [certificates.len(), loaded, keys.len(), served, pairs.len() - served];
    println!("{name}: certificates, of them loaded, keys, pairs served, others: {counts:?}");
    assert_listed(name, &found.0);
    let least = [least.certificates, least.keys, least.served, least.crossed];
    let counts = [counts[0], counts[2], counts[3], counts[4]];
    assert!(counts.iter().zip(least).all(|(count, least)| *count >= least), "{counts:?}");
}

fn lines<'a>(files: impl Iterator<Item = (&'a Path, Option<&'a Path>)>) -> Vec<String> {
    files.map(|(certificate, key)| pair(certificate, key)).collect()
}

/// The files with several certificates, each with a key of its first one if the corpus has it. What
/// the server loads as it is, libcas takes, and the server loads it when it is tidied.
fn check_chains(corpus: &Corpus, found: &mut Disagreements) {
    let first = judge(&lines(corpus.chains.iter().map(|(_, path)| (path.as_path(), None))));
    let keys: Vec<_> = first
        .iter()
        .map(|first| corpus.keys.iter().find(|key| key.judged.is("check") && is_own(key, first)))
        .map(|key| key.map(|key| key.path.as_path()))
        .collect();
    let paths = corpus.chains.iter().map(|(_, path)| path.as_path());
    let chains = lines(paths.zip(keys.iter().copied()));
    let inspections = inspect(&chains);
    let tidied: Vec<_> = corpus
        .chains
        .iter()
        .zip(&inspections)
        .map(|((name, _), inspection)| corpus.put(&format!("tidied {name}"), &inspection.pem))
        .collect();
    let tidied = judge(&lines(tidied.iter().map(PathBuf::as_path).zip(keys)));
    let files = corpus.chains.iter().zip(&inspections);
    for (((name, _), inspection), (judged, tidied)) in files.zip(judge(&chains).iter().zip(&tidied))
    {
        if judged.is("loads") {
            found.add(name, of_chain(inspection, tidied));
        }
    }
}

#[test]
fn cryptography_vectors() {
    let package = python_package("cryptography_vectors");
    let corpus = Corpus::read("cryptography", &package, &["x509", "asymmetric"]);
    let least = Least { certificates: 590, keys: 120, served: 130, crossed: 6000 };
    check("cryptography", &corpus, &least);
}

#[test]
fn openssl() {
    let corpus =
        Corpus::read("openssl", &crate_source("openssl-src"), &["openssl/test", "openssl/apps"]);
    check("openssl", &corpus, &Least { certificates: 530, keys: 120, served: 400, crossed: 8000 });
}

#[test]
fn mbedtls() {
    let corpus =
        Corpus::read("mbedtls", &crate_source("mbedtls-sys-auto"), &["vendor/tests/data_files"]);
    check("mbedtls", &corpus, &Least { certificates: 560, keys: 140, served: 700, crossed: 5000 });
}

#[test]
fn boringssl() {
    let source = crate_source("boringssl-src");
    let corpus = Corpus::read("boringssl", &source, &["boringssl/src/crypto/x509"]);
    check("boringssl", &corpus, &Least { certificates: 150, keys: 14, served: 170, crossed: 250 });
}

#[test]
fn asn1crypto() {
    let corpus = Corpus::read("asn1crypto", &python_package("asn1crypto_tests"), &["fixtures"]);
    let least = Least { certificates: 70, keys: 25, served: 140, crossed: 500 };
    check("asn1crypto", &corpus, &least);
}

#[test]
fn oscrypto() {
    let corpus = Corpus::read("oscrypto", &python_package("oscrypto_tests"), &["fixtures"]);
    let least = Least { certificates: 40, keys: 30, served: 100, crossed: 500 };
    check("oscrypto", &corpus, &least);
}

#[test]
fn every_key_type_beside_every_other() {
    let mut corpus = Corpus::empty("made");
    let mut made = Vec::new();
    for kind in KINDS {
        for n in [1, 2] {
            let name = format!("{kind} {n}");
            let path = corpus.put(&name, "");
            let mut new = Command::new("openssl");
            new.args(["genpkey", "-algorithm"]).args(kind.split(' ')).arg("-out").arg(&path);
            run(&mut new);
            made.push((name, path));
        }
    }
    corpus.add_keys(made, |_| true);
    let (certificates, keys) = (KINDS.len() * 2, KINDS.len() * 2);
    let least = Least { certificates, keys, served: 20, crossed: 1400 };
    check("made", &corpus, &least);
}

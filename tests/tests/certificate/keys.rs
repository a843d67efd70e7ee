//! Keys of every type, in every encoding, whole and damaged, with certificates of every type.
//! OpenSSL's server is the judge: libcas takes what it loads, except what arithmetic refutes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use acceptance::inspection::{Inspection, inspect, pair};
use acceptance::{Program, compile, run, scratch, top};

/// Findings about the key. Others are about the certificate.
const KEY_REFUSED: [&str; 2] = ["broken-key", "key-mismatch"];

/// What OpenSSL's server says to each line: see tests/fixtures/c/server_loads.c.
fn judged(lines: &[String]) -> Vec<String> {
    let program = compile("tests/fixtures/c/server_loads.c", &["-lssl", "-lcrypto"]);
    let outcome = Program::new(program).run_with(&lines.join("\n"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let answers: Vec<String> = outcome.stdout.lines().map(ToOwned::to_owned).collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

/// A directory in which openssl makes keys, and certificates for them.
struct Keys(PathBuf);

impl Keys {
    fn new(name: &str) -> Self {
        let this = Self(scratch(name));
        this.openssl(&["genpkey", "-algorithm", "ED25519", "-out", "ca.key"]);
        this.openssl(&["req", "-x509", "-key", "ca.key", "-subj", "/CN=ca", "-out", "ca.pem"]);
        this.write("san", "subjectAltName=DNS:a.example\n");
        this
    }

    fn openssl(&self, arguments: &[&str]) {
        run(Command::new("openssl").args(arguments).current_dir(&self.0));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Makes NAME.pem, a certificate for NAME.key.
    fn certify(&self, name: &str) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        self.openssl(&["pkey", "-in", &key, "-pubout", "-out", "public.pem"]);
        let ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "san"];
        let new = ["x509", "-new", "-force_pubkey", "public.pem", "-subj", "/CN=a.example"];
        self.openssl(&[&new[..], &ca, &["-days", "90", "-out", &certificate]].concat());
    }

    fn generate(&self, name: &str, algorithm: &[&str]) {
        let file = format!("{name}.key");
        self.openssl(&[&["genpkey", "-out", &file, "-algorithm"], algorithm].concat());
        self.certify(name);
    }

    fn rsa_of_mersenne_primes(&self, name: &str, arguments: &[&str]) {
        let script = top().join("tests/fixtures/python/rsa_key.py");
        let pem = run(Command::new("python3").arg(script).args(arguments));
        self.write(&format!("{name}.key"), &pem);
    }

    fn der(&self, file: &str) -> Vec<u8> {
        let pem = fs::read_to_string(self.path(file)).unwrap();
        self.write("text", &pem.lines().filter(|line| !line.contains("--")).collect::<String>());
        self.openssl(&["base64", "-d", "-A", "-in", "text", "-out", "der"]);
        fs::read(self.path("der")).unwrap()
    }
}

fn block(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for three in der.chunks(3) {
        let number = three.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * at) & 63) as usize];
            base64.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
        if base64.len() % 65 == 64 {
            base64.push('\n');
        }
    }
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64.trim_end())
}

fn is_taken(inspection: &Inspection) -> bool {
    !KEY_REFUSED.iter().any(|id| inspection.has(id))
}

const CURVES: [&str; 10] = [
    "P-192",
    "secp224r1",
    "P-256",
    "P-384",
    "P-521",
    "secp256k1",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "SM2",
];
/// Curves whose keys libcas compares by the public key that is stored beside the private one.
const COMPARED_ONLY: [&str; 5] =
    ["P-192", "secp224r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"];

#[test]
fn each_key_is_taken_for_its_own_certificate_alone() {
    let keys = Keys::new("crossed-keys");
    let bits = |bits: u32| format!("rsa_keygen_bits:{bits}");
    let rsa = |name: &str, size: u32, options: &[&str]| {
        let size = bits(size);
        let mut arguments = vec!["RSA", "-pkeyopt", &size];
        for option in options {
            arguments.extend(["-pkeyopt", option]);
        }
        keys.generate(name, &arguments);
        name.to_owned()
    };
    let mut names = vec![
        rsa("RSA-512", 512, &[]),
        rsa("RSA-1024", 1024, &[]),
        rsa("RSA-2047", 2047, &[]),
        rsa("RSA-2048", 2048, &[]),
        rsa("RSA-2048 too", 2048, &[]),
        rsa("RSA-2056", 2056, &["rsa_keygen_pubexp:3"]),
        rsa("RSA-2048 of three primes", 2048, &["rsa_keygen_primes:3"]),
        rsa("RSA-3072", 3072, &["rsa_keygen_pubexp:4294967297"]),
    ];
    keys.generate("RSA-PSS", &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]);
    names.push("RSA-PSS".to_owned());
    for (name, primes) in [
        ("RSA-3482 of unequal primes", &["1279", "2203"][..]),
        ("RSA-8676", &["4423", "4253"]),
        ("RSA-15636", &["11213", "4423"]),
        ("RSA-4089 of three unequal primes", &["1279", "2203", "607"]),
    ] {
        keys.rsa_of_mersenne_primes(name, &[&["sound", "65537"], primes].concat());
        keys.certify(name);
        names.push(name.to_owned());
    }
    for curve in CURVES {
        for name in [curve.to_owned(), format!("{curve} too")] {
            let option = format!("ec_paramgen_curve:{curve}");
            keys.generate(&name, &["EC", "-pkeyopt", &option]);
            names.push(name);
        }
    }
    for kind in ["ED25519", "ED448"] {
        for name in [kind.to_owned(), format!("{kind} too")] {
            keys.generate(&name, &[kind]);
            names.push(name);
        }
    }
    let pairs: Vec<(&String, &String)> =
        names.iter().flat_map(|one| names.iter().map(move |other| (one, other))).collect();
    let line = |(one, other): &(&String, &String)| {
        pair(&keys.path(&format!("{one}.pem")), Some(&keys.path(&format!("{other}.key"))))
    };
    let lines: Vec<String> = pairs.iter().map(line).collect();
    for (((one, other), judged), inspection) in
        pairs.iter().zip(judged(&lines)).zip(inspect(&lines))
    {
        assert_eq!(judged != "no", one == other, "openssl: {one}, {other}");
        let what = format!("{one}, {other}: {:?}", inspection.findings);
        let cannot_tell = one.starts_with("ED448") && other.starts_with("ED448");
        assert_eq!(is_taken(&inspection), one == other || cannot_tell, "{what}");
        let is_compared = COMPARED_ONLY.iter().chain(&["ED448"]).any(|kind| one.starts_with(kind));
        let is_noted = is_taken(&inspection) && is_compared;
        assert_eq!(inspection.has("key-not-verified"), is_noted, "{what}");
    }
}

#[test]
fn every_encoding_of_a_sound_key_is_taken() {
    let keys = Keys::new("encoded-keys");
    let mut pairs = Vec::new();
    for curve in CURVES {
        let (key, option) = (format!("{curve}.key"), format!("ec_paramgen_curve:{curve}"));
        keys.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &option, "-out", &key]);
        let (mut certificates, mut encoded) = (Vec::new(), vec![key.clone()]);
        for (form, arguments) in [
            ("uncompressed", &[][..]),
            ("compressed", &["-conv_form", "compressed"]),
            ("hybrid", &["-conv_form", "hybrid"]),
            ("explicit", &["-param_enc", "explicit"]),
            ("explicit-compressed", &["-param_enc", "explicit", "-conv_form", "compressed"]),
        ] {
            let sec1 = format!("{curve}-{form}.key");
            let convert = ["ec", "-in", &key, "-out", &sec1];
            keys.openssl(&[&convert, arguments].concat());
            keys.certify(&format!("{curve}-{form}"));
            certificates.push(format!("{curve}-{form}.pem"));
            let pkcs8 = format!("{curve}-{form}-pkcs8.key");
            keys.openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", &sec1, "-out", &pkcs8]);
            let no_public = format!("{curve}-{form}-no-public.key");
            keys.openssl(&["ec", "-in", &sec1, "-no_public", "-out", &no_public]);
            encoded.extend([sec1, pkcs8, no_public]);
        }
        for certificate in &certificates {
            pairs.extend(encoded.iter().map(|key| (curve, certificate.clone(), key.clone())));
        }
    }
    let lines: Vec<String> = pairs
        .iter()
        .map(|(_, certificate, key)| pair(&keys.path(certificate), Some(&keys.path(key))))
        .collect();
    let mut proven = 0;
    for (((curve, certificate, key), judged), inspection) in
        pairs.iter().zip(judged(&lines)).zip(inspect(&lines))
    {
        let what = format!("{certificate}, {key}: {judged}, {:?}", inspection.findings);
        assert!(judged != "no", "{what}");
        assert!(is_taken(&inspection), "{what}");
        let is_compared = COMPARED_ONLY.contains(curve);
        assert_eq!(inspection.has("key-not-verified"), is_compared, "{what}");
        proven += usize::from(!is_compared);
    }
    assert_eq!(proven, 5 * 5 * 16);
}

#[test]
fn rsa_keys_are_taken_as_openssl_reads_them_if_they_are_sound() {
    let keys = Keys::new("odd-rsa-keys");
    let make = |name: &str, form: &str, primes: &[&str]| {
        keys.rsa_of_mersenne_primes(name, &[&[form, "65537"], primes].concat());
    };
    let primes = ["1279", "2203"];
    make("sound", "sound", &primes);
    keys.certify("sound");
    make("three", "sound", &["607", "1279", "521"]);
    keys.certify("three");
    let mut lines = vec![pair(&keys.path("three.pem"), Some(&keys.path("three.key")))];
    for form in ["sound", "large-d", "unsigned", "no-crt", "one-prime"] {
        make(form, form, &primes);
        lines.push(pair(&keys.path("sound.pem"), Some(&keys.path(&format!("{form}.key")))));
    }
    // Longer than any program uses.
    make("too-long", "sound", &["9689", "9941"]);
    keys.certify("too-long");
    lines.push(pair(&keys.path("too-long.pem"), Some(&keys.path("too-long.key"))));
    let answers = judged(&lines);
    assert!(answers.iter().all(|answer| answer == "loads"), "{answers:?}");
    let inspections = inspect(&lines);
    let found: Vec<_> = inspections.iter().map(|inspection| inspection.refused()).collect();
    let broken = vec!["broken-key"];
    let taken = Vec::new;
    let wanted = [taken(), taken(), taken(), taken(), broken.clone(), broken];
    assert_eq!(found[..6], wanted);
    assert_eq!(found[6], ["broken-certificate"]);
    assert!(inspections.iter().all(|inspection| !inspection.has("key-not-verified")));
}

/// Damages each bit of a key in DER, one after another. Returns in which of its values OpenSSL
/// loads the key and libcas does not, with the number of bits.
fn disagreements(
    keys: &Keys,
    (certificate, label, der): (&str, &str, &[u8]),
    class: impl Fn(usize) -> &'static str,
) -> BTreeMap<&'static str, usize> {
    let mut lines = Vec::new();
    for bit in 0..der.len() * 8 {
        let mut damaged = der.to_vec();
        damaged[bit / 8] ^= 0x80 >> (bit % 8);
        let file = keys.write(&format!("damaged-{bit}"), &block(label, &damaged));
        lines.push(pair(&keys.path(certificate), Some(&file)));
    }
    let (judged, inspections) = (judged(&lines), inspect(&lines));
    let mut disagreements = BTreeMap::new();
    for (bit, (judged, inspection)) in judged.iter().zip(inspections).enumerate() {
        let is_taken = inspection.refused().is_empty();
        assert!(!is_taken || judged == "loads", "bit {bit} of {label}: only libcas takes it");
        if judged == "loads" && !is_taken {
            *disagreements.entry(class(bit / 8)).or_default() += 1;
        }
        fs::remove_file(keys.path(&format!("damaged-{bit}"))).unwrap();
    }
    disagreements
}

/// The values in a DER structure: where the content of each begins and ends, in order, those inside
/// another after it.
fn values(der: &[u8], start: usize, end: usize, found: &mut Vec<(u8, usize, usize)>) {
    let mut at = start;
    while at < end {
        let (header, length) = match der[at + 1] {
            0x82 => (4, usize::from(der[at + 2]) << 8 | usize::from(der[at + 3])),
            0x81 => (3, usize::from(der[at + 2])),
            length => (2, usize::from(length)),
        };
        found.push((der[at], at + header, at + header + length));
        if der[at] & 0x20 != 0 {
            values(der, at + header, at + header + length, found);
        }
        at += header + length;
    }
}

/// The value that a byte belongs to, by its index in [`values`]; `None` for tags and lengths.
fn value_of(values: &[(u8, usize, usize)], at: usize) -> Option<usize> {
    values.iter().rposition(|(tag, start, end)| tag & 0x20 == 0 && (*start..*end).contains(&at))
}

#[test]
fn every_damaged_bit_of_an_rsa_key_is_found() {
    let keys = Keys::new("damaged-rsa-key");
    keys.generate("key", &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    keys.openssl(&["pkey", "-in", "key.key", "-traditional", "-out", "pkcs1.key"]);
    let der = keys.der("pkcs1.key");
    let mut found = Vec::new();
    values(&der, 0, der.len(), &mut found);
    let class = |at: usize| match value_of(&found, at) {
        Some(1) => "version",
        Some(4..) => "private numbers",
        Some(_) => "public numbers",
        None => "lengths",
    };
    let disagreements = disagreements(&keys, ("key.pem", "RSA PRIVATE KEY", &der), class);
    // OpenSSL does not look at the version, takes its length in a form that DER forbids, and
    // compares the public numbers alone.
    let private: usize = found[4..].iter().map(|value| (value.2 - value.1) * 8).sum();
    let wanted = [("private numbers", private), ("version", 7), ("lengths", 1)];
    assert_eq!(disagreements, wanted.into());
}

#[test]
fn every_damaged_bit_of_an_elliptic_curve_key_is_found() {
    let keys = Keys::new("damaged-ec-key");
    keys.generate("key", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    keys.openssl(&["ec", "-in", "key.key", "-out", "named.key"]);
    keys.openssl(&["ec", "-in", "key.key", "-param_enc", "explicit", "-out", "explicit.key"]);
    for file in ["named.key", "explicit.key"] {
        let der = keys.der(file);
        let mut found = Vec::new();
        values(&der, 0, der.len(), &mut found);
        let class = |at: usize| match value_of(&found, at) {
            Some(1) => "version",
            Some(2) => "private number",
            Some(at) if found[at].0 == 2 && found[at + 1].0 == 0xa1 => "cofactor",
            _ => "other",
        };
        let disagreements = disagreements(&keys, ("key.pem", "EC PRIVATE KEY", &der), class);
        // OpenSSL looks at neither version nor cofactor, and compares the public keys alone.
        let mut wanted = BTreeMap::from([("private number", 256), ("version", 8)]);
        if file == "explicit.key" {
            wanted.insert("cofactor", 7);
        }
        assert_eq!(disagreements, wanted, "{file}");
    }
}

/// Replaces bytes that occur once.
fn replaced(der: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let found: Vec<usize> = (0..der.len()).filter(|at| der[*at..].starts_with(old)).collect();
    let [at] = found[..] else { panic!("{found:?}") };
    let mut der = der.to_vec();
    der[at..at + new.len()].copy_from_slice(new);
    der
}

#[test]
fn certificates_whose_public_keys_cannot_be_read_are_refused() {
    const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let keys = Keys::new("unreadable-public-keys");
    keys.generate("rsa", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    keys.generate("ec", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    keys.generate("ed25519", &["ED25519"]);
    keys.generate("ed448", &["ED448"]);
    let point = [&P256[2..], &[3, 0x42, 0, 4]].concat();
    let cases: Vec<(&str, Vec<u8>)> = [
        // The exponents 1, 65536 and none; an even modulus; a modulus of no INTEGER.
        ("rsa", &[2, 3, 1, 0, 1][..], &[2, 3, 0, 0, 1][..]),
        ("rsa", &[2, 3, 1, 0, 1], &[2, 3, 1, 0, 0]),
        ("rsa", &[2, 3, 1, 0, 1], &[4, 3, 1, 0, 1]),
        ("rsa", &[2, 0x82, 1, 1, 0], &[3, 0x82, 1, 1, 0]),
        ("rsa", &[0x30, 0x82, 1, 0x0a, 2], &[0x31, 0x82, 1, 0x0a, 2]),
        // A curve that is no OID; a point in no form, in the wrong one, of the wrong curve.
        ("ec", P256, &[4]),
        ("ec", P256, &[5]),
        ("ec", &point, &[&point[..11], &[5]].concat()),
        ("ec", &point, &[&point[..11], &[0]].concat()),
        ("ec", &point, &[&point[..11], &[2]].concat()),
        ("ed448", &[6, 3, 0x2b, 0x65, 0x71], &[6, 3, 0x2b, 0x65, 0x70]),
        ("ed25519", &[6, 3, 0x2b, 0x65, 0x70, 3, 0x21], &[6, 3, 0x2b, 0x65, 0x71, 3, 0x21]),
    ]
    .map(|(name, old, new)| (name, replaced(&keys.der(&format!("{name}.pem")), old, new)))
    .into();
    let off_curve = keys.der("ec.pem");
    let at = off_curve.windows(point.len()).position(|window| window == point).unwrap();
    let mut damaged: Vec<(&str, Vec<u8>)> = (0..512)
        .map(|bit| {
            let mut der = off_curve.clone();
            der[at + point.len() + bit / 8] ^= 0x80 >> (bit % 8);
            ("ec", der)
        })
        .collect();
    let rsa = keys.der("rsa.pem");
    let end = rsa.windows(5).position(|window| window == [2, 3, 1, 0, 1]).unwrap();
    let mut even = rsa.clone();
    even[end - 1] ^= 1;
    damaged.push(("rsa", even));
    let mut lines = Vec::new();
    for (index, (name, der)) in cases.iter().chain(&damaged).enumerate() {
        let certificate = keys.write(&format!("{index}.pem"), &block("CERTIFICATE", der));
        lines.push(pair(&certificate, Some(&keys.path(&format!("{name}.key")))));
    }
    for (index, inspection) in inspect(&lines).iter().enumerate() {
        assert_eq!(inspection.refused(), ["broken-certificate"], "{index}");
    }
    assert!(judged(&lines).iter().all(|judged| judged == "no"));
}

//! A certificate authority for tests: keys and certificates of every kind, made by openssl.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Process, run, scratch};

/// A kind of key: how openssl makes it, its name in libcas, and the findings that it always has.
pub struct Kind {
    /// The arguments of `openssl genpkey` after `-algorithm`.
    pub algorithm: &'static [&'static str],
    /// The value of `cas_inspection_key_type`.
    pub key_type: &'static str,
    /// Findings of any certificate with such a key.
    pub always: &'static [&'static str],
}

const fn curve(algorithm: &'static [&'static str], key_type: &'static str) -> Kind {
    Kind { algorithm, key_type, always: &[] }
}

/// All kinds that libcas supports and that openssl can make certificates for.
pub const KINDS: [Kind; 10] = [
    curve(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "RSA-2048"),
    Kind {
        algorithm: &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
        key_type: "RSA-1024",
        always: &["weak-rsa"],
    },
    Kind {
        algorithm: &["RSA", "-pkeyopt", "rsa_keygen_bits:2047"],
        key_type: "RSA-2047",
        always: &["weak-rsa"],
    },
    curve(&["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "EC-P256"),
    curve(&["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "EC-P384"),
    curve(&["EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "EC-P521"),
    curve(&["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "EC-secp256k1"),
    curve(&["ED25519"], "Ed25519"),
    curve(&["EC", "-pkeyopt", "ec_paramgen_curve:SM2"], "SM2"),
    // libcas cannot compute its public key.
    Kind { algorithm: &["ED448"], key_type: "Ed448", always: &["key-not-verified"] },
];

/// The configuration of `openssl ca`.
const AUTHORITY: &str = "[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = supplied
";
const EXTENSIONS: &str = "subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
";
/// Extensions of a server's certificate.
pub const LEAF: &str = "basicConstraints=critical,CA:FALSE
subjectAltName=DNS:a.example
";
/// Extensions of a CA's certificate.
pub const CA: &str = "basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
";
const CA_AS_LEAF: &str = "basicConstraints=critical,CA:TRUE
subjectAltName=DNS:a.example
";
/// Valid for as long as these tests are.
pub const LONG: [&str; 2] = ["20200101000000Z", "20491231235959Z"];

/// A certificate to be made.
#[derive(Clone, Copy)]
pub struct New<'a> {
    /// NAME.pem is made.
    pub name: &'a str,
    /// Its common name.
    pub subject: &'a str,
    /// KEY.key is its key.
    pub key: &'a str,
    /// ISSUER.pem and ISSUER.key sign; the same as `name`: it signs itself.
    pub issuer: &'a str,
    /// As `openssl ca` reads them.
    pub extensions: &'a str,
    /// From when, and to when: YYYYMMDDhhmmssZ.
    pub valid: [&'a str; 2],
    /// What it is signed with; "-pss" after it: in the newer of RSA's two ways.
    pub hash: &'a str,
}

/// A directory with keys and certificates, and what openssl makes in it.
pub struct TestCa(pub PathBuf);

impl TestCa {
    /// Makes a root and an intermediate, an expired certificate of the intermediate, another root,
    /// "stranger", and a server certificate that it issued, "second".
    pub fn new(name: &str) -> Self {
        let directory = scratch(name);
        let this = Self(directory);
        this.write("ca.cnf", AUTHORITY);
        this.write("index.txt", "");
        for name in ["root", "intermediate", "stranger"] {
            this.key(name, KINDS[0].algorithm);
        }
        let ca = |name| New {
            name,
            subject: name,
            key: name,
            issuer: "root",
            extensions: CA,
            valid: LONG,
            hash: "sha256",
        };
        this.issue(ca("root"));
        this.issue(ca("intermediate"));
        let old = New { name: "old", subject: "intermediate", key: "intermediate", ..ca("old") };
        this.issue(New { valid: ["20200101000000Z", "20210101000000Z"], ..old });
        this.issue(New { issuer: "stranger", ..ca("stranger") });
        let second = New { subject: "b.example", key: "stranger", ..ca("second") };
        this.issue(New { issuer: "stranger", extensions: LEAF, ..second });
        this
    }

    /// Runs openssl there; it must succeed.
    pub fn openssl(&self, arguments: &[&str]) {
        run(Command::new("openssl").args(arguments).current_dir(&self.0));
    }

    /// What openssl prints; `None` if it does not support this for the kind of key.
    pub fn printed(&self, arguments: &[&str]) -> Option<String> {
        let mut openssl = Command::new("openssl");
        let outcome = Process::start(openssl.args(arguments).current_dir(&self.0)).finish();
        (outcome.code == Some(0) && outcome.stdout.contains("BEGIN")).then_some(outcome.stdout)
    }

    /// Makes NAME.key.
    pub fn key(&self, name: &str, algorithm: &[&str]) {
        let file = format!("{name}.key");
        self.openssl(&[&["genpkey", "-out", &file, "-algorithm"], algorithm].concat());
    }

    /// Makes a certificate.
    pub fn issue(&self, new: New<'_>) {
        let New { name, subject, key, issuer, extensions, valid, hash } = new;
        self.write("extensions", format!("{EXTENSIONS}{extensions}"));
        let (subject, key, pem) =
            (format!("/CN={subject}"), format!("{key}.key"), format!("{name}.pem"));
        let (issuer_pem, issuer_key) = (format!("{issuer}.pem"), format!("{issuer}.key"));
        // SM2 signs with an identity, which both sides have to know.
        let identity = "distid:1234567812345678";
        let sm2 = |option| if key.starts_with("SM2") { vec![option, identity] } else { Vec::new() };
        let request = ["req", "-new", "-key", &key, "-subj", &subject, "-out", "request.csr"];
        self.openssl(&[&request[..], &sm2("-sigopt")].concat());
        let signed_by = match name == issuer {
            true => vec!["-selfsign", "-keyfile", &key],
            false => vec!["-cert", &issuer_pem, "-keyfile", &issuer_key],
        };
        let sign = [
            "ca",
            "-config",
            "ca.cnf",
            "-batch",
            "-notext",
            "-in",
            "request.csr",
            "-extfile",
            "extensions",
        ];
        let pss: &[&str] =
            if hash.ends_with("-pss") { &["-sigopt", "rsa_padding_mode:pss"] } else { &[] };
        let hash = hash.trim_end_matches("-pss");
        let dates = ["-startdate", valid[0], "-enddate", valid[1], "-md", hash, "-out", &pem];
        self.openssl(&[&sign[..], &signed_by, &dates, pss, &sm2("-vfyopt")].concat());
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Certificates one after another.
    pub fn chain(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.read(&format!("{name}.pem"))).collect()
    }

    /// A key of this kind, another one, and certificates for the first that differ in one respect
    /// each.
    pub fn make(&self, kind: &Kind) {
        let key = kind.key_type;
        self.key(key, kind.algorithm);
        self.key(&format!("{key}-another"), kind.algorithm);
        let soon = run(Command::new("date").args(["-u", "-d", "3 days", "+%Y%m%d%H%M%SZ"]));
        let soon = soon.trim();
        let good = New {
            name: "",
            subject: "a.example",
            key,
            issuer: "intermediate",
            extensions: LEAF,
            valid: LONG,
            hash: "sha256",
        };
        for (name, new) in [
            ("good", good),
            ("expired", New { valid: ["20200101000000Z", "20210101000000Z"], ..good }),
            ("soon", New { valid: [LONG[0], soon], ..good }),
            ("future", New { valid: ["20450101000000Z", LONG[1]], ..good }),
            ("no-san", New { extensions: "basicConstraints=critical,CA:FALSE\n", ..good }),
            ("sha1", New { hash: "sha1", ..good }),
            ("md5", New { hash: "md5", ..good }),
            ("sha1-pss", New { hash: "sha1-pss", ..good }),
            ("sha256-pss", New { hash: "sha256-pss", ..good }),
            ("ca", New { extensions: CA_AS_LEAF, ..good }),
        ] {
            self.issue(New { name: &format!("{key}-{name}"), ..new });
        }
        // SM2 signs with options of its own.
        if key != "SM2" {
            let name = format!("{key}-own-ca");
            self.issue(New { name: &name, issuer: &name, extensions: CA_AS_LEAF, ..good });
        }
    }

    /// The key of a kind in all encodings that openssl knows for it.
    pub fn encodings(&self, kind: &Kind) -> Vec<(&'static str, String)> {
        let file = format!("{}.key", kind.key_type);
        let mut encodings = vec![("PKCS#8", self.read(&file))];
        let mut add = |name, arguments: &[&str]| {
            let all = [&arguments[..1], &["-in", &file], &arguments[1..]].concat();
            encodings.extend(self.printed(&all).map(|text| (name, text)));
        };
        add("PKCS#1 or SEC 1", &["pkey", "-traditional"]);
        if kind.algorithm[0] == "EC" {
            add("SEC 1 without public key", &["ec", "-no_public"]);
            add("SEC 1 with compressed public key", &["ec", "-conv_form", "compressed"]);
            add("SEC 1 with its curve written out", &["ec", "-param_enc", "explicit"]);
            add("PKCS#8 with its curve written out", &["pkey", "-ec_param_enc", "explicit"]);
        }
        encodings
    }
}

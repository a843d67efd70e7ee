//! A certificate authority for SM2: signing and encryption certificates, made by openssl.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{run, scratch};

/// What both sides sign with: the identity of GM/T 0009.
const IDENTITY: &str = "distid:1234567812345678";
/// Extensions of a signing certificate.
pub const SIGNS: &str = "keyUsage=critical,digitalSignature\n";
/// Extensions of an encryption certificate.
pub const ENCRYPTS: &str = "keyUsage=critical,keyEncipherment,dataEncipherment\n";
/// The subject of the server's certificates.
pub const SUBJECT: &str = "/C=CN/O=Example Tests/CN=gm.example";

/// A directory with keys and certificates: a root, a sub-CA "sub", and the pairs "sign" and
/// "encrypt" that the sub-CA issued.
pub struct Sm2Ca(pub PathBuf);

impl Sm2Ca {
    /// Makes them.
    pub fn new(name: &str) -> Self {
        let this = Self(scratch(name));
        this.key("root");
        let subject = "/C=CN/CN=SM2 test root";
        let root = ["req", "-x509", "-new", "-key", "root.key", "-sm3", "-sigopt", IDENTITY];
        this.openssl(
            &[&root[..], &["-subj", subject, "-days", "3650", "-out", "root.pem"]].concat(),
        );
        let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
        this.key("sub");
        this.issue("sub", "sub", "root", "/C=CN/CN=SM2 test CA", ca, 3650);
        for (name, usage) in [("sign", SIGNS), ("encrypt", ENCRYPTS)] {
            this.key(name);
            this.issue(name, name, "sub", SUBJECT, usage, 365);
        }
        this
    }

    fn openssl(&self, arguments: &[&str]) {
        run(Command::new("openssl").args(arguments).current_dir(&self.0));
    }

    /// Makes NAME.key, PKCS#8.
    pub fn key(&self, name: &str) {
        let file = format!("{name}.key");
        let curve = "ec_paramgen_curve:SM2";
        self.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", &file]);
    }

    /// Makes NAME.pem for KEY.key, signed by ISSUER.
    pub fn issue(
        &self,
        name: &str,
        key: &str,
        issuer: &str,
        subject: &str,
        extensions: &str,
        days: i32,
    ) {
        let san = "subjectAltName=DNS:gm.example,DNS:*.gm.example\n";
        let san = if extensions.contains("CA:TRUE") { "" } else { san };
        self.write("extensions", &format!("{san}{extensions}authorityKeyIdentifier=keyid\n"));
        let (key, pem) = (format!("{key}.key"), format!("{name}.pem"));
        let request = ["req", "-new", "-key", &key, "-sm3", "-sigopt", IDENTITY, "-subj", subject];
        self.openssl(&[&request[..], &["-out", "request.csr"]].concat());
        let (ca, ca_key) = (format!("{issuer}.pem"), format!("{issuer}.key"));
        let days = days.to_string();
        let sign = ["x509", "-req", "-in", "request.csr", "-vfyopt", IDENTITY, "-sm3"];
        let signed_by = ["-sigopt", IDENTITY, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
        let what = ["-extfile", "extensions", "-days", &days, "-out", &pem];
        self.openssl(&[&sign[..], &signed_by, &what].concat());
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Writes a file, and returns its path.
    pub fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes certificates one after another to a file, and returns its path.
    pub fn chain(&self, names: &[&str]) -> String {
        let chain: String = names.iter().map(|name| self.read(&format!("{name}.pem"))).collect();
        self.write(&format!("{}-chain", names.join("-")), &chain)
    }
}

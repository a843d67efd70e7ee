//! What people pass instead of a PEM certificate or key is refused under its name, in the words of
//! docs/findings.md, and never quoted.

use acceptance::inspection::{inspect, pair, quotes};
use acceptance::test_ca::{KINDS, TestCa};

/// A text, and the finding that refuses it as a certificate and as a key.
type Case = (&'static str, Vec<u8>, &'static str, &'static str);

/// All findings of this file that findings.rs does not make.
pub const FINDINGS: [&str; 10] = [
    "diff",
    "hardware-key",
    "java-keystore",
    "jwk",
    "kubernetes-secret",
    "putty-key",
    "reference",
    "ssh2-key",
    "text-dump",
    "xml-key",
];

/// Puts a label on the blocks of a text.
fn labelled(pem: &str, label: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some(("-----BEGIN", _)) => format!("-----BEGIN {label}-----\n"),
        Some(("-----END", _)) => format!("-----END {label}-----\n"),
        _ => format!("{line}\n"),
    };
    pem.lines().map(line).collect()
}

fn prefixed(pem: &str, prefix: impl Fn(usize) -> String) -> String {
    pem.lines().enumerate().map(|(n, line)| format!("{}{line}\n", prefix(n + 1))).collect()
}

struct Made {
    ca: TestCa,
    leaf: String,
    key: String,
}

impl Made {
    fn printed(&self, arguments: &[&str]) -> String {
        self.ca.printed(arguments).unwrap()
    }

    /// What openssl writes, as base64 of one line.
    fn base64(&self, arguments: &[&str]) -> String {
        self.ca.openssl(&[arguments, &["-out", "der"]].concat());
        self.ca.openssl(&["base64", "-A", "-in", "der", "-out", "base64"]);
        self.ca.read("base64")
    }

    fn block(&self, label: &str, arguments: &[&str]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", self.base64(arguments))
    }
}

/// What a block holds, whatever its label says.
fn wrong_labels(made: &Made) -> Vec<Case> {
    let Made { leaf, key, .. } = made;
    let name = "RSA-2048.key";
    let request = ["req", "-new", "-key", name, "-subj", "/CN=a", "-outform", "der"];
    let public = made.printed(&["pkey", "-in", name, "-pubout"]);
    let pkcs1 = made.printed(&["rsa", "-in", name, "-RSAPublicKey_out"]);
    let encrypted =
        made.printed(&["pkcs8", "-topk8", "-in", name, "-passout", "pass:test", "-v2", "aes128"]);
    let pbe = ["pkcs8", "-topk8", "-in", name, "-passout", "pass:test", "-v1", "PBE-SHA1-3DES"];
    let old = made.printed(&pbe);
    let pkcs7 = ["crl2pkcs7", "-nocrl", "-outform", "der", "-certfile", "RSA-2048-good.pem"];
    let pkcs12 =
        ["pkcs12", "-export", "-in", "RSA-2048-good.pem", "-inkey", name, "-passout", "pass:test"];
    let mut cases = Vec::new();
    for (certificate_label, key_label) in
        [("CERTIFICATE", "PRIVATE KEY"), ("X509 CERTIFICATE", "RSA PRIVATE KEY")]
    {
        let mut add = |name, text: &dyn Fn(&str) -> String, certificate, key| {
            cases.push((name, text(certificate_label).into_bytes(), certificate, ""));
            cases.push((name, text(key_label).into_bytes(), "", key));
        };
        add("encrypted key", &|label| labelled(&encrypted, label), "swapped", "key-encrypted");
        add("old encrypted key", &|label| labelled(&old, label), "swapped", "key-encrypted");
        add("PKCS#7", &|label| made.block(label, &pkcs7), "pkcs7", "no-key");
        add("PKCS#12", &|label| made.block(label, &pkcs12), "pkcs12", "pkcs12");
        add("request", &|label| made.block(label, &request), "csr", "csr");
        add("public key", &|label| labelled(&public, label), "public-key", "public-key");
        add("PKCS#1 public key", &|label| labelled(&pkcs1, label), "public-key", "public-key");
    }
    cases.push(("key as certificate", labelled(key, "CERTIFICATE").into(), "swapped", ""));
    cases.push(("certificate as key", labelled(leaf, "PRIVATE KEY").into(), "", "no-key"));
    cases.push(("certificate as RSA key", labelled(leaf, "RSA PRIVATE KEY").into(), "", "no-key"));
    let quoted = |text: &str| prefixed(text, |_| "> ".to_owned()).into_bytes();
    cases.push(("quoted key", quoted(key), "swapped", ""));
    cases.push(("quoted encrypted key", quoted(&encrypted), "swapped", "key-encrypted"));
    let as_key = quoted(&labelled(&encrypted, "PRIVATE KEY"));
    cases.push(("quoted encrypted key under another label", as_key, "swapped", "key-encrypted"));
    cases.push(("quoted public key", quoted(&public), "public-key", "public-key"));
    let beside = format!("{leaf}{}", labelled(key, "CERTIFICATE"));
    cases.push(("key beside a certificate, labelled as one", beside.into(), "swapped", ""));
    // TPMKey of draft-bottomley-tpm2-keys: the OID of a loadable key, then what only a TPM can use.
    let tpm = "MBsGBmeBBQoBA6ADAQH/AgRAAAABBAIAAAQCAAA=";
    for label in ["TSS2 PRIVATE KEY", "PRIVATE KEY"] {
        let text = format!("-----BEGIN {label}-----\n{tpm}\n-----END {label}-----\n");
        cases.push(("TPM key", text.into(), "swapped", "hardware-key"));
    }
    for label in ["TSS KEY BLOB", "PKCS#11 PROVIDER URI"] {
        let text = format!("-----BEGIN {label}-----\n{tpm}\n-----END {label}-----\n");
        cases.push(("a reference to hardware", text.into(), "hardware-key", "hardware-key"));
    }
    let openssh = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQy";
    let text = format!("-----BEGIN PRIVATE KEY-----\n{openssh}\n-----END PRIVATE KEY-----\n");
    cases.push(("OpenSSH's key as another", text.into(), "swapped", "openssh-key"));
    cases
}

/// Texts in the format of another program.
fn other_formats(made: &Made) -> Vec<Case> {
    let name = "RSA-2048.key";
    let number = made.base64(&["pkey", "-in", name, "-outform", "der"]);
    let text = |name, text: String, id| (name, text.into_bytes(), id, id);
    let ppk = format!(
        "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 1\n{number}\n\
         Private-Lines: 1\n{number}\nPrivate-MAC: 00\n"
    );
    let ssh2 = |kind: &str| {
        format!(
            "---- BEGIN SSH2 {kind} KEY ----\nComment: x\n{number}\n---- END SSH2 {kind} KEY ----"
        )
    };
    let dump = |arguments: &[&str]| {
        made.ca.openssl(&[arguments, &["-noout", "-text", "-out", "dump"]].concat());
        made.ca.read("dump")
    };
    let jwk = format!("{{\n \"kty\": \"RSA\",\n \"n\": \"{number}\", \"d\": \"{number}\"}}");
    let xml = format!("<RSAKeyValue><Modulus>{number}</Modulus><D>{number}</D></RSAKeyValue>");
    let mut zip = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    zip.extend([0xff; 60]);
    vec![
        text("PuTTY", ppk, "putty-key"),
        text("SSH2", ssh2("ENCRYPTED PRIVATE"), "ssh2-key"),
        text("SSH2, public", ssh2("PUBLIC"), "public-key"),
        text("OpenSSH, public", format!("ssh-rsa {number} me@host\n"), "public-key"),
        text("OpenSSH, public Ed25519", format!("ssh-ed25519 {number}\n"), "public-key"),
        text("OpenSSH, public EC", format!("ecdsa-sha2-nistp256 {number}\n"), "public-key"),
        text("JWK", jwk.clone(), "jwk"),
        text("JWK set", format!("{{\"keys\":[{jwk}]}}"), "jwk"),
        text("XML", xml, "xml-key"),
        text("x509 -text", dump(&["x509", "-in", "RSA-2048-good.pem"]), "text-dump"),
        text("pkey -text", dump(&["pkey", "-in", name]), "text-dump"),
        text("EC pkey -text", dump(&["pkey", "-in", "EC-P256.key"]), "text-dump"),
        (
            "Java keystore",
            b"\xfe\xed\xfe\xed\0\0\0\x02\0".to_vec(),
            "java-keystore",
            "java-keystore",
        ),
        ("JCEKS", b"\xce\xce\xce\xce\0\0\0\x02\0".to_vec(), "java-keystore", "java-keystore"),
    ]
}

/// Texts that name a certificate or key, or wrap it in a way that leaves a question.
fn references_and_wrappings(made: &Made) -> Vec<Case> {
    let mut cases = Vec::new();
    for reference in [
        "/etc/ssl/private/key.pem",
        "./key.pem",
        "~/key",
        "certs/site.crt\n",
        "C:\\certs\\site.key",
        "file:///etc/ssl/key.pem",
        "https://files.example/site.pem",
        "https://vault-of.vault.azure.net/secrets/site/0123456789abcdef",
        "@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/secrets/b)",
        "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:site-AbCdEf",
        "{{resolve:secretsmanager:site:SecretString:key}}",
        "projects/1/secrets/site/versions/latest",
        "vault:secret/data/site#key",
        "op://vault/site/key",
        "pkcs11:token=site;object=key",
        "$TLS_KEY",
        "${TLS_KEY}",
        "{{ .Values.tls.key }}",
        "%TLS_KEY%",
        "<your key>",
        "$ANSIBLE_VAULT;1.1;AES256\n6162636465666768\n6162636465666768\n",
        "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]",
    ] {
        cases.push(("reference", reference.as_bytes().to_vec(), "reference", "reference"));
    }
    let twice = |file: &str| {
        made.ca.openssl(&["base64", "-A", "-in", file, "-out", "base64"]);
        made.ca.read("base64")
    };
    let (certificate, key) = (twice("RSA-2048-good.pem"), twice("RSA-2048.key"));
    let yaml = format!(
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\ndata:\n  tls.crt: {certificate}\n  \
         tls.key: {key}\n"
    );
    let json = format!(
        r#"{{"kind": "Secret", "data": {{"tls.crt": "{certificate}", "tls.key": "{key}"}}}}"#
    );
    let both = "kubernetes-secret";
    cases.push(("Kubernetes YAML", yaml.into(), both, both));
    cases.push(("Kubernetes JSON", json.into(), both, both));
    let config = format!("users:\n- user:\n    client-certificate-data: {certificate}\n");
    cases.push(("kubeconfig", config.into(), "base64-of-pem", "base64-of-pem"));
    for (text, [in_certificate, in_key]) in
        [(&made.leaf, [true, false]), (&made.key, [false, true])]
    {
        let mut add = |name, text: String, id| {
            let id = |applies| if applies { id } else { "" };
            cases.push((name, text.into_bytes(), id(in_certificate), id(in_key)));
        };
        let lines: Vec<&str> = text.lines().collect();
        let inside = lines[1..lines.len() - 1].join("\n");
        let (removed, added) =
            (prefixed(&inside, |_| "-".to_owned()), prefixed(&inside, |_| "+".to_owned()));
        let last = lines.last().unwrap();
        add("diff of a change", format!("@@ @@\n {}\n{removed}{added} {last}\n", lines[0]), "diff");
        add("diff of a removed file", prefixed(text, |_| "-".to_owned()), "diff");
        let changed = format!(" {}\n{removed}{inside}\n {last}\n", lines[0]);
        add("diff with other lines", changed, "diff");
        for comment in ["# ", "#", "// ", "; ", " * ", "-- "] {
            add("comment", prefixed(text, |_| comment.to_owned()), "broken-pem");
        }
        let skipping = prefixed(text, |n| format!("{}\t", if n > 9 { n + 3 } else { n }));
        add("line numbers that skip", skipping, "broken-pem");
        let code = |begin, between| format!("{begin}{}\"", text.trim_end().replace('\n', between));
        add("commented code", code("// \"", "\" +\n// \""), "broken-pem");
        let partly = prefixed(text, |n| if n == 3 { String::new() } else { "> ".to_owned() });
        add("partly quoted", partly, "broken-pem");
        let dashes = text.replace("-----", "---");
        add("three dashes", dashes, "broken-pem");
    }
    cases
}

#[test]
fn what_is_no_pem_is_refused_under_its_name() {
    let ca = TestCa::new("not-pem");
    for kind in [&KINDS[0], &KINDS[3]] {
        ca.make(kind);
    }
    let (leaf, key) = (ca.read("RSA-2048-good.pem"), ca.read("RSA-2048.key"));
    let made = Made { ca, leaf, key };
    let cases =
        [wrong_labels(&made), other_formats(&made), references_and_wrappings(&made)].concat();
    let (mut lines, mut wanted) = (Vec::new(), Vec::new());
    for (name, text, in_certificate, in_key) in &cases {
        let file = made.ca.write(&format!("case {}", lines.len()), text);
        if !in_certificate.is_empty() {
            lines.push(pair(&file, Some(&made.ca.0.join("RSA-2048.key"))));
            wanted.push((format!("{name} as a certificate"), text, in_certificate));
        }
        if !in_key.is_empty() {
            lines.push(pair(&made.ca.0.join("RSA-2048-good.pem"), Some(&file)));
            wanted.push((format!("{name} as a key"), text, in_key));
        }
    }
    assert!(wanted.len() > 140, "{}", wanted.len());
    let mut wrong = Vec::new();
    for (inspection, (name, text, id)) in inspect(&lines).iter().zip(&wanted) {
        if inspection.refused() != [**id] {
            wrong.push(format!("{name}: {:?}, not {id}", inspection.findings));
        }
        let text = String::from_utf8_lossy(text);
        assert!(!quotes(inspection, &text), "{name}: {:?}", inspection.findings);
        assert!(!quotes(inspection, &made.key), "{name}: {:?}", inspection.findings);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(FINDINGS.iter().all(|id| wanted.iter().any(|(_, _, wanted)| wanted == &id)));
}

/// The first line that is wrong is named.
#[test]
fn the_first_wrong_line_is_named() {
    let ca = TestCa::new("first-wrong-line");
    ca.make(&KINDS[0]);
    let (leaf, key) = (ca.read("RSA-2048-good.pem"), ca.read("RSA-2048.key"));
    let numbered = |text: &str, skip: usize| {
        prefixed(text, |n| format!("{:6}\t", if n > skip { n + 1 } else { n }))
    };
    let changed = key.replacen("\nM", "\n-M", 1);
    for (text, id, said) in [
        (format!("\n\n{}", prefixed(&key, |_| "# ".to_owned())), "broken-pem", "line 3 of the key"),
        (
            format!("\n{}", numbered(&key, 9)),
            "broken-pem",
            "line 11 of the key text is without the mark or number that line 2 has",
        ),
        (
            prefixed(&key, |n| if n == 7 { "" } else { "> " }.to_owned()),
            "broken-pem",
            "line 7 of the key text is without the mark or number that line 1 has",
        ),
        (format!("a\n{changed}"), "diff", "line 3 of the key text"),
        (
            key.replace('+', " "),
            "broken-pem",
            "of the key text has spaces where \"+\" was, as a form decodes it",
        ),
        (format!("a\n{}", numbered(&key, 99)), "text-in-lines", "from line 2 on"),
        (
            format!("a\nb\n{}", prefixed(&key, |_| "> ".to_owned())),
            "text-in-lines",
            "\">\" of quoted mail, in the key text, from line 3 on",
        ),
        (
            prefixed(&key, |_| "+".to_owned()),
            "text-in-lines",
            "\"+\" of a diff, in the key text, from line 1 on",
        ),
        (
            format!("a\n{}", key.replace("-----", "\u{2014}\u{2014}-")),
            "typographic-dashes",
            "END lines of the key text, from line 2 on",
        ),
    ] {
        let file = ca.write("text", text);
        let certificate = ca.write("leaf", &leaf);
        let inspection = &inspect(&[pair(&certificate, Some(&file))])[0];
        let finding = inspection.findings.iter().find(|(_, found, _)| found == id);
        let sentence = finding.map(|(_, _, sentence)| sentence.as_str()).unwrap_or_default();
        assert!(sentence.contains(said), "{id}: {:?}", inspection.findings);
    }
}

//! Names the texts that people pass instead of PEM, by what they contain. Quotes none of it.

use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::pem;
use crate::inspect::wrapping::{interruption, is_comment};

use FindingKind::{Jwk, PublicKey, PuttyKey, Ssh2Key, TextDump, XmlKey};

/// How texts begin.
const BEGINNINGS: [(&str, FindingKind); 7] = [
    ("PuTTY-User-Key-File-", PuttyKey),
    ("ssh-rsa ", PublicKey),
    ("ssh-dss ", PublicKey),
    ("ssh-ed25519 ", PublicKey),
    ("ecdsa-sha2-nistp", PublicKey),
    ("sk-ssh-", PublicKey),
    ("sk-ecdsa-", PublicKey),
];

/// What texts contain.
const PARTS: [(&str, FindingKind); 5] = [
    ("BEGIN SSH2 PUBLIC KEY", PublicKey),
    ("BEGIN SSH2 ", Ssh2Key),
    ("\"kty\"", Jwk),
    ("<RSAKeyValue", XmlKey),
    ("<ECKeyValue", XmlKey),
];

/// What texts without PEM contain, which openssl, certtool and keytool print.
const DUMPS: [(&str, FindingKind); 6] = [
    ("Private-Key: (", TextDump),
    ("privateExponent:", TextDump),
    ("Signature Algorithm:", TextDump),
    ("X.509 Certificate Information", TextDump),
    ("Public Key Info:", TextDump),
    ("Certificate fingerprints", TextDump),
];

/// Names a text that libcas fails to read: `name` is that of the text, `content` what it has to
/// contain. `None` if it is none of these.
pub(super) fn recognise(text: &str, name: &str, content: &str) -> Option<Finding> {
    let find = |part: &str| pem::find(text, 0, part);
    let of_kind =
        |kind: FindingKind| Finding::new(kind, if kind == PublicKey { content } else { name });
    let known = |parts: &[(&str, FindingKind)]| {
        parts.iter().find(|(part, _)| find(part).is_some()).map(|(_, kind)| of_kind(*kind))
    };
    let start = text.trim_start();
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(begin, _)| start.starts_with(begin)) {
        return Some(of_kind(*kind));
    }
    if let Some(finding) = known(&PARTS) {
        return Some(finding);
    }
    // "-----BEGIN " in base64.
    if let Some(at) = find("LS0tLS1CRUdJTi") {
        let is_secret = find("kind").is_some() && find("Secret").is_some();
        if !is_secret && find("tls.crt").or_else(|| find("tls.key")).is_none() {
            return Some(of_kind(FindingKind::Base64OfPem));
        }
        let line = 1 + text[..at].matches('\n').count();
        let detail = format!("{line} of the {name}");
        return Some(Finding::new(FindingKind::KubernetesSecret, detail));
    }
    if let Some(line) = removed_line(text) {
        return Some(Finding::new(FindingKind::Diff, format!("{line} of the {name}")));
    }
    if let Some(reason) = unreadable_line(text, name).or_else(|| line_with_spaces(text, name)) {
        return Some(Finding::new(FindingKind::BrokenPem, reason));
    }
    if find("-----BEGIN ").is_some() {
        return None;
    }
    known(&DUMPS).or_else(|| {
        let refers = reference(start.trim_end())?;
        Some(Finding::new(FindingKind::Reference, format!("{name} {refers}")))
    })
}

/// The line of a block that a diff removes, counted from 1.
fn removed_line(text: &str) -> Option<usize> {
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        let is_begin = pem::find(line, 0, "-----BEGIN ").is_some();
        let is_removed = line.strip_prefix('-').is_some_and(|rest| {
            let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
            rest.starts_with("-----BEGIN ") || is_inside && rest.starts_with(is_base64)
        });
        if is_removed {
            return Some(index + 1);
        }
        is_inside = (is_inside || is_begin) && pem::find(line, 0, "-----END ").is_none();
    }
    None
}

/// The first line of a block that is a comment, or is without the mark that the lines before have.
fn unreadable_line(text: &str, name: &str) -> Option<String> {
    let is_commented =
        |line: &str| pem::find(line, 0, "-----BEGIN ").is_some_and(|at| is_comment(&line[..at]));
    let mut lines = text.lines().enumerate();
    if let Some((index, _)) = lines.find(|(_, line)| is_commented(line))
        && lines.next().is_some_and(|(_, next)| is_comment(next))
    {
        return Some(format!("line {} of the {name} is commented out", index + 1));
    }
    let (line, begin) = interruption(text)?;
    Some(format!("line {line} of the {name} is without the mark or number that line {begin} has"))
}

/// The first full line of base64 with spaces inside: what is left of "+" after a text was decoded
/// as a form.
fn line_with_spaces(text: &str, name: &str) -> Option<String> {
    const FULL: usize = 64;
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b' ');
    let is_damaged =
        |line: &str| line.len() == FULL && line.contains(' ') && line.bytes().all(is_base64);
    let index = text.lines().position(is_damaged)?;
    let line = index + 1;
    Some(format!("line {line} of the {name} has spaces where \"+\" was, as a form decodes it"))
}

/// What a text of one line refers to: a clause. `None` if it does not.
fn reference(text: &str) -> Option<&'static str> {
    /// Longer lines are not names.
    const MAX: usize = 2048;
    const ENCRYPTED: [&str; 2] = ["$ANSIBLE_VAULT", "ENC["];
    const SECRETS: [&str; 8] = [
        "arn:",
        "projects/",
        "@Microsoft.KeyVault(",
        "vault:",
        "secret:",
        "ref+",
        "pkcs11:",
        "{{resolve:",
    ];
    const VARIABLES: [&str; 6] = ["$", "{{", "%", "<", "process.env", "os.environ"];
    const PATHS: [&str; 4] = ["/", "./", "../", "~"];
    const NAMES: [&str; 8] = [".pem", ".crt", ".cer", ".key", ".der", ".p12", ".pfx", ".jks"];
    let begins = |parts: &[&str]| parts.iter().any(|part| text.starts_with(part));
    if begins(&ENCRYPTED) {
        return Some("is encrypted by another program");
    }
    if text.is_empty() || text.len() > MAX || text.contains('\n') {
        return None;
    }
    let is_drive = text.as_bytes().get(1..3) == Some(b":\\");
    let is_file = NAMES.iter().any(|name| text.ends_with(name));
    Some(match text {
        _ if begins(&SECRETS) => "is the name of a secret",
        _ if pem::find(text, 0, "://").is_some() => "is a URL",
        _ if begins(&VARIABLES) => "is a variable without its value",
        _ if begins(&PATHS) || is_drive || is_file => "is a path",
        _ => return None,
    })
}

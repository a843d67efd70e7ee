//! Where an inspection and OpenSSL's server disagree, in short phrases.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use acceptance::inspection::Inspection;
use acceptance::openssl_server::{Judged, version};
use acceptance::top;

/// What OpenSSL and what libcas call keys whose type has no size.
const TYPES: [(&str, &str); 17] = [
    ("prime192v1", "EC-P192"),
    ("secp224r1", "EC-P224"),
    ("brainpoolP256r1", "EC-brainpoolP256r1"),
    ("brainpoolP384r1", "EC-brainpoolP384r1"),
    ("brainpoolP512r1", "EC-brainpoolP512r1"),
    ("SM2", "SM2"),
    ("prime256v1", "EC-P256"),
    ("secp384r1", "EC-P384"),
    ("secp521r1", "EC-P521"),
    ("secp256k1", "EC-secp256k1"),
    ("ED25519", "Ed25519"),
    ("ED448", "Ed448"),
    ("DSA", "DSA"),
    ("DH", "DH"),
    ("DHX", "DH"),
    ("X25519", "X25519"),
    ("X448", "X448"),
];
/// The key types that no browser takes from a server.
const NOT_SERVED: [&str; 5] = ["DSA", "DH", "DHX", "X25519", "X448"];
/// The facts that are compared as they are.
const FACTS: [&str; 8] =
    ["common_name", "sans", "issuer", "serial", "not_before", "not_after", "sha1", "sha256"];

/// The key type in libcas's terms.
pub fn key_type(judged: &Judged) -> &str {
    let theirs = judged.get("key_type");
    match TYPES.iter().find(|(name, _)| *name == theirs) {
        Some((_, ours)) => ours,
        None if theirs.starts_with("RSA-") || theirs.is_empty() => theirs,
        None => "EC",
    }
}

/// Whether libcas should take a certificate: OpenSSL's server loads it, and browsers take its key.
/// TLS with SM2 is not OpenSSL's: it reads these certificates, and serves them nowhere.
fn is_servable(judged: &Judged) -> bool {
    let theirs = judged.get("key_type");
    theirs == "SM2" || judged.is("loads") && !NOT_SERVED.contains(&theirs)
}

/// The findings that refuse, but for those that refuse on purpose what a server loads.
fn refused<'a>(inspection: &'a Inspection, judged: &Judged) -> BTreeSet<&'a str> {
    let is_meant = |id: &str| match id {
        "expired" => judged.is("expired"),
        "ca-as-leaf" => judged.is("ca"),
        _ => false,
    };
    inspection.refused().into_iter().filter(|id| !is_meant(id)).collect()
}

fn listed(ids: BTreeSet<&str>) -> String {
    ids.into_iter().collect::<Vec<_>>().join("+")
}

/// The disagreement about a file with several certificates that the server loads. Its dates are
/// not compared: the server's leaf is the first certificate, libcas's the one that issued no other.
pub fn of_chain(inspection: &Inspection, tidied: &Judged) -> Option<String> {
    let ids = inspection.refused().into_iter();
    let refused: BTreeSet<_> = ids.filter(|id| !["expired", "ca-as-leaf"].contains(id)).collect();
    if !refused.is_empty() {
        return Some(format!("chain refused: {}", listed(refused)));
    }
    (!tidied.is("loads")).then(|| format!("tidied chain: {}", tidied.get("loads")))
}

/// The disagreements about a certificate alone.
pub fn of_certificate(inspection: &Inspection, judged: &Judged) -> Vec<String> {
    let refused = refused(inspection, judged);
    if !is_servable(judged) {
        let reason = match judged.get("loads") {
            "yes" => judged.get("key_type"),
            reason => reason,
        };
        return if refused.is_empty() { vec![format!("taken: {reason}")] } else { vec![] };
    }
    if !refused.is_empty() {
        return vec![format!("refused: {}", listed(refused))];
    }
    let is_expired = inspection.refused().contains(&"expired");
    if is_expired != judged.is("expired") {
        return vec!["not expired".to_owned()];
    }
    vec![]
}

/// The disagreements about the facts of a certificate that both can read.
pub fn of_facts(inspection: &Inspection, judged: &Judged) -> Vec<String> {
    if !is_servable(judged) || inspection.fields["sha256"].is_empty() {
        return vec![];
    }
    let ours = |name: &str| {
        let field = inspection.fields.get(name).map_or("", String::as_str);
        match name {
            // libcas shows the byte that keeps a number positive.
            "serial" if field.len() > 2 => field.strip_prefix("00").unwrap_or(field),
            _ => field,
        }
    };
    let facts = FACTS.iter().map(|name| (*name, judged.get(name), ours(name)));
    let more = [
        ("key type", key_type(judged), ours("key_type")),
        ("tidied PEM", judged.pem.as_str(), inspection.pem.as_str()),
    ];
    let different = facts.chain(more).filter(|(_, theirs, ours)| theirs != ours);
    different
        .map(|(name, theirs, ours)| match name {
            "tidied PEM" => name.to_owned(),
            _ => format!("{name}: {ours:?} for {theirs:?}"),
        })
        .collect()
}

/// The disagreement about a key beside a certificate, of which `alone` was found without a key.
pub fn of_pair(
    inspection: &Inspection,
    alone: &Inspection,
    [certificate, key, pair]: [&Judged; 3],
    key_text: &str,
) -> Option<String> {
    let before: BTreeSet<_> = alone.refused().into_iter().collect();
    let after: BTreeSet<_> = inspection.refused().into_iter().collect();
    let of_key: BTreeSet<_> = after.difference(&before).copied().collect();
    let is_missing = |id| !after.contains(id);
    if key_text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return is_missing("openssh-key").then(|| "not refused as OpenSSH's".to_owned());
    }
    if key_text.contains("ENCRYPTED") {
        return is_missing("key-encrypted").then(|| "not refused as encrypted".to_owned());
    }
    let is_read = is_servable(certificate) && !alone.fields["sha256"].is_empty();
    let is_taken = if is_read { of_key.is_empty() } else { after.is_empty() };
    if !pair.is("belongs") {
        return is_taken.then(|| "another's key is taken".to_owned());
    }
    if !key.is("check") {
        return is_taken.then(|| format!("taken: {}", key.get("check")));
    }
    if !is_servable(certificate) {
        return is_taken.then(|| "taken, which no browser takes".to_owned());
    }
    // Otherwise it is the certificate about which they disagree.
    if !is_read {
        return None;
    }
    if !of_key.is_empty() {
        return Some(format!("its own key is refused: {}", listed(of_key)));
    }
    if certificate.is("self_signed") && after.contains("ca-as-leaf") {
        return Some("a self-signed certificate is refused: ca-as-leaf".to_owned());
    }
    if inspection.has("key-not-verified") {
        return Some("not verified".to_owned());
    }
    let is_served = pair.is("handshake") || certificate.get("key_type") == "SM2";
    (!is_served).then(|| format!("taken, but not served: {}", pair.get("handshake")))
}

/// Fails unless the disagreements are exactly those of a corpus's list.
pub fn assert_listed(corpus: &str, found: &BTreeMap<String, BTreeSet<String>>) {
    let list = top().join(format!("tests/fixtures/data/disagreements/{corpus}.txt"));
    let row = |line: &str| {
        let [file, what, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert!(reason.len() > 10, "no reason: {line}");
        format!("{file}\t{what}")
    };
    let text = fs::read_to_string(list).unwrap();
    let listed: BTreeSet<_> = text.lines().filter(|line| !line.starts_with('#')).map(row).collect();
    let rows = found.iter().flat_map(|(file, all)| all.iter().map(move |what| (file, what)));
    let found: BTreeSet<_> = rows.map(|(file, what)| format!("{file}\t{what}")).collect();
    let unlisted: Vec<_> = found.difference(&listed).map(|row| format!("{row}\n")).collect();
    let gone: Vec<_> = listed.difference(&found).map(|row| format!("{row}\n")).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "{corpus}, {}\nnot listed:\n{}listed, but gone:\n{}",
        version(),
        unlisted.concat(),
        gone.concat()
    );
}

//! From the text that somebody passed to the certificates and keys in it.

use std::borrow::Cow;
use std::ops::Deref;

use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::formats::{form, in_ascii, is_der, is_pkcs7, is_pkcs12, not_text};
use crate::inspect::pem;
use crate::inspect::pem::{Block, Surroundings};

/// What a PEM block holds, decoded.
pub(super) struct DerBlock {
    pub(super) label: Cow<'static, str>,
    /// The line of its BEGIN, counted from 1.
    pub(super) line: usize,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Whether something followed it, which was cut off.
    cut: bool,
}

impl DerBlock {
    /// What follows a certificate or key is no part of it: OpenSSL's trust, or garbage.
    fn new(label: Cow<'static, str>, line: usize, mut bytes: Zeroizing<Vec<u8>>) -> Self {
        let rest = Any::from_der(&bytes).map_or(0, |(rest, _)| rest.len());
        let length = bytes.len() - rest;
        bytes.truncate(length);
        Self { label, line, bytes, cut: rest > 0 }
    }
}

/// More keys than anybody keeps in one file; what follows is not looked at.
const MOST_KEYS: usize = 16;
const CERTIFICATE: &str = "CERTIFICATE";
const OLD_CERTIFICATE: [&str; 2] = ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
const PRIVATE_KEY: &str = "PRIVATE KEY";
const CERTIFICATE_TEXT: &str = "certificate text";
const KEY_TEXT: &str = "key text";

/// The certificates in `bytes`, in order; none where one is broken, or where there is something else.
pub(super) fn certificates(bytes: &[u8], findings: &mut Vec<Finding>) -> Vec<DerBlock> {
    let what = CERTIFICATE_TEXT;
    let is_old = |block: &Block<'_>| OLD_CERTIFICATE.contains(&block.label);
    let is_wanted = |block: &Block<'_>| block.label == CERTIFICATE || is_old(block);
    read(bytes, what, findings, &|plain, blocks, findings| {
        let (wanted, others): (Vec<Block<'_>>, _) = blocks.into_iter().partition(is_wanted);
        if wanted.is_empty() {
            return instead_of_certificate(plain, &others, findings);
        }
        if wanted.iter().any(is_old) {
            findings.push(Finding::new(FindingKind::Label, what));
        }
        leave_out(&others, what, findings);
        note_layout(&wanted, what, findings);
        let decode = |block: &Block<'_>| {
            let bytes = block.decode().map_err(|broken| broken.finding(what))?;
            Ok(DerBlock::new(CERTIFICATE.into(), block.line, bytes))
        };
        let ders: Vec<DerBlock> = wanted.iter().map(decode).collect::<Result<_, _>>()?;
        note_cut(&ders, what, findings);
        Ok(ders)
    })
}

/// The private keys in `bytes` that can be read.
pub(super) fn keys(bytes: &[u8], findings: &mut Vec<Finding>) -> Vec<DerBlock> {
    let what = KEY_TEXT;
    read(bytes, what, findings, &|plain, blocks, findings| {
        let (wanted, others): (Vec<Block<'_>>, _) = blocks.into_iter().partition(is_key);
        if wanted.is_empty() {
            return instead_of_key(plain, &others, findings);
        }
        let (mut keys, mut problem, mut mislabelled) = (Vec::new(), None, false);
        for block in &wanted {
            match key(block, what) {
                Ok(key) => {
                    mislabelled |= key.label != block.label;
                    keys.push(key);
                }
                Err(finding) => drop(problem.get_or_insert(finding)),
            }
            if keys.len() == MOST_KEYS {
                break;
            }
        }
        if let (true, Some(problem)) = (keys.is_empty(), problem) {
            return Err(problem);
        }
        leave_out(&others, what, findings);
        if wanted.len() > 1 {
            findings.push(Finding::new(
                FindingKind::OtherBlocks,
                format!("{what}: further private keys"),
            ));
        }
        note_layout(&wanted, what, findings);
        if mislabelled {
            findings.push(Finding::new(FindingKind::Label, what));
        }
        note_cut(&keys, what, findings);
        Ok(keys)
    })
}

fn is_key(block: &Block<'_>) -> bool {
    block.label.ends_with(PRIVATE_KEY)
}

type Choose<'a> =
    dyn Fn(&str, Vec<Block<'_>>, &mut Vec<Finding>) -> Result<Vec<DerBlock>, Finding> + 'a;

/// Opens a text, finds its blocks, has `choose` take what is wanted, and notes what stood around it.
fn read(
    bytes: &[u8],
    what: &str,
    findings: &mut Vec<Finding>,
    choose: &Choose<'_>,
) -> Vec<DerBlock> {
    let mut open = || {
        let plain = Plain::open(bytes, what)?;
        let (blocks, around) = pem::blocks(&plain).map_err(|broken| broken.finding(what))?;
        let bare = blocks.is_empty();
        let mut notes = Vec::new();
        let ders = choose(&plain, blocks, &mut notes)?;
        if !bare {
            plain.note(around, what, &mut notes);
        }
        findings.append(&mut notes);
        Ok(ders)
    };
    match open() {
        Ok(ders) => ders,
        Err(finding) => {
            findings.push(finding);
            Vec::new()
        }
    }
}

/// A text without byte order mark and escapes.
struct Plain<'a> {
    given: &'a str,
    /// Where anything had to be replaced.
    replaced: Option<Zeroizing<String>>,
    had_escapes: bool,
    had_mark: bool,
}

impl Deref for Plain<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.replaced.as_deref().map_or(self.given, String::as_str)
    }
}

impl<'a> Plain<'a> {
    fn open(bytes: &'a [u8], what: &str) -> Result<Self, Finding> {
        if let Some(finding) = not_text(bytes, what) {
            return Err(finding);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Self {
                given: "",
                replaced: in_ascii(bytes),
                had_escapes: false,
                had_mark: false,
            });
        };
        let given = text.strip_prefix('\u{feff}');
        let had_mark = given.is_some();
        let given = given.unwrap_or(text);
        let replaced = pem::unescaped(given);
        Ok(Self { given, had_escapes: replaced.is_some(), replaced, had_mark })
    }

    fn note(&self, around: Surroundings, what: &str, findings: &mut Vec<Finding>) {
        let mut note = |found: bool, kind: FindingKind| {
            if found && !findings.iter().any(|finding| finding.kind == kind) {
                findings.push(Finding::new(kind, what));
            }
        };
        note(self.had_mark, FindingKind::ByteOrderMark);
        note(self.had_escapes, FindingKind::Escapes);
        note(memchr::memchr(b'\r', self.as_bytes()).is_some(), FindingKind::LineEnds);
        note(around.words, FindingKind::Words);
        note(around.space, FindingKind::Layout);
    }
}

fn note_layout(blocks: &[Block<'_>], what: &str, findings: &mut Vec<Finding>) {
    if !blocks.iter().all(Block::is_tidy) {
        findings.push(Finding::new(FindingKind::Layout, what));
    }
}

fn note_cut(ders: &[DerBlock], what: &str, findings: &mut Vec<Finding>) {
    if ders.iter().any(|der| der.cut) {
        findings.push(Finding::new(
            FindingKind::OtherBlocks,
            format!("{what}: bytes after the end of a block's ASN.1"),
        ));
    }
}

/// Notes the blocks that are not taken.
fn leave_out(others: &[Block<'_>], what: &str, findings: &mut Vec<Finding>) {
    if what == CERTIFICATE_TEXT && others.iter().any(is_key) {
        findings.push(Finding::new(FindingKind::KeyBesideCertificate, what));
    }
    let mut labels: Vec<&str> = Vec::new();
    for block in others.iter().filter(|block| what == KEY_TEXT || !is_key(block)) {
        if !labels.contains(&block.label) && labels.len() < 5 {
            labels.push(block.label);
        }
    }
    if !labels.is_empty() {
        findings
            .push(Finding::new(FindingKind::OtherBlocks, format!("{what}: {}", labels.join(", "))));
    }
}

fn instead_of_certificate(
    plain: &str,
    blocks: &[Block<'_>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<DerBlock>, Finding> {
    let what = CERTIFICATE_TEXT;
    if blocks.iter().any(is_key) {
        return Err(Finding::new(FindingKind::Swapped, ""));
    }
    if !blocks.is_empty() {
        return Err(instead(blocks, what, "certificate"));
    }
    match bare(plain, what)? {
        Some(bytes) if form(&bytes).is_some() => Err(Finding::new(FindingKind::Swapped, "")),
        Some(bytes) if is_der(&bytes) => {
            findings.push(Finding::new(FindingKind::BareBase64, what));
            Ok(vec![DerBlock::new(CERTIFICATE.into(), 1, bytes)])
        }
        _ => Err(Finding::new(FindingKind::NoCertificate, what)),
    }
}

fn instead_of_key(
    plain: &str,
    blocks: &[Block<'_>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<DerBlock>, Finding> {
    let what = KEY_TEXT;
    if !blocks.is_empty() {
        return Err(match instead(blocks, what, "private key") {
            Finding { kind: FindingKind::OtherPem | FindingKind::Pkcs7, .. } => {
                Finding::new(FindingKind::NoKey, what)
            }
            other => other,
        });
    }
    match bare(plain, what)?.and_then(|bytes| Some((form(&bytes)?, bytes))) {
        Some((label, bytes)) => {
            findings.push(Finding::new(FindingKind::BareBase64, what));
            Ok(vec![DerBlock::new(label.into(), 1, bytes)])
        }
        None => Err(Finding::new(FindingKind::NoKey, what)),
    }
}

/// The bytes of a text that is nothing but base64. What holds neither certificates nor keys by themselves is named.
fn bare(plain: &str, what: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Finding> {
    match pem::bare(plain) {
        Some(bytes) if bytes.starts_with(b"-----BEGIN ") => {
            Err(Finding::new(FindingKind::Base64OfPem, what))
        }
        Some(bytes) if is_pkcs12(&bytes) => Err(Finding::new(FindingKind::Pkcs12, what)),
        Some(bytes) if is_pkcs7(&bytes) => Err(Finding::new(FindingKind::Pkcs7, what)),
        bytes => Ok(bytes),
    }
}

/// What stands where something else should be, by its label.
fn instead(blocks: &[Block<'_>], what: &str, wanted: &str) -> Finding {
    let any = |ends: &[&str]| {
        blocks.iter().any(|block| ends.iter().any(|end| block.label.ends_with(end)))
    };
    if any(&["CERTIFICATE REQUEST"]) {
        Finding::new(FindingKind::Csr, wanted)
    } else if any(&["PUBLIC KEY"]) {
        Finding::new(FindingKind::PublicKey, wanted)
    } else if any(&["PKCS7", "PKCS #7 SIGNED DATA"]) {
        Finding::new(FindingKind::Pkcs7, what)
    } else {
        Finding::new(FindingKind::OtherPem, what)
    }
}

/// Reads the key in a block.
fn key(block: &Block<'_>, what: &str) -> Result<DerBlock, Finding> {
    if block.is_encrypted() {
        return Err(Finding::new(FindingKind::KeyEncrypted, block.line.to_string()));
    }
    if block.label == "OPENSSH PRIVATE KEY" {
        return Err(Finding::new(FindingKind::OpensshKey, what));
    }
    let bytes = block.decode().map_err(|broken| broken.finding(what))?;
    let key = DerBlock::new(block.label.to_owned().into(), block.line, bytes);
    // Labels that name a form are now and then another form's.
    Ok(match (block.label, form(&key.bytes)) {
        ("PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY", Some(form)) => {
            DerBlock { label: form.into(), ..key }
        }
        _ => key,
    })
}

//! Finds the certificates and private keys in the text that a program passes.

use std::borrow::Cow;
use std::ops::Deref;

use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::Zeroizing;

use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::formats::{ascii_with_pem, is_der, is_pkcs7, is_pkcs12, key_label, not_text};
use crate::inspect::pem;
use crate::inspect::pem::{PemBlock, TextOutside};

/// The decoded content of a PEM block.
pub(super) struct DerBlock {
    pub(super) label: Cow<'static, str>,
    /// Line of the BEGIN marker, counted from 1.
    pub(super) line: usize,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    had_trailing_bytes: bool,
}

impl DerBlock {
    /// Cuts off what follows the ASN.1 value, such as OpenSSL's trust settings.
    fn new(label: Cow<'static, str>, line: usize, mut bytes: Zeroizing<Vec<u8>>) -> Self {
        let trailing = Any::from_der(&bytes).map_or(0, |(rest, _)| rest.len());
        let length = bytes.len() - trailing;
        bytes.truncate(length);
        Self { label, line, bytes, had_trailing_bytes: trailing > 0 }
    }

    pub(super) fn certificate(line: usize, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::new(CERTIFICATE.into(), line, bytes)
    }
}

/// Keys read from one text; libcas ignores further ones.
const MAX_KEYS: usize = 16;
/// Labels named in one finding.
const MAX_LISTED_LABELS: usize = 5;
const CERTIFICATE: &str = "CERTIFICATE";
const OLD_CERTIFICATE_LABELS: [&str; 2] = ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// The argument that a text came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Argument {
    Certificate,
    Key,
}

impl Argument {
    /// The text, for findings.
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate text",
            Self::Key => "key text",
        }
    }

    /// What the text has to contain, for findings.
    fn content(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
        }
    }
}

/// The certificates in `bytes`, in order; none if one is broken.
pub(super) fn certificates(bytes: &[u8], findings: &mut Vec<Finding>) -> Vec<DerBlock> {
    let argument = Argument::Certificate;
    let has_old_label = |block: &PemBlock<'_>| OLD_CERTIFICATE_LABELS.contains(&block.label);
    let is_certificate = |block: &PemBlock<'_>| block.label == CERTIFICATE || has_old_label(block);
    read(bytes, argument, findings, &|text, blocks, findings| {
        let (certificates, others): (Vec<PemBlock<'_>>, _) =
            blocks.into_iter().partition(is_certificate);
        if certificates.is_empty() {
            return without_certificate_block(text, &others, findings);
        }
        if certificates.iter().any(has_old_label) {
            findings.push(Finding::new(FindingKind::Label, argument.name()));
        }
        note_other_blocks(&others, argument, findings);
        note_layout(&certificates, argument, findings);
        let decode = |block: &PemBlock<'_>| {
            let bytes = block.decode().map_err(|error| error.finding(argument.name()))?;
            Ok(DerBlock::certificate(block.line, bytes))
        };
        let ders: Vec<DerBlock> = certificates.iter().map(decode).collect::<Result<_, _>>()?;
        note_trailing_bytes(&ders, argument, findings);
        Ok(ders)
    })
}

/// The private keys in `bytes` that libcas can read.
pub(super) fn keys(bytes: &[u8], findings: &mut Vec<Finding>) -> Vec<DerBlock> {
    let argument = Argument::Key;
    read(bytes, argument, findings, &|text, blocks, findings| {
        let (key_blocks, others): (Vec<PemBlock<'_>>, _) = blocks.into_iter().partition(is_key);
        if key_blocks.is_empty() {
            return without_key_block(text, &others, findings);
        }
        let (mut keys, mut problem, mut is_mislabelled) = (Vec::new(), None, false);
        for block in &key_blocks {
            match decode_key(block) {
                Ok(key) => {
                    is_mislabelled |= key.label != block.label;
                    keys.push(key);
                }
                Err(finding) => drop(problem.get_or_insert(finding)),
            }
            if keys.len() == MAX_KEYS {
                break;
            }
        }
        if let (true, Some(problem)) = (keys.is_empty(), problem) {
            return Err(problem);
        }
        note_other_blocks(&others, argument, findings);
        if key_blocks.len() > 1 {
            let detail = format!("{}: additional private keys", argument.name());
            findings.push(Finding::new(FindingKind::OtherBlocks, detail));
        }
        note_layout(&key_blocks, argument, findings);
        if is_mislabelled {
            findings.push(Finding::new(FindingKind::Label, argument.name()));
        }
        note_trailing_bytes(&keys, argument, findings);
        Ok(keys)
    })
}

fn is_key(block: &PemBlock<'_>) -> bool {
    block.label.ends_with(PRIVATE_KEY)
}

/// Picks the blocks that are needed and decodes them.
type Select<'a> =
    dyn Fn(&str, Vec<PemBlock<'_>>, &mut Vec<Finding>) -> Result<Vec<DerBlock>, Finding> + 'a;

/// Splits a text into PEM blocks, decodes the ones that `select` picks, and notes what it tidied.
fn read(
    bytes: &[u8],
    argument: Argument,
    findings: &mut Vec<Finding>,
    select: &Select<'_>,
) -> Vec<DerBlock> {
    let read = || {
        let text = InputText::new(bytes, argument)?;
        let (blocks, outside) =
            pem::blocks(&text).map_err(|error| error.finding(argument.name()))?;
        let has_blocks = !blocks.is_empty();
        let mut notes = Vec::new();
        let ders = select(&text, blocks, &mut notes)?;
        if has_blocks {
            text.note(outside, argument, &mut notes);
        }
        Ok((ders, notes))
    };
    match read() {
        Ok((ders, mut notes)) => {
            findings.append(&mut notes);
            ders
        }
        Err(finding) => {
            findings.push(finding);
            Vec::new()
        }
    }
}

/// Text without byte order mark and escape sequences.
struct InputText<'a> {
    original: &'a str,
    /// A copy, if anything had to be replaced.
    replaced: Option<Zeroizing<String>>,
    had_escapes: bool,
    had_byte_order_mark: bool,
}

impl Deref for InputText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.replaced.as_deref().map_or(self.original, String::as_str)
    }
}

impl<'a> InputText<'a> {
    fn new(bytes: &'a [u8], argument: Argument) -> Result<Self, Finding> {
        if let Some(finding) = not_text(bytes, argument.name()) {
            return Err(finding);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Self {
                original: "",
                replaced: ascii_with_pem(bytes),
                had_escapes: false,
                had_byte_order_mark: false,
            });
        };
        let without_mark = text.strip_prefix('\u{feff}');
        let had_byte_order_mark = without_mark.is_some();
        let original = without_mark.unwrap_or(text);
        let replaced = pem::unescape(original);
        Ok(Self { original, had_escapes: replaced.is_some(), replaced, had_byte_order_mark })
    }

    fn note(&self, outside: TextOutside, argument: Argument, findings: &mut Vec<Finding>) {
        let mut note = |applies: bool, kind: FindingKind| {
            if applies && !findings.iter().any(|finding| finding.kind == kind) {
                findings.push(Finding::new(kind, argument.name()));
            }
        };
        note(self.had_byte_order_mark, FindingKind::ByteOrderMark);
        note(self.had_escapes, FindingKind::Escapes);
        note(memchr::memchr(b'\r', self.as_bytes()).is_some(), FindingKind::LineEnds);
        note(outside.has_text, FindingKind::SurroundingText);
        note(outside.has_extra_space, FindingKind::Layout);
    }
}

fn note_layout(blocks: &[PemBlock<'_>], argument: Argument, findings: &mut Vec<Finding>) {
    if !blocks.iter().all(PemBlock::is_tidy) {
        findings.push(Finding::new(FindingKind::Layout, argument.name()));
    }
}

fn note_trailing_bytes(ders: &[DerBlock], argument: Argument, findings: &mut Vec<Finding>) {
    if ders.iter().any(|der| der.had_trailing_bytes) {
        let detail = format!("{}: bytes after the ASN.1 value of a block", argument.name());
        findings.push(Finding::new(FindingKind::OtherBlocks, detail));
    }
}

/// Notes the blocks that libcas leaves out.
fn note_other_blocks(others: &[PemBlock<'_>], argument: Argument, findings: &mut Vec<Finding>) {
    let is_certificate = argument == Argument::Certificate;
    if is_certificate && others.iter().any(is_key) {
        findings.push(Finding::new(FindingKind::KeyBesideCertificate, argument.name()));
    }
    let mut labels: Vec<&str> = Vec::new();
    for block in others.iter().filter(|block| !is_certificate || !is_key(block)) {
        if !labels.contains(&block.label) && labels.len() < MAX_LISTED_LABELS {
            labels.push(block.label);
        }
    }
    if !labels.is_empty() {
        let detail = format!("{}: {}", argument.name(), labels.join(", "));
        findings.push(Finding::new(FindingKind::OtherBlocks, detail));
    }
}

/// Reads a certificate without BEGIN and END lines, or says what the text contains instead.
fn without_certificate_block(
    text: &str,
    blocks: &[PemBlock<'_>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<DerBlock>, Finding> {
    let argument = Argument::Certificate;
    if blocks.iter().any(is_key) {
        return Err(Finding::new(FindingKind::Swapped, ""));
    }
    if !blocks.is_empty() {
        return Err(unusable_blocks(blocks, argument));
    }
    match bare_der(text, argument)? {
        Some(bytes) if key_label(&bytes).is_some() => Err(Finding::new(FindingKind::Swapped, "")),
        Some(bytes) if is_der(&bytes) => {
            findings.push(Finding::new(FindingKind::BareBase64, argument.name()));
            Ok(vec![DerBlock::certificate(1, bytes)])
        }
        _ => Err(Finding::new(FindingKind::NoCertificate, argument.name())),
    }
}

/// Reads a private key without BEGIN and END lines, or says what the text contains instead.
fn without_key_block(
    text: &str,
    blocks: &[PemBlock<'_>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<DerBlock>, Finding> {
    let argument = Argument::Key;
    if !blocks.is_empty() {
        return Err(match unusable_blocks(blocks, argument) {
            Finding { kind: FindingKind::OtherPem | FindingKind::Pkcs7, .. } => {
                Finding::new(FindingKind::NoKey, argument.name())
            }
            other => other,
        });
    }
    match bare_der(text, argument)?.and_then(|bytes| Some((key_label(&bytes)?, bytes))) {
        Some((label, bytes)) => {
            findings.push(Finding::new(FindingKind::BareBase64, argument.name()));
            Ok(vec![DerBlock::new(label.into(), 1, bytes)])
        }
        None => Err(Finding::new(FindingKind::NoKey, argument.name())),
    }
}

/// Decodes a text that is base64 only. Fails if it is a format that has to be converted first.
fn bare_der(text: &str, argument: Argument) -> Result<Option<Zeroizing<Vec<u8>>>, Finding> {
    let refuse = |kind: FindingKind| Err(Finding::new(kind, argument.name()));
    match pem::decode_bare(text) {
        Some(bytes) if bytes.starts_with(b"-----BEGIN ") => refuse(FindingKind::Base64OfPem),
        Some(bytes) if is_pkcs12(&bytes) => refuse(FindingKind::Pkcs12),
        Some(bytes) if is_pkcs7(&bytes) => refuse(FindingKind::Pkcs7),
        bytes => Ok(bytes),
    }
}

/// Names the blocks that were passed instead of what `argument` has to contain.
fn unusable_blocks(blocks: &[PemBlock<'_>], argument: Argument) -> Finding {
    let any = |endings: &[&str]| {
        blocks.iter().any(|block| endings.iter().any(|ending| block.label.ends_with(ending)))
    };
    if any(&["CERTIFICATE REQUEST"]) {
        Finding::new(FindingKind::Csr, argument.content())
    } else if any(&["PUBLIC KEY"]) {
        Finding::new(FindingKind::PublicKey, argument.content())
    } else if any(&["PKCS7", "PKCS #7 SIGNED DATA"]) {
        Finding::new(FindingKind::Pkcs7, argument.name())
    } else {
        Finding::new(FindingKind::OtherPem, argument.name())
    }
}

/// Decodes a private key and corrects its label.
fn decode_key(block: &PemBlock<'_>) -> Result<DerBlock, Finding> {
    let argument = Argument::Key;
    if block.is_encrypted() {
        return Err(Finding::new(FindingKind::KeyEncrypted, block.line.to_string()));
    }
    if block.label == "OPENSSH PRIVATE KEY" {
        return Err(Finding::new(FindingKind::OpensshKey, argument.name()));
    }
    let bytes = block.decode().map_err(|error| error.finding(argument.name()))?;
    let key = DerBlock::new(block.label.to_owned().into(), block.line, bytes);
    // Some programs write one of these labels above another format.
    Ok(match (block.label, key_label(&key.bytes)) {
        ("PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY", Some(label)) => {
            DerBlock { label: label.into(), ..key }
        }
        _ => key,
    })
}

//! Finds the certificates and private keys in the text that a program passes.

use std::borrow::Cow;
use std::ops::Deref;

use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::Zeroizing;

use crate::inspect::escapes;
use crate::inspect::findings::{Finding, FindingKind};
use crate::inspect::formats::{
    Content, ascii_with_pem, begins_like_certificate, content, is_der, is_pkcs7, is_pkcs12,
    key_label, not_text,
};
use crate::inspect::pem;
use crate::inspect::pem::{PemBlock, TextOutside};
use crate::inspect::sm2_enveloped_key::is_enveloped;
use crate::inspect::text_formats;
use crate::inspect::wrapping;
use crate::inspect::wrapping::{Removed, Unwrapped};

/// The decoded content of a PEM block.
pub(super) struct DerBlock {
    pub(super) label: Cow<'static, str>,
    /// Line of the BEGIN marker, counted from 1.
    pub(super) line: usize,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    had_trailing_bytes: bool,
    /// Whether it is a complete SEQUENCE, as every certificate and key is.
    is_sequence: bool,
}

impl DerBlock {
    /// Cuts off what follows the ASN.1 value, such as OpenSSL's trust settings.
    fn new(label: Cow<'static, str>, line: usize, mut bytes: Zeroizing<Vec<u8>>) -> Self {
        let rest = Any::from_der(&bytes).map(|(rest, _)| rest.len());
        let is_sequence = rest.is_ok() && bytes.first() == Some(&0x30);
        let trailing = rest.unwrap_or(0);
        let length = bytes.len() - trailing;
        bytes.truncate(length);
        Self { label, line, bytes, had_trailing_bytes: trailing > 0, is_sequence }
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
/// Labels of what stands for a key in a TPM or in a PKCS#11 module.
const HARDWARE_LABELS: [&str; 2] = ["TSS KEY BLOB", "PKCS#11 PROVIDER URI"];

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
        if let Some(finding) = ders.iter().find_map(|der| not_a_certificate(&der.bytes)) {
            return Err(finding);
        }
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

/// What a text contains, and what libcas tidied.
type Contents = (Vec<DerBlock>, Vec<Finding>);

/// Splits a text into PEM blocks, decodes the ones that `select` picks, and notes what it tidied.
fn read(
    bytes: &[u8],
    argument: Argument,
    findings: &mut Vec<Finding>,
    select: &Select<'_>,
) -> Vec<DerBlock> {
    let read = InputText::new(bytes, argument).and_then(|mut text| {
        let as_it_is = text.read(argument, select);
        if is_complete(&as_it_is, argument) {
            return as_it_is;
        }
        let finding = as_it_is.as_ref().err().map(|finding| finding.kind);
        if let Some(without_comments) = wrapping::without_comments(&text) {
            let original = text.replaced.replace(without_comments);
            if let Ok((ders, mut notes)) = text.read(argument, select)
                && ders.iter().all(|der| der.is_sequence)
                && !ders.is_empty()
            {
                if !notes.iter().any(|note| note.kind == FindingKind::SurroundingText) {
                    notes.push(Finding::new(FindingKind::SurroundingText, argument.name()));
                }
                return Ok((ders, notes));
            }
            text.replaced = original;
        }
        let Some(Unwrapped { text: unwrapped, removed }) = wrapping::unwrap(&text) else {
            return recognised(&text, argument, finding).map_or(as_it_is, Err);
        };
        let original = text.replaced.replace(unwrapped);
        let mut read = text.read(argument, select);
        if read.as_ref().is_err_and(|finding| !is_general(finding.kind)) {
            return read;
        }
        if !is_complete(&read, argument) {
            text.replaced = original;
            return recognised(&text, argument, finding).map_or(as_it_is, Err);
        }
        if let Ok((_, notes)) = &mut read {
            notes.extend(removed.into_iter().map(|Removed { kind, what, line }| {
                let name = argument.name();
                let of = match kind {
                    FindingKind::TypographicDashes => "",
                    FindingKind::TextInLines => ", in the ",
                    _ => " of the ",
                };
                Finding::new(kind, format!("{what}{of}{name}, from line {line} on"))
            }));
        }
        read
    });
    match read {
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

/// Whether libcas read what it looked for: all certificates, or one of the keys.
fn is_complete(read: &Result<Contents, Finding>, argument: Argument) -> bool {
    read.as_ref().is_ok_and(|(ders, _)| match argument {
        Argument::Certificate => ders.iter().all(|der| der.is_sequence),
        Argument::Key => ders.iter().any(|der| der.is_sequence),
    })
}

/// Whether a finding says no more than that a text could not be read.
fn is_general(kind: FindingKind) -> bool {
    use FindingKind::{BrokenPem, NoCertificate, NoKey, OtherPem};
    matches!(kind, BrokenPem | NoCertificate | NoKey | OtherPem)
}

/// Names a text that libcas failed to read with a finding of this kind, or with none.
fn recognised(text: &str, argument: Argument, kind: Option<FindingKind>) -> Option<Finding> {
    let is_general = kind.is_none_or(is_general);
    is_general.then(|| text_formats::recognise(text, argument.name(), argument.content()))?
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
        let replaced = escapes::unescape(original, escapes::BACKSLASH);
        Ok(Self { original, had_escapes: replaced.is_some(), replaced, had_byte_order_mark })
    }

    fn read(&self, argument: Argument, select: &Select<'_>) -> Result<Contents, Finding> {
        let (blocks, outside) =
            pem::blocks(self).map_err(|error| error.finding(argument.name()))?;
        let has_blocks = !blocks.is_empty();
        let mut notes = Vec::new();
        let ders = select(self, blocks, &mut notes)?;
        if has_blocks {
            self.note(outside, argument, &mut notes);
        }
        Ok((ders, notes))
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
        Some(bytes) if is_der(&bytes) => {
            if let Some(finding) = not_a_certificate(&bytes) {
                return Err(finding);
            }
            findings.push(Finding::new(FindingKind::BareBase64, argument.name()));
            Ok(vec![DerBlock::certificate(1, bytes)])
        }
        _ => Err(Finding::new(FindingKind::NoCertificate, argument.name())),
    }
}

/// Says what a block holds instead of a certificate. `None` for a certificate, and for what libcas
/// does not recognise: it may be a damaged one.
fn not_a_certificate(der: &[u8]) -> Option<Finding> {
    let argument = Argument::Certificate;
    if begins_like_certificate(der) {
        return None;
    }
    Some(match content(der)? {
        Content::Certificate => return None,
        Content::PrivateKey | Content::EncryptedKey | Content::OpensshKey | Content::TpmKey => {
            Finding::new(FindingKind::Swapped, "")
        }
        Content::Csr => Finding::new(FindingKind::Csr, argument.content()),
        Content::PublicKey => Finding::new(FindingKind::PublicKey, argument.content()),
        Content::Pkcs7 => Finding::new(FindingKind::Pkcs7, argument.name()),
        Content::Pkcs12 => Finding::new(FindingKind::Pkcs12, argument.name()),
    })
}

/// Says what a block holds instead of a private key that libcas can read. `None` for such a key,
/// and for what libcas does not recognise: it may be a damaged one.
fn not_a_key(der: &[u8], line: usize) -> Option<Finding> {
    let argument = Argument::Key;
    Some(match content(der)? {
        Content::PrivateKey => return None,
        Content::EncryptedKey => Finding::new(FindingKind::KeyEncrypted, line.to_string()),
        Content::OpensshKey => Finding::new(FindingKind::OpensshKey, argument.name()),
        Content::TpmKey => Finding::new(FindingKind::HardwareKey, line.to_string()),
        Content::Csr => Finding::new(FindingKind::Csr, argument.content()),
        Content::PublicKey => Finding::new(FindingKind::PublicKey, argument.content()),
        Content::Pkcs12 => Finding::new(FindingKind::Pkcs12, argument.name()),
        Content::Certificate | Content::Pkcs7 => Finding::new(FindingKind::NoKey, argument.name()),
    })
}

/// Reads a private key without BEGIN and END lines, or says what the text contains instead.
fn without_key_block(
    text: &str,
    blocks: &[PemBlock<'_>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<DerBlock>, Finding> {
    let argument = Argument::Key;
    let is_envelope = |block: &&PemBlock<'_>| {
        block.label.contains("ENVELOPED") || block.decode().is_ok_and(|der| is_enveloped(&der))
    };
    if let Some(envelope) = blocks.iter().find(is_envelope) {
        return Err(enveloped(envelope.line));
    }
    if !blocks.is_empty() {
        return Err(match unusable_blocks(blocks, argument) {
            Finding { kind: FindingKind::OtherPem | FindingKind::Pkcs7, .. } => {
                Finding::new(FindingKind::NoKey, argument.name())
            }
            other => other,
        });
    }
    let Some(bytes) = bare_der(text, argument)? else {
        return Err(Finding::new(FindingKind::NoKey, argument.name()));
    };
    if is_enveloped(&bytes) {
        return Err(enveloped(1));
    }
    match key_label(&bytes) {
        Some(label) => {
            findings.push(Finding::new(FindingKind::BareBase64, argument.name()));
            Ok(vec![DerBlock::new(label.into(), 1, bytes)])
        }
        None => Err(not_a_key(&bytes, 1)
            .unwrap_or_else(|| Finding::new(FindingKind::NoKey, argument.name()))),
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
    } else if let Some(block) = blocks.iter().find(|block| HARDWARE_LABELS.contains(&block.label)) {
        Finding::new(FindingKind::HardwareKey, block.line.to_string())
    } else {
        Finding::new(FindingKind::OtherPem, argument.name())
    }
}

/// The finding about an SM2 key in an envelope.
fn enveloped(line: usize) -> Finding {
    Finding::new(FindingKind::Sm2EnvelopedKey, format!("private key at line {line}"))
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
    if block.label == "TSS2 PRIVATE KEY" {
        return Err(Finding::new(FindingKind::HardwareKey, block.line.to_string()));
    }
    let bytes = block.decode().map_err(|error| error.finding(argument.name()))?;
    if is_enveloped(&bytes) {
        return Err(enveloped(block.line));
    }
    let key = DerBlock::new(block.label.to_owned().into(), block.line, bytes);
    // Some programs write one of these labels above another format.
    Ok(match (block.label, key_label(&key.bytes)) {
        ("PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY", Some(label)) => {
            DerBlock { label: label.into(), ..key }
        }
        (_, Some(_)) => key,
        (_, None) => not_a_key(&key.bytes, block.line).map_or(Ok(key), Err)?,
    })
}

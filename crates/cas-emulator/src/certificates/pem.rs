//! PEM: blocks of Base64 between `BEGIN` and `END` lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// The block has headers (`Proc-Type: 4,ENCRYPTED`), so its content is not plain DER.
    pub(crate) encrypted: bool,
}

/// The text is not valid PEM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidPem;

/// Parses every block of `text`; there must be at least one. Ignores text between blocks, which
/// OpenSSL writes.
///
/// Like the service, it rejects PEM without line breaks.
pub(crate) fn parse(text: &str) -> Result<Vec<Block>, InvalidPem> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let label = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        let Some(label) = label else {
            if line.contains("-----BEGIN ") {
                return Err(InvalidPem);
            }
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut encrypted = false;
        let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match lines.next() {
                None => return Err(InvalidPem),
                Some(line) if line == end => break,
                Some(line) if line.contains(": ") => encrypted = true,
                Some(line) => base64.push_str(line),
            }
        }
        let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).map_err(|_| InvalidPem)?);
        blocks.push(Block { label: label.to_owned(), der, encrypted });
    }
    if blocks.is_empty() { Err(InvalidPem) } else { Ok(blocks) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_blocks_in_order() {
        let text = "Bag Attributes\n  x: y\n-----BEGIN A-----\r\nAAEC\r\nAwQF\r\n-----END A-----\n\
                    -----BEGIN B C-----\nDEK-Info: AES\n\nAA==\n-----END B C-----";
        let blocks = parse(text).unwrap_or_default();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), &blocks[0].der[..]), ("A", &[0, 1, 2, 3, 4, 5][..]));
        assert_eq!((blocks[1].label.as_str(), blocks[1].encrypted), ("B C", true));
    }

    #[test]
    fn rejects_text_that_is_not_pem() {
        let bad = [
            "",
            "text",
            "-----BEGIN A-----",
            "-----BEGIN A-----\nAA==\n-----END B-----",
            "-----BEGIN A-----AAEC-----END A-----",
            "-----BEGIN A----- AAEC -----END A-----",
            "-----BEGIN A-----\n!!!!\n-----END A-----",
        ];
        for text in bad {
            assert_eq!(parse(text).err(), Some(InvalidPem), "{text:?}");
        }
    }
}

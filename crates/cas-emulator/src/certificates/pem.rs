//! PEM text: labelled blocks of Base64, one line each for label and end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// It carries headers (`Proc-Type: 4,ENCRYPTED`): the content is not plain DER.
    pub(crate) encrypted: bool,
}

/// The text is not PEM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotPem;

/// Every block of `text`, at least one. Text between blocks is allowed, as OpenSSL writes some.
///
/// Lines are required: the real service refuses a PEM whose newlines were lost.
pub(crate) fn read(text: &str) -> Result<Vec<Block>, NotPem> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let label = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        let Some(label) = label else {
            if line.contains("-----BEGIN ") {
                return Err(NotPem);
            }
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut encrypted = false;
        let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
        loop {
            match lines.next() {
                None => return Err(NotPem),
                Some(line) if line == end => break,
                Some(line) if line.contains(": ") => encrypted = true,
                Some(line) => base64.push_str(line),
            }
        }
        let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).map_err(|_| NotPem)?);
        blocks.push(Block { label: label.to_owned(), der, encrypted });
    }
    if blocks.is_empty() { Err(NotPem) } else { Ok(blocks) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_in_order() {
        let text = "Bag Attributes\n  x: y\n-----BEGIN A-----\r\nAAEC\r\nAwQF\r\n-----END A-----\r\n\
                    -----BEGIN B C-----\nDEK-Info: AES\n\nAA==\n-----END B C-----";
        let blocks = read(text).unwrap_or_default();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), &blocks[0].der[..]), ("A", &[0, 1, 2, 3, 4, 5][..]));
        assert_eq!((blocks[1].label.as_str(), blocks[1].encrypted), ("B C", true));
    }

    #[test]
    fn what_is_not_pem_is_refused() {
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
            assert_eq!(read(text).err(), Some(NotPem), "{text:?}");
        }
    }
}

//! Hexadecimal text, two digits for each byte.
//!
//! Uses no other module.

/// `bytes` with lower-case digits.
pub(crate) fn lower(bytes: &[u8]) -> String {
    encode(bytes, b"0123456789abcdef")
}

/// `bytes` with upper-case digits.
pub(crate) fn upper(bytes: &[u8]) -> String {
    encode(bytes, b"0123456789ABCDEF")
}

fn encode(bytes: &[u8], digits: &[u8; 16]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from(digits[usize::from(half)])).collect()
}

/// The bytes of `text`, whose digits may have either case. `None` if it is not hexadecimal.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let half = |digit: u8| char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(half(*high)? << 4 | half(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes_every_byte() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(decode(&lower(&all)), Some(all.clone()));
        assert_eq!(decode(&upper(&all)), Some(all));
        assert_eq!((lower(&[0x0a, 0xfe]), upper(&[0x0a, 0xfe])), ("0afe".into(), "0AFE".into()));
    }

    #[test]
    fn rejects_text_that_is_not_hexadecimal() {
        for text in ["0", "0g", "+1", " 1", "001", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}

//! Percent-encoding as signatures require it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode};
use zeroize::Zeroizing;

/// All bytes except the unreserved characters of RFC 3986: letters, digits and `-._~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes `text`, with upper-case digits.
pub(crate) fn encode(text: &str) -> PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, RESERVED)
}

/// Decodes a name or value of a query or form, where `+` is a space. An invalid escape stays as it
/// is; invalid UTF-8 becomes U+FFFD.
pub(super) fn decode(encoded: &[u8]) -> String {
    let space = |&byte: &u8| if byte == b'+' { b' ' } else { byte };
    let spaced: Zeroizing<Vec<u8>> = Zeroizing::new(encoded.iter().map(space).collect());
    // Allocated once: a growing buffer would leave copies of a private key behind.
    let mut decoded = Vec::with_capacity(spaced.len());
    decoded.extend(percent_decode(&spaced));
    String::from_utf8(decoded).unwrap_or_else(|error| {
        let bytes = Zeroizing::new(error.into_bytes());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_all_bytes_except_the_unreserved_characters_of_rfc_3986() {
        for byte in 0..0x80u8 {
            let character = char::from(byte);
            let unreserved = character.is_ascii_alphanumeric() || "-._~".contains(character);
            let expected = if unreserved { character.to_string() } else { format!("%{byte:02X}") };
            assert_eq!(encode(&character.to_string()).to_string(), expected);
        }
        assert_eq!(encode("a 名\u{10ffff}").to_string(), "a%20%E5%90%8D%F4%8F%BF%BF");
    }

    #[test]
    fn decodes_escapes_and_leaves_invalid_ones() {
        let cases: [(&[u8], &str); 6] = [
            (b"b+c%2B%e5%90%8D", "b c+名"),
            (b"%4", "%4"),
            (b"%", "%"),
            (b"%zz=1", "%zz=1"),
            (b"%%41", "%A"),
            (b"a%ffb\xff", "a\u{fffd}b\u{fffd}"),
        ];
        for (encoded, expected) in cases {
            assert_eq!(decode(encoded), expected);
        }
    }

    #[test]
    fn decoding_reverses_encoding() {
        let text: String = ('\0'..='\u{2ff}').chain("名 +%2B%zz".chars()).collect();
        assert_eq!(decode(encode(&text).to_string().as_bytes()), text);
    }
}

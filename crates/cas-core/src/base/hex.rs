//! Hexadecimal, two digits for each byte.

/// `bytes` in lower-case hexadecimal.
#[must_use]
pub(crate) fn lower(bytes: &[u8]) -> String {
    digits(bytes, b"0123456789abcdef")
}

/// `bytes` in upper-case hexadecimal.
#[must_use]
pub(crate) fn upper(bytes: &[u8]) -> String {
    digits(bytes, b"0123456789ABCDEF")
}

fn digits(bytes: &[u8], digits: &[u8; 16]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(digits[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(lower(&[0, 0x0a, 0xff]), "000aff");
        assert_eq!(upper(&[0, 0x0a, 0xff]), "000AFF");
    }
}

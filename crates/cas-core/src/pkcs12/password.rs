//! A password in the encodings that programs hash.

use zeroize::Zeroizing;

use crate::pkcs12::problem::Problem;

/// The password of a file. Wiped when dropped.
pub(super) struct Password {
    /// As PKCS#12's own derivation takes it, in the order in which libcas tries them.
    pub(super) for_pkcs12: Vec<Zeroizing<Vec<u8>>>,
    /// As PBKDF2 takes it.
    pub(super) for_pbkdf2: [Zeroizing<Vec<u8>>; 1],
    is_given: bool,
}

impl Password {
    pub(super) fn new(password: Option<&str>) -> Self {
        let text = password.unwrap_or_default();
        let length = text.len();
        let mut for_pkcs12 = vec![utf16(text.encode_utf16(), length)];
        if text.is_empty() {
            // Some programs hash an empty password as nothing, not as its terminating NUL.
            for_pkcs12.push(Zeroizing::default());
        } else if !text.is_ascii() {
            // OpenSSL before 1.1 takes each byte for a character.
            for_pkcs12.push(utf16(text.bytes().map(u16::from), length));
        }
        let for_pbkdf2 = [Zeroizing::new(text.as_bytes().to_vec())];
        Self { for_pkcs12, for_pbkdf2, is_given: !text.is_empty() }
    }

    /// The problem if this is not the password.
    pub(super) fn wrong(&self) -> Problem {
        if self.is_given { Problem::WrongPassword } else { Problem::NoPassword }
    }
}

/// UTF-16 in big-endian order with a terminating NUL. `length` is that of the text in UTF-8, which
/// has no fewer bytes than UTF-16 has units.
fn utf16(text: impl Iterator<Item = u16>, length: usize) -> Zeroizing<Vec<u8>> {
    // Reserved at once: reallocation would leave a copy in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * (length + 1)));
    bytes.extend(text.chain([0]).flat_map(u16::to_be_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_encoded_as_programs_do() {
        let encodings = |text: Option<&str>| {
            let Password { for_pkcs12, for_pbkdf2, .. } = Password::new(text);
            let plain = |all: &[Zeroizing<Vec<u8>>]| -> Vec<Vec<u8>> {
                all.iter().map(|one| one.to_vec()).collect()
            };
            (plain(&for_pkcs12), plain(&for_pbkdf2))
        };
        let empty = (vec![vec![0, 0], vec![]], vec![vec![]]);
        assert_eq!(encodings(None), empty);
        assert_eq!(encodings(Some("")), empty);
        // In messages, an empty password is none.
        for (text, is_given) in [(None, false), (Some(""), false), (Some("ab"), true)] {
            let problem = Password::new(text).wrong();
            assert_eq!(matches!(problem, Problem::WrongPassword), is_given, "{text:?}");
        }
        assert_eq!(encodings(Some("ab")), (vec![b"\0a\0b\0\0".to_vec()], vec![b"ab".to_vec()]));
        let (for_pkcs12, for_pbkdf2) = encodings(Some("密🔑"));
        assert_eq!(
            for_pkcs12,
            [
                &b"\x5b\xc6\xd8\x3d\xdd\x11\0\0"[..],
                b"\0\xe5\0\xaf\0\x86\0\xf0\0\x9f\0\x94\0\x91\0\0",
            ]
        );
        assert_eq!(for_pbkdf2, ["密🔑".as_bytes()]);
    }
}

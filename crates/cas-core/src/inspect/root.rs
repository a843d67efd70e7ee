//! Entries of root stores.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// OIDs: server authentication, and any purpose (RFC 5280, section 4.2.1.12).
const FOR_SERVERS: [&[u8]; 2] = [&[0x2b, 6, 1, 5, 5, 7, 3, 1], &[0x55, 0x1d, 0x25, 0]];

/// The certificate of an entry, in DER. OpenSSL's `TRUSTED CERTIFICATE` goes on with what the
/// certificate is trusted for, which is read as OpenSSL reads it. `None` if that excludes servers,
/// or if the entry is malformed.
pub(crate) fn trusted_for_servers(entry: &[u8]) -> Option<&[u8]> {
    let (rest, _) = Any::from_der(entry).ok()?;
    let certificate = &entry[..entry.len() - rest.len()];
    if rest.is_empty() {
        return Some(certificate);
    }
    // CertAux of OpenSSL: the purposes that it is trusted for, those that it is not, and a name.
    let (_, settings) = Any::from_der(rest).ok()?;
    let mut fields = settings.data;
    while let Ok((after, field)) = Any::from_der(fields) {
        match (field.class(), field.tag()) {
            (Class::Universal, Tag::Sequence) if !names_servers(field.data)? => return None,
            (Class::ContextSpecific, Tag(0)) if names_servers(field.data)? => return None,
            _ => {}
        }
        fields = after;
    }
    fields.is_empty().then_some(certificate)
}

/// Whether one of these OIDs is for servers. `None` if they are malformed.
fn names_servers(mut oids: &[u8]) -> Option<bool> {
    let mut holds = false;
    while !oids.is_empty() {
        let (after, oid) = Any::from_der(oids).ok()?;
        holds |= FOR_SERVERS.contains(&oid.data);
        oids = after;
    }
    Some(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DER with a tag. Short enough for a length of one byte.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    #[test]
    fn entry_that_is_not_trusted_for_servers_is_left_out() {
        let certificate = der(0x30, &[&[2, 1, 7]]);
        let [servers, any] = FOR_SERVERS.map(|oid| der(6, &[oid]));
        let mail = der(6, &[&[0x2b, 6, 1, 5, 5, 7, 3, 4]]);
        let trust = |oids: &[&[u8]]| der(0x30, oids);
        let reject = |oids: &[&[u8]]| der(0xa0, oids);
        let name = der(0x0c, &[b"a root"]);
        for (settings, trusted) in [
            (&[name.as_slice()][..], true),
            (&[], true),
            (&[&trust(&[&servers])], true),
            (&[&trust(&[&mail, &servers]), &name], true),
            (&[&trust(&[&any])], true),
            (&[&trust(&[&mail])], false),
            (&[&trust(&[])], false),
            (&[&reject(&[&mail])], true),
            (&[&reject(&[&mail, &servers])], false),
            (&[&reject(&[&any]), &name], false),
            (&[&trust(&[&servers]), &reject(&[&servers])], false),
            (&[&trust(&[&[6, 9, 1]])], false),
            (&[&[0x30, 9]], false),
        ] {
            let entry = [certificate.as_slice(), &der(0x30, settings)].concat();
            let expected = trusted.then_some(certificate.as_slice());
            assert_eq!(trusted_for_servers(&entry), expected, "{settings:?}");
        }
        assert_eq!(trusted_for_servers(&certificate), Some(certificate.as_slice()));
        for malformed in [&certificate[..3], &[certificate.as_slice(), b"\n"].concat(), b""] {
            assert_eq!(trusted_for_servers(malformed), None);
        }
    }
}

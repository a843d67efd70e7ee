//! The header `Authorization` of a request that is signed with ACS3-HMAC-SHA256.

/// The name of the algorithm, at the start of the header and of the string to sign.
pub(crate) const ACS3_ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The fields of the header. A missing field is empty.
pub(crate) struct Authorization<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) signed_headers: Vec<&'a str>,
    pub(crate) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Parses the value of the header. `None` if it names another algorithm.
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let fields = value.strip_prefix(ACS3_ALGORITHM)?.strip_prefix(' ')?;
        let field = |name: &str| {
            let mut all = fields.split(',').filter_map(|field| field.trim().split_once('='));
            all.find(|(other, _)| *other == name).map_or("", |(_, value)| value)
        };
        Some(Self {
            access_key_id: field("Credential"),
            signed_headers: field("SignedHeaders").split(';').collect(),
            signature: field("Signature"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_fields_in_any_order() {
        let value = "ACS3-HMAC-SHA256 Signature=s=, SignedHeaders=a;b,Credential=id";
        let parsed = Authorization::parse(value).unwrap();
        assert_eq!((parsed.access_key_id, parsed.signature), ("id", "s="));
        assert_eq!(parsed.signed_headers, ["a", "b"]);
    }

    #[test]
    fn missing_fields_are_empty_and_other_algorithms_are_ignored() {
        let parsed = Authorization::parse("ACS3-HMAC-SHA256 Credential").unwrap();
        assert_eq!((parsed.access_key_id, parsed.signature), ("", ""));
        assert_eq!(parsed.signed_headers, [""]);
        for value in ["", "Basic dGVzdA==", "ACS3-HMAC-SHA256", "ACS3-HMAC-SM3 Credential=id"] {
            assert!(Authorization::parse(value).is_none(), "{value:?}");
        }
    }
}

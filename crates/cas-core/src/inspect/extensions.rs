//! Extensions of certificates, judged as OpenSSL judges them when a server loads a certificate.

use x509_parser::asn1_rs::{Any, Oid, Tag, oid};
use x509_parser::extensions::X509Extension;
use x509_parser::oid_registry as oids;

use crate::inspect::dn;
use crate::inspect::syntax::{Field, NAME, RELATIVE_NAME, Type, elements, first};

const OTHER_NAME: Type = Type::Sequence(&[Field::new(Type::Oid), Field::explicit(0, Type::Any)]);
const PARTY: Type =
    Type::Sequence(&[Field::explicit(0, Type::Text).optional(), Field::explicit(1, Type::Text)]);
/// `IA5String`, whose characters OpenSSL does not check.
const IA5: Type = Type::OctetString;
const GENERAL_NAME: Type = Type::Choice(&[
    Field::implicit(0, OTHER_NAME),
    Field::implicit(1, IA5),
    Field::implicit(2, IA5),
    // X.400 addresses, which it does not read.
    Field::implicit(3, Type::Opaque),
    Field::explicit(4, NAME),
    Field::implicit(5, PARTY),
    Field::implicit(6, IA5),
    Field::implicit(7, Type::OctetString),
    Field::implicit(8, Type::Oid),
]);
const GENERAL_NAMES: Type = Type::SequenceOf(&GENERAL_NAME);
const PURPOSES: Type = Type::SequenceOf(&Type::Oid);
const CONSTRAINTS: Type =
    Type::Sequence(&[Field::new(Type::Boolean).optional(), Field::new(Type::Integer).optional()]);
const AUTHORITY_KEY: Type = Type::Sequence(&[
    Field::implicit(0, Type::OctetString).optional(),
    Field::implicit(1, GENERAL_NAMES).optional(),
    Field::implicit(2, Type::Integer).optional(),
]);
const SUBTREES: Type = Type::SequenceOf(&Type::Sequence(&[
    Field::new(GENERAL_NAME),
    Field::implicit(0, Type::Integer).optional(),
    Field::implicit(1, Type::Integer).optional(),
]));
const NAME_CONSTRAINTS: Type = Type::Sequence(&[
    Field::implicit(0, SUBTREES).optional(),
    Field::implicit(1, SUBTREES).optional(),
]);
const DISTRIBUTION_POINTS: Type = Type::SequenceOf(&Type::Sequence(&[
    Field::explicit(
        0,
        Type::Choice(&[Field::implicit(0, GENERAL_NAMES), Field::implicit(1, RELATIVE_NAME)]),
    )
    .optional(),
    Field::implicit(1, Type::BitString).optional(),
    Field::implicit(2, GENERAL_NAMES).optional(),
]));
const PROXY: Type = Type::Sequence(&[
    Field::new(Type::Integer).optional(),
    Field::new(Type::Sequence(&[Field::new(Type::Oid), Field::new(Type::OctetString).optional()])),
]);
/// Addresses and networks of the Internet (RFC 3779).
const ADDRESS: Type = Type::Choice(&[
    Field::new(Type::BitString),
    Field::new(Type::Sequence(&[Field::new(Type::BitString), Field::new(Type::BitString)])),
]);
const ADDRESSES: Type = Type::SequenceOf(&Type::Sequence(&[
    Field::new(Type::OctetString),
    Field::new(Type::Choice(&[Field::new(Type::Null), Field::new(Type::SequenceOf(&ADDRESS))])),
]));
const NUMBER: Type = Type::Choice(&[
    Field::new(Type::Integer),
    Field::new(Type::Sequence(&[Field::new(Type::Integer), Field::new(Type::Integer)])),
]);
const NUMBERS: Type =
    Type::Choice(&[Field::new(Type::Null), Field::new(Type::SequenceOf(&NUMBER))]);
const SYSTEMS: Type = Type::Sequence(&[
    Field::explicit(0, NUMBERS).optional(),
    Field::explicit(1, NUMBERS).optional(),
]);

/// An extension that OpenSSL reads when it loads a certificate.
struct Read {
    oid: Oid<'static>,
    name: &'static str,
    syntax: &'static Type,
    /// Whether OpenSSL takes a value of that syntax.
    is_valid: fn(&[u8]) -> bool,
}

const fn any(oid: Oid<'static>, name: &'static str, syntax: &'static Type) -> Read {
    Read { oid, name, syntax, is_valid: |_| true }
}

const PRECERTIFICATE_POISON: Oid<'static> = oid!(1.3.6.1.4.1.11129.2.4.3);

static READ: [Read; 12] = [
    Read {
        oid: oids::OID_X509_EXT_BASIC_CONSTRAINTS,
        name: "basic constraints",
        syntax: &CONSTRAINTS,
        is_valid: has_valid_length,
    },
    Read {
        oid: oids::OID_X509_EXT_KEY_USAGE,
        name: "key usage",
        syntax: &Type::BitString,
        is_valid: |value| usages(value) != 0,
    },
    Read {
        oid: oids::OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
        name: "CRL distribution points",
        syntax: &DISTRIBUTION_POINTS,
        is_valid: every_point_has_a_name,
    },
    any(oids::OID_X509_EXT_EXTENDED_KEY_USAGE, "extended key usage", &PURPOSES),
    any(oids::OID_X509_EXT_SUBJECT_ALT_NAME, "subject alternative name", &GENERAL_NAMES),
    any(oids::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER, "subject key identifier", &Type::OctetString),
    any(oids::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, "authority key identifier", &AUTHORITY_KEY),
    any(oids::OID_X509_EXT_NAME_CONSTRAINTS, "name constraints", &NAME_CONSTRAINTS),
    any(oids::OID_X509_EXT_CERT_TYPE, "Netscape certificate type", &Type::BitString),
    any(oid!(1.3.6.1.5.5.7.1.14), "proxy certificate", &PROXY),
    any(oid!(1.3.6.1.5.5.7.1.7), "IP address blocks", &ADDRESSES),
    any(oid!(1.3.6.1.5.5.7.1.8), "autonomous system numbers", &SYSTEMS),
];

/// Extensions that OpenSSL knows as well. A client of OpenSSL 3 refuses a certificate in which any
/// other extension, or a key identifier, is critical.
static KNOWN: [Oid<'static>; 5] = [
    oids::OID_X509_EXT_CERTIFICATE_POLICIES,
    oids::OID_X509_EXT_POLICY_CONSTRAINTS,
    oids::OID_X509_EXT_POLICY_MAPPINGS,
    oids::OID_X509_EXT_INHIBIT_ANY_POLICY,
    oid!(1.3.6.1.5.5.7.48.1.5), // OCSP no check
];

/// Key identifiers must not be critical (RFC 5280, sections 4.2.1.1 and 4.2.1.2).
const NEVER_CRITICAL: [Oid<'static>; 2] =
    [oids::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER, oids::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER];

/// The values in the content of a value.
fn parts(value: &[u8]) -> impl Iterator<Item = Any<'_>> {
    elements(first(value).map_or(&[], |(_, value)| value.data)).flatten()
}

/// Whether the path length of basic constraints is not negative.
fn has_valid_length(constraints: &[u8]) -> bool {
    let is_negative = |number: &[u8]| number.first().is_some_and(|first| first & 0x80 != 0);
    !parts(constraints).any(|part| part.tag() == Tag::Integer && is_negative(part.data))
}

/// The first two bytes of a key usage; all further bits are unused.
fn usages(value: &[u8]) -> u16 {
    let Some((_, Any { data: [unused, bits @ ..], .. })) = first(value) else { return 0 };
    let byte = |at: usize| {
        let byte = bits.get(at).copied().unwrap_or(0);
        if at + 1 == bits.len() { byte & 0xff << unused } else { byte }
    };
    u16::from_be_bytes([byte(0), byte(1)])
}

/// Whether each distribution point names a place or the issuer of the list.
fn every_point_has_a_name(value: &[u8]) -> bool {
    parts(value).all(|point| {
        elements(point.data)
            .flatten()
            .any(|field| field.tag().0 == 0 || field.tag().0 == 2 && !field.data.is_empty())
    })
}

/// Why a server with OpenSSL does not load a certificate with these extensions, as a clause
/// without its subject; `None` if it does.
pub(super) fn defect(extensions: &[X509Extension<'_>]) -> Option<String> {
    READ.iter().find_map(|read| {
        let mut values = extensions.iter().filter(|one| one.oid == read.oid).map(|one| one.value);
        let value = values.next()?;
        if values.next().is_some() {
            Some(format!("has two {} extensions", read.name))
        } else if !read.syntax.reads(value) || !(read.is_valid)(value) {
            Some(format!("has invalid ASN.1 in its {} extension", read.name))
        } else {
            None
        }
    })
}

/// More extensions are not compared with each other: real certificates have ten.
const MAX_COMPARED: usize = 64;

/// An extension that occurs twice, which RFC 5280 forbids (section 4.2).
pub(super) fn repeated(extensions: &[X509Extension<'_>]) -> Option<String> {
    let mut compared = extensions.iter().take(MAX_COMPARED).enumerate();
    let (_, repeated) =
        compared.find(|(n, one)| extensions[..*n].iter().any(|other| other.oid == one.oid))?;
    Some(format!("has two extensions {}", dn::display_oid(&repeated.oid)))
}

/// A critical extension for which clients with OpenSSL refuse the certificate.
pub(super) fn unknown_critical(extensions: &[X509Extension<'_>]) -> Option<String> {
    let is_known = |oid: &Oid<'_>| {
        KNOWN.contains(oid)
            || READ.iter().any(|read| read.oid == *oid) && !NEVER_CRITICAL.contains(oid)
            || *oid == PRECERTIFICATE_POISON
    };
    let unknown = extensions.iter().find(|one| one.critical && !is_known(&one.oid))?;
    Some(dn::display_oid(&unknown.oid))
}

/// Whether they mark a precertificate (RFC 6962, section 3.1).
pub(super) fn mark_precertificate(extensions: &[X509Extension<'_>]) -> bool {
    extensions.iter().any(|one| one.oid == PRECERTIFICATE_POISON)
}

/// Whether an extended key usage names servers or any purpose.
pub(super) fn include_servers(purposes: &[u8]) -> bool {
    let (servers, any) = (oid!(1.3.6.1.5.5.7.3.1), oid!(2.5.29.37.0));
    parts(purposes).any(|purpose| [servers.as_bytes(), any.as_bytes()].contains(&purpose.data))
}

/// Whether a key usage has a bit that TLS needs: digitalSignature, keyEncipherment or keyAgreement.
pub(super) fn allow_handshakes(usage: &[u8]) -> bool {
    usages(usage) & 0xa800 != 0
}

//! Why a file cannot be read, in sentences.

use crate::base::error::{Error, ErrorKind};

/// How often a file may have its password hashed, all keys together. Programs write 2,000 to
/// 600,000 for each of two or three keys.
pub(super) const MAX_ROUNDS: u32 = 10_000_000;
/// How many certificates and keys a file may contain: each is compared with each.
pub(super) const MAX_ENTRIES: usize = 1000;

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is something else.
    Foreign(Foreign),
    /// Its structure is not that of PKCS#12.
    Malformed,
    /// It has a password, and none was given.
    NoPassword,
    /// The password is not that of the file.
    WrongPassword,
    /// The password is right, but the MAC is not.
    Altered,
    /// The password does not decrypt a part.
    NotDecrypted,
    /// It is protected with a certificate instead of a password.
    ForRecipient,
    /// The algorithm with this identifier.
    Unsupported(String),
    TooManyIterations,
    TooManyEntries,
    NoKey,
    NoCertificate,
    /// Several certificates with a private key each: their quoted names.
    SeveralIdentities(Vec<String>),
}

/// What was passed instead of PKCS#12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Pem,
    Base64,
    Pkcs7,
    JavaKeystore,
    Der,
    Unknown,
}

impl Foreign {
    /// What it is, and what to do.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Pem => (
                "is PEM, not PKCS#12",
                "Pass the certificates to cas_request_load_cert_file or cas_request_set_cert_pem, \
                 and the private key to cas_request_load_key_file or cas_request_set_key_pem.",
            ),
            Self::Base64 => (
                "is PKCS#12 that was encoded in base64",
                "Decode it: base64 -d FILE > decoded.pfx.",
            ),
            Self::Pkcs7 => (
                "is PKCS#7, which holds no private key",
                "Convert it: openssl pkcs7 -print_certs -inform der -in FILE -out chain.pem. Pass \
                 chain.pem and the private key as PEM.",
            ),
            Self::JavaKeystore => (
                "is a Java keystore of the type JKS or JCEKS, not PKCS#12",
                "Convert it: keytool -importkeystore -srckeystore FILE -destkeystore new.p12 \
                 -deststoretype PKCS12.",
            ),
            Self::Der => (
                "is DER, but not PKCS#12",
                "Convert a certificate: openssl x509 -inform der -in FILE -out cert.pem. Convert a \
                 key: openssl pkey -inform der -in FILE -out key.pem. Pass both as PEM.",
            ),
            Self::Unknown => (
                "is not PKCS#12",
                "Pass a file as Windows (.pfx), Java (.p12) or openssl pkcs12 -export writes it.",
            ),
        }
    }
}

const WHOLE: &str = "Copy the file again, in binary mode: openssl pkcs12 -in FILE -noout must \
                     accept it.";
const CONVERT: &str = "Convert it: openssl pkcs12 -in FILE -nodes -out all.pem. Pass all.pem as \
                       certificate and as key.";

impl Problem {
    /// The error about `source`, such as "The file x".
    pub(super) fn error(&self, source: &str) -> Error {
        let (what, hint): (String, &str) = match self {
            Self::Foreign(foreign) => {
                let (what, hint) = foreign.words();
                (what.to_owned(), hint)
            }
            Self::Malformed => ("is damaged or incomplete: it has invalid ASN.1".to_owned(), WHOLE),
            Self::NoPassword => (
                "has a password, and none was given".to_owned(),
                "Pass the password that it was exported with.",
            ),
            Self::WrongPassword => (
                "was not exported with the password that was given".to_owned(),
                "Pass the password that it was exported with, without a line end, in UTF-8. If it \
                 is right, the file is damaged: copy it again.",
            ),
            Self::Altered => (
                "is damaged: the password is right, but its MAC does not match its content"
                    .to_owned(),
                WHOLE,
            ),
            // Not with the password that was given: the MAC or another part shows that it is right.
            Self::NotDecrypted => (
                "is damaged, or a part of it has another password than the whole".to_owned(),
                "Copy the file again, or export it again with one password for everything.",
            ),
            Self::ForRecipient => (
                "is protected with a certificate, not with a password".to_owned(),
                "Export it again with a password.",
            ),
            Self::Unsupported(oid) => (
                match name_of(oid) {
                    Some(name) => format!("uses {name}, which libcas does not support"),
                    None => format!("uses the algorithm {oid}, which libcas does not support"),
                },
                CONVERT,
            ),
            Self::TooManyIterations => (
                format!("asks for more than {MAX_ROUNDS} iterations to derive its keys"),
                "Export it again: programs use 2000 to 600000 iterations.",
            ),
            Self::TooManyEntries => (
                format!("contains more than {MAX_ENTRIES} certificates and private keys"),
                "Export the certificate to upload, with its chain, into a file of its own.",
            ),
            Self::NoKey => (
                "contains no private key".to_owned(),
                "Export the certificate with its private key. Windows exports the key only if you \
                 ask for it and the key is exportable.",
            ),
            Self::NoCertificate => (
                "contains no certificate".to_owned(),
                "Export the private key with its certificate and the chain.",
            ),
            Self::SeveralIdentities(names) => (
                format!("contains several certificates with a private key: {}", names.join(", ")),
                "Export the one to upload into a file of its own, such as with keytool \
                 -importkeystore -srcalias NAME.",
            ),
        };
        Error::new(ErrorKind::Certificate, format!("{source} {what}.")).with_hint(hint)
    }
}

/// The name of an algorithm that libcas recognises but does not support.
fn name_of(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.12.1.1" => "RC4 with 128 bits",
        "1.2.840.113549.1.12.1.2" => "RC4 with 40 bits",
        "1.2.840.113549.1.5.1" | "1.2.840.113549.1.5.3" => "DES with MD2 or MD5",
        "1.2.840.113549.1.5.4" | "1.2.840.113549.1.5.6" => "RC2 with MD2 or MD5",
        "1.2.840.113549.1.5.10" | "1.2.840.113549.1.5.11" => "DES or RC2 with PBES1",
        "1.3.6.1.4.1.11591.4.11" => "scrypt",
        "1.2.840.113549.3.2" => "RC2 with PBES2",
        "1.3.14.3.2.7" => "DES",
        "2.16.840.1.101.3.4.1.6" | "2.16.840.1.101.3.4.1.46" => "AES in GCM mode",
        "1.2.156.10197.1.104.2" => "SM4",
        "1.2.156.10197.1.401" | "1.2.156.10197.1.401.2" => "SM3",
        "1.2.840.113549.2.5" | "1.2.840.113549.1.2.5" => "MD5",
        "1.2.840.113549.2.8" | "2.16.840.1.101.3.4.2.4" => "SHA-224",
        _ => return None,
    })
}

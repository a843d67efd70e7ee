//! Everything that can be found about a certificate, its key and its name: what is refused, what is warned of, what
//! was tidied.

use std::fmt;

/// How much a finding matters; the numbers are those of the C interface (`cas_severity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Severity {
    /// Something was tidied, or could not be checked.
    Note = 0,
    /// It will be accepted, and may not do what was meant.
    Warning = 1,
    /// It is not sent.
    Refused = 2,
}

/// One row of the table.
struct Row {
    id: &'static str,
    severity: Severity,
    /// `{}` stands for what was found.
    sentence: &'static str,
    advice: &'static str,
}

macro_rules! table {
    ($($(#[$doc:meta])* $kind:ident = $severity:ident $id:literal, $sentence:literal, $advice:expr;)+) => {
        /// What was found. Identifiers and severities stay as they are from release to release.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FindingKind { $($(#[$doc])* #[doc = $sentence] $kind,)+ }

        impl FindingKind {
            /// All of them, in the order of `docs/findings.md`.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            fn row(self) -> &'static Row {
                match self {
                    $(Self::$kind => const {
                        &Row { id: $id, severity: Severity::$severity, sentence: $sentence, advice: $advice }
                    },)+
                }
            }
        }
    };
}

const CONVERT_DER: &str = "Convert it: openssl x509 -inform der -in FILE -out cert.pem, or for a key openssl pkey -inform der \
                           -in FILE -out key.pem.";

table! {
    NameEmpty = Refused "name-empty", "the certificate has no name",
        "Give it a name that is unique in the account.";
    NameTooLong = Refused "name-too-long", "the name {}, more than 128 bytes",
        "Use a short name of letters, digits, \"-\" and \"_\"; up to 63 characters work everywhere.";
    NameControl = Refused "name-control", "the name {} holds control characters",
        "Use a short name of letters, digits, \"-\" and \"_\".";
    NoCertificate = Refused "no-certificate", "the {} holds no PEM certificate",
        "Pass a PEM that begins with -----BEGIN CERTIFICATE-----.";
    NoKey = Refused "no-key", "the {} holds no PEM private key",
        "Pass a PEM that begins with -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- or -----BEGIN EC PRIVATE \
         KEY-----.";
    Swapped = Refused "swapped", "a private key stands where the certificate should be",
        "Pass the certificate first and the key second.";
    Csr = Refused "csr", "a certificate signing request stands where the {} should be",
        "Pass the certificate that the CA made from the request, and the key that the request was made with.";
    PublicKey = Refused "public-key", "a public key stands where the {} should be",
        "A public key is in the certificate already: pass the certificate, and the private key that belongs to it.";
    Pkcs7 = Refused "pkcs7", "the {} is PKCS#7, not a certificate by itself",
        "Convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem, with -inform der where FILE is no PEM.";
    OpensshKey = Refused "openssh-key", "the {} is in OpenSSH's own format",
        "Convert a copy of it, unless it is Ed25519, which ssh-keygen cannot: ssh-keygen -p -N \"\" -m PKCS8 -f COPY.";
    OtherPem = Refused "other-pem", "the {} holds nothing that is of use here",
        "Pass a PEM certificate, and the PEM private key that belongs to it.";
    DerBlock = Refused "der", "the {} is DER, not PEM", CONVERT_DER;
    Pkcs12 = Refused "pkcs12", "the {} is PKCS#12 (.p12, .pfx), not PEM",
        "Convert it: openssl pkcs12 -in FILE -nodes -out all.pem, and pass all.pem as certificate and as key; add -legacy where \
         OpenSSL 3 says \"unsupported\".";
    Base64OfPem = Refused "base64-of-pem", "the {} is a PEM that was encoded in base64 once more, as in a Kubernetes Secret",
        "Decode it: base64 -d FILE > decoded.pem.";
    NotText = Refused "not-text", "the {}, so it is no PEM",
        "Save it as plain text (ASCII or UTF-8); from UTF-16: iconv -f UTF-16 -t UTF-8 FILE > pem.txt.";
    BrokenPem = Refused "broken-pem", "{}",
        "Copy the file again, from its first dash to its last.";
    BrokenCertificate = Refused "broken-certificate", "the certificate at line {}",
        "Copy the file again, or fetch the certificate anew from its CA: openssl x509 -in FILE -noout -text must show it.";
    BrokenKey = Refused "broken-key", "the private key at line {}",
        "Copy the file again: openssl pkey -in FILE -noout -check must accept it.";
    TooMany = Refused "too-many-certificates", "the certificate text holds {} certificates, more than 16",
        "Pass the server's certificate and its intermediates alone, not a bundle of roots.";
    TooLarge = Refused "too-large", "the certificates have {} bytes together, more than the 102400 that TLS clients take",
        "Spread the host names over several certificates, and pass no bundle of roots.";
    KeyEncrypted = Refused "key-encrypted", "the private key at line {} is encrypted with a passphrase",
        "The service takes unencrypted keys only: openssl pkey -in KEY -out plain.pem.";
    KeyMismatch = Refused "key-mismatch", "the private key does not belong to the certificate: {}",
        "Pass the key that the certificate was requested with: openssl pkey -in KEY -pubout and openssl x509 -in CERT \
         -noout -pubkey must print the same.";
    Expired = Refused "expired", "not valid after {}",
        "Renew the certificate and upload the new one; if it was renewed, check which file is passed, and this machine's clock.";
    CaAsLeaf = Refused "ca-as-leaf", "the certificate of {} is a CA's, not a server's",
        "Pass the server's own certificate with its chain; where there is only a CA's, the server's is missing. A self-signed one for \
         tests: openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 90 -subj /CN=HOST -addext \
         basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:HOST.";
    ChainUnrelated = Refused "chain-unrelated", "the certificate of {} does not belong to the chain",
        "Pass the server's certificate and the intermediates that lead from it to its root, nothing else. An issuer by name alone \
         is another generation of that CA, or one of the two certificates is damaged.";

    ExpiresSoon = Warning "expires-soon", "not valid after {}, in less than 7 days",
        "Renew the certificate soon.";
    NotYetValid = Warning "not-yet-valid", "not valid before {}",
        "Check this machine's clock; otherwise deploy the certificate when its time has come.";
    IssuerExpired = Warning "issuer-expired", "the chain's certificate of {}",
        "Take the current chain from the CA.";
    ChainIncomplete = Warning "chain-incomplete", "the chain lacks the certificate of the issuer, {}",
        "Append the CA's intermediate certificates (fullchain.pem rather than cert.pem): many clients do not fetch them.";
    WeakRsa = Warning "weak-rsa", "the RSA key of {} bits, less than 2048",
        "Request a new certificate with a key of 2048 bits or more.";
    WeakSignature = Warning "weak-signature", "the certificate of {}, which clients no longer accept",
        "Request a new certificate, signed with SHA-256.";
    NoSan = Warning "no-san", "there is no subject alternative name",
        "Clients no longer look at the common name: request a certificate that lists its host names.";
    LongName = Warning "long-name", "the name has {} characters, more than 63",
        "The service's newest documents allow 63 characters.";

    ByteOrderMark = Note "byte-order-mark", "a byte order mark was left out of the {}",
        "Nothing to do.";
    LineEnds = Note "line-ends", "the {} had CR in its line ends",
        "Nothing to do.";
    Escapes = Note "escapes", "the {} had escaped line ends, as JSON and environment variables write them",
        "Nothing to do.";
    Words = Note "surrounding-text", "text around the PEM blocks of the {} was left out",
        "Nothing to do.";
    Layout = Note "layout", "the lines of the {} were laid out anew",
        "Nothing to do.";
    BareBase64 = Note "bare-base64", "the {} came without its BEGIN and END lines",
        "Nothing to do.";
    Label = Note "label", "the {} has an old label, which was replaced",
        "Nothing to do.";
    OtherBlocks = Note "other-blocks", "left out of the {}",
        "Nothing to do.";
    KeyBesideCertificate = Note "key-beside-certificate", "a private key was left out of the {}",
        "Nothing is sent of it as a certificate. Whoever may read the certificate's file can read the key: keep them apart.";
    Reordered = Note "reordered", "the certificates were put in order, the leaf first",
        "Nothing to do.";
    Duplicate = Note "duplicate", "the certificate of {} was there more than once",
        "Nothing to do.";
    RootLeftOut = Note "root-left-out", "the self-signed root {} was left out: clients have to have it already",
        "Nothing to do.";
    KeyNotVerified = Note "key-not-verified", "the key was {}",
        "Nothing to do, if you are sure that it belongs to the certificate.";
}

impl FindingKind {
    /// The stable identifier.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// What becomes of the upload.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// The sentence, with "…" for what depends on the case.
    #[must_use]
    pub fn sentence(self) -> String {
        self.row().sentence.replace("{}", "…")
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.row().advice
    }
}

/// Something found in one case. Shown as `<identifier>: <sentence>`; it never quotes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    detail: String,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The sentence by itself.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.kind.row().sentence.replacen("{}", &self.detail, 1)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.id(), self.sentence())
    }
}

#[cfg(test)]
mod tests;

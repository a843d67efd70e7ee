//! The table of findings: everything that libcas refuses, warns about or tidies.
//!
//! After a change, run `make findings`.

use std::fmt;

/// The severity of a finding. The numbers are those of the C interface (`cas_severity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Severity {
    /// libcas tidied something, or could not check it.
    Note = 0,
    /// The service accepts it, but it may not work as intended.
    Warning = 1,
    /// libcas sends nothing.
    Refused = 2,
}

/// One row of the table.
struct Row {
    id: &'static str,
    severity: Severity,
    /// A clause in lower case. `{}` stands for the details of the case.
    sentence: &'static str,
    /// Imperative sentences.
    advice: &'static str,
}

/// What allowing a finding does (`cas_request_allow_finding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowing {
    /// The upload continues: a clause says what it sends.
    Sends(&'static str),
    /// The finding cannot be allowed: a clause says why.
    Never(&'static str),
    /// Nothing: the finding refuses no upload.
    Needless,
}

macro_rules! table {
    ($(
        $kind:ident = $severity:ident $id:literal, $sentence:literal, $advice:expr
        $(, $allowing:expr)?;
    )+) => {
        /// The kind of a finding. Identifiers and severities are stable from release to release.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FindingKind { $(#[doc = $sentence] $kind,)+ }

        impl FindingKind {
            /// All kinds, in the order of `docs/findings.md`.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            fn row(self) -> &'static Row {
                match self {
                    $(Self::$kind => const {
                        &Row {
                            id: $id,
                            severity: Severity::$severity,
                            sentence: $sentence,
                            advice: $advice,
                        }
                    },)+
                }
            }

            /// What allowing it does. Not a part of the row: programs need no sentences of it.
            pub(super) fn allowing(self) -> Allowing {
                match self {
                    $(Self::$kind => allowing!($severity $($allowing)?),)+
                }
            }
        }
    };
}

/// What a row says about allowing, or the usual for its severity.
macro_rules! allowing {
    ($severity:ident $allowing:expr) => {
        $allowing
    };
    (Refused) => {
        Never("libcas finds nothing in the text that it could send")
    };
    ($severity:ident) => {
        Needless
    };
}

const NO_ACTION: &str = "No action is needed.";

use Allowing::{Needless, Never, Sends};

table! {
    NameEmpty = Refused "name-empty",
        "the certificate name is empty",
        "Set a name that is unique in the account.",
        Never("the service stores no certificate without a name");
    NameTooLong = Refused "name-too-long",
        "the name {}, more than the limit of 128",
        "Use a short name of letters, digits, \"-\" and \"_\". Up to 63 characters work \
         everywhere.",
        Sends("the name");
    NameControl = Refused "name-control",
        "the name {} contains control characters",
        "Use a short name of letters, digits, \"-\" and \"_\".",
        Never("names are public, and such a name may be a private key");
    NoCertificate = Refused "no-certificate",
        "the {} contains no PEM certificate",
        "Pass a PEM that begins with -----BEGIN CERTIFICATE-----.";
    NoKey = Refused "no-key",
        "the {} contains no PEM private key",
        "Pass a PEM that begins with -----BEGIN PRIVATE KEY-----, \
         -----BEGIN RSA PRIVATE KEY----- or -----BEGIN EC PRIVATE KEY-----.";
    Swapped = Refused "swapped",
        "a private key was passed as the certificate",
        "Pass the certificate first and the private key second.",
        Never("it would send a private key as the certificate, which is public");
    Csr = Refused "csr",
        "a certificate signing request was passed as the {}",
        "Pass the certificate that the CA issued for the request, and the private key that the \
         request was made with.";
    PublicKey = Refused "public-key",
        "a public key was passed as the {}",
        "The certificate contains the public key already. Pass the certificate and its private \
         key.";
    Pkcs7 = Refused "pkcs7",
        "the {} is PKCS#7, not a plain certificate",
        "Convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem. Add -inform der if FILE \
         is not PEM.";
    OpensshKey = Refused "openssh-key",
        "the {} is in OpenSSH's own format",
        "Convert a copy: ssh-keygen -p -N \"\" -m PKCS8 -f COPY. ssh-keygen cannot convert Ed25519 \
         keys.";
    OtherPem = Refused "other-pem",
        "the {} contains neither a PEM certificate nor a PEM private key",
        "Pass a PEM certificate and its PEM private key.";
    Der = Refused "der",
        "the {} is DER, not PEM",
        "Convert a certificate: openssl x509 -inform der -in FILE -out cert.pem. Convert a key: \
         openssl pkey -inform der -in FILE -out key.pem.";
    Pkcs12 = Refused "pkcs12",
        "the {} is PKCS#12 (.p12, .pfx), not PEM",
        "Pass it to cas_request_load_pkcs12_file or cas_request_set_pkcs12 with its password. Or \
         convert it: openssl pkcs12 -in FILE -nodes -out all.pem, and pass all.pem as certificate \
         and as key. Add -legacy if OpenSSL 3 reports \"unsupported\".";
    Base64OfPem = Refused "base64-of-pem",
        "the {} is PEM that was encoded in base64 again, as in a Kubernetes Secret",
        "Decode it: base64 -d FILE > decoded.pem.";
    KubernetesSecret = Refused "kubernetes-secret",
        "line {} has PEM in base64, as a Kubernetes Secret does",
        "Extract both: kubectl get secret NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d > \
         chain.pem, and the same with tls\\.key > key.pem.";
    JavaKeystore = Refused "java-keystore",
        "the {} is a Java keystore (.jks), not PEM",
        "Convert it: keytool -importkeystore -srckeystore FILE -destkeystore all.p12 \
         -deststoretype PKCS12, then openssl pkcs12 -in all.p12 -nodes -out all.pem. Pass all.pem \
         as certificate and as key.";
    PuttyKey = Refused "putty-key",
        "the {} is a .ppk key of puttygen, not PEM",
        "Convert it: puttygen FILE -O private-openssh -o key.pem.";
    Ssh2Key = Refused "ssh2-key",
        "the {} is in the SSH2 format, not PEM",
        "Convert it: ssh-keygen -i -f FILE > key.pem. ssh-keygen cannot convert encrypted keys.";
    Jwk = Refused "jwk",
        "the {} is a JSON Web Key (JWK), not PEM",
        "Export the key as PEM. The private_key.json of certbot is the key of an ACME account; the \
         certificate's key is privkey.pem.";
    XmlKey = Refused "xml-key",
        "the {} is a key in XML, as .NET writes it, not PEM",
        "Export the key as PEM: RSA.FromXmlString and RSA.ExportPkcs8PrivateKeyPem in .NET.";
    HardwareKey = Refused "hardware-key",
        "the private key at line {} can be used only by the TPM or HSM that keeps it",
        "The service needs the key itself. Request a certificate with a key that is stored in a \
         file.";
    TextDump = Refused "text-dump",
        "the {} shows a certificate or key as readable text, without its PEM",
        "Pass the PEM: omit -noout from the command of OpenSSL, or -text.";
    Reference = Refused "reference",
        "the {}: it refers to a certificate or key, and is not PEM",
        "Pass the PEM itself. To read a file, call cas_request_load_cert_file or \
         cas_request_load_key_file. Fetch a URL or a secret first.";
    Diff = Refused "diff",
        "line {} begins with \"-\", like one that a diff removes",
        "Pass the whole file, not a diff: git show REVISION:FILE.";
    NotText = Refused "not-text",
        "the {}, so it cannot be PEM",
        "Save it as plain text (ASCII or UTF-8). To convert UTF-16: iconv -f UTF-16 -t UTF-8 FILE \
         > pem.txt.";
    BrokenPem = Refused "broken-pem",
        "{}",
        "Copy the file again, from the first dash to the last.";
    BrokenCertificate = Refused "broken-certificate",
        "the certificate at line {}",
        "Copy the file again, or download the certificate from its CA again: openssl x509 -in FILE \
         -noout -text must print it.",
        Never("a certificate that libcas cannot read may be a private key");
    BrokenKey = Refused "broken-key",
        "the private key at line {}",
        "Copy the file again: openssl pkey -in FILE -noout -check must accept it.",
        Sends("the key, tidied; with several, the first");
    TooManyCertificates = Refused "too-many-certificates",
        "the certificate text contains {} certificates, more than 16",
        "Pass the server certificate and its intermediates only, not a bundle of roots.",
        Never("libcas reads no more, so that its work is bounded");
    TooLarge = Refused "too-large",
        "the certificates have {} bytes in total, more than the 102400 that TLS clients accept",
        "Distribute the host names over several certificates. Do not pass a bundle of roots.",
        Never("libcas reads no more, so that its work is bounded");
    KeyEncrypted = Refused "key-encrypted",
        "the private key at line {} is encrypted with a passphrase",
        "The service accepts unencrypted keys only. Decrypt it: openssl pkey -in KEY -out \
         plain.pem.",
        Never("libcas cannot read the key, and neither can the service");
    KeyMismatch = Refused "key-mismatch",
        "the private key does not belong to the certificate: {}",
        "Pass the private key that the certificate was requested with: openssl pkey -in KEY \
         -pubout and openssl x509 -in CERT -noout -pubkey must print the same public key.",
        Sends("the key, tidied; with several, the first");
    Expired = Refused "expired",
        "the certificate expired at {}",
        "Renew the certificate and upload the new one. If it is renewed already, check that you \
         pass the new file, and check this machine's clock.",
        Sends("the tidied chain");
    CaAsLeaf = Refused "ca-as-leaf",
        "the certificate of {} is a CA certificate, not a server certificate",
        "Pass the server certificate with its chain. If you have only a CA certificate, the \
         server certificate is missing. Create a self-signed one for tests: openssl req -x509 \
         -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 90 -subj /CN=HOST -addext \
         basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:HOST.",
        Sends("the tidied chain");
    ChainUnrelated = Refused "chain-unrelated",
        "the certificate of {} does not belong to the chain",
        "Pass only the server certificate and the intermediates that lead from it to its root. A \
         certificate with an issuer's name but not its key is another generation of that CA, or \
         one of the two certificates is damaged. Clients accept only CA certificates as issuers: \
         create your own CA with basicConstraints=critical,CA:TRUE.",
        Sends("the tidied chain, then the unrelated certificates in the order given");
    KeyType = Refused "key-type",
        "the certificate's key is of type {}, which TLS servers cannot use",
        "Request a certificate with an RSA or EC key: openssl req -new -newkey rsa:2048 -nodes \
         -keyout key.pem -out request.csr -subj /CN=HOST.",
        Never("no TLS server can use the key");
    Precertificate = Refused "precertificate",
        "the certificate of {} is a precertificate, which only logs of issued certificates may use",
        "Pass the certificate that the CA issued after the precertificate, with the same serial \
         number.",
        Sends("the tidied chain");

    Sm2EnvelopedKey = Refused "sm2-enveloped-key",
        "the {} is in an envelope: it is encrypted for the key of the signing certificate",
        "Open the envelope (GM/T 0009, GM/T 0010) with the private key of the signing certificate, \
         by the tool of the CA or the program that made the certificate request. Pass the SM2 \
         private key that comes out, as PEM.",
        Never("libcas cannot read the key, and neither can the service");
    Sm2OtherType = Refused "sm2-other-type",
        "only SM2 certificates come in pairs, and {}",
        "Pass the SM2 signing certificate and the SM2 encryption certificate. Upload any other \
         certificate by a request without an encryption certificate.",
        Never("the service takes pairs of SM2 certificates only");
    Sm2SameCertificate = Refused "sm2-same-certificate",
        "the signing certificate was passed as the encryption certificate as well",
        "Pass the certificate that the CA issued for encryption as the encryption certificate: its \
         key usage has keyEncipherment.",
        Never("no client accepts such a pair");
    Sm2Swapped = Refused "sm2-swapped",
        "the signing certificate and the encryption certificate were exchanged, by their key usage",
        "Pass the certificate with digitalSignature as the certificate, and the one with \
         keyEncipherment as the encryption certificate, each with its own key.",
        Never("the service would store each certificate in the place of the other");

    ExpiresSoon = Warning "expires-soon",
        "the certificate expires at {}",
        "Renew the certificate soon.";
    NotYetValid = Warning "not-yet-valid",
        "the certificate is not valid before {}",
        "Check this machine's clock. If it is right, deploy the certificate after that time.";
    IssuerExpired = Warning "issuer-expired",
        "the chain's certificate of {}",
        "Download the current chain from the CA.";
    ChainIncomplete = Warning "chain-incomplete",
        "the chain is missing the certificate of the issuer, {}",
        "Append the CA's intermediate certificates (fullchain.pem rather than cert.pem). Many \
         clients do not download them.";
    BadSelfSignature = Warning "bad-self-signature",
        "the certificate of {} names itself as its issuer, but its own key did not sign it",
        "Clients cannot verify it. If a CA of the same name issued it, append the CA's \
         certificate. Otherwise the certificate is damaged: copy the file again, or create it \
         again.";
    WeakRsa = Warning "weak-rsa",
        "the RSA key of {} bits, fewer than 2048",
        "Request a new certificate with a key of 2048 bits or more.";
    WeakSignature = Warning "weak-signature",
        "the certificate of {}, which clients no longer accept",
        "Request a new certificate that is signed with SHA-256.";
    NoSan = Warning "no-san",
        "the certificate has no subject alternative name",
        "Clients no longer check the common name. Request a certificate that lists its host names \
         as subject alternative names.";
    SelfSignedCa = Warning "self-signed-ca",
        "the certificate of {} is a self-signed CA certificate",
        "Clients accept it only if they are configured to, and anyone who steals its key from a \
         server can issue certificates for any name to them. Use a certificate from a CA. For \
         tests, create one that is not a CA: add -addext basicConstraints=critical,CA:FALSE to \
         openssl req -x509.";
    NotForServers = Warning "not-for-servers",
        "the certificate is not for servers: {}",
        "Clients refuse it as the certificate of a server. Request one whose extended key usage, \
         if it has any, includes serverAuth, and whose key usage, if it has any, includes \
         digitalSignature.";
    UnknownCritical = Warning "unknown-critical",
        "the certificate of {}, which most clients do not know",
        "Clients refuse a certificate with a critical extension that they do not know. Request \
         one in which that extension is missing or not critical.";
    BrokenExtension = Warning "broken-extension",
        "the certificate of {}",
        "Servers load it, but many clients refuse it. Download the certificate from its CA again; \
         if it is the same, ask the CA for one without the error.";
    BadName = Warning "bad-name",
        "the certificate's name {}",
        "Clients refuse such a name, or read a part of it. Request a certificate with the names \
         written in ASCII, domains in Punycode (xn--...).";
    LongName = Warning "long-name",
        "the name has {} characters, more than 63",
        "Use a shorter name: the service's current documentation allows 63 characters.";
    Sm2Single = Warning "sm2-single",
        "the SM2 certificate has no encryption certificate",
        "The service documents SM2 certificates in pairs: set the encryption certificate and its \
         key as well, by cas_request_set_sm2_encryption. If the CA issued a single certificate, no \
         action is needed.";
    Sm2KeyUsage = Warning "sm2-key-usage",
        "the key usage of the {}",
        "Clients of TLCP refuse it. Request a pair of certificates from the CA: one with \
         digitalSignature and one with keyEncipherment.";
    Sm2SameKey = Warning "sm2-same-key",
        "the signing certificate and the encryption certificate have the same key",
        "Request a pair with two keys: CAs keep a copy of encryption keys, and anyone with that \
         copy can then sign as well.";
    Sm2SubjectsDiffer = Warning "sm2-subjects-differ",
        "the signing certificate is for {}",
        "Check that both certificates are of the same site and of the same pair: a CA issues both \
         for the same subject.";

    ByteOrderMark = Note "byte-order-mark",
        "removed the byte order mark of the {}", NO_ACTION;
    LineEnds = Note "line-ends",
        "converted the line ends of the {} from CR or CRLF to LF", NO_ACTION;
    Escapes = Note "escapes",
        "replaced the escaped line ends of the {}, as JSON and environment variables write them",
        NO_ACTION;
    EncodedText = Note "encoded-text",
        "decoded the {}", NO_ACTION;
    TextInLines = Note "text-in-lines",
        "removed from the lines of PEM: {}", NO_ACTION;
    TypographicDashes = Note "typographic-dashes",
        "replaced the dashes or spaces of a word processor in the BEGIN and END lines of the {}",
        NO_ACTION;
    SurroundingText = Note "surrounding-text",
        "removed the text around the PEM blocks of the {}", NO_ACTION;
    Layout = Note "layout",
        "rewrapped the lines of the {}", NO_ACTION;
    BareBase64 = Note "bare-base64",
        "added the missing BEGIN and END lines of the {}", NO_ACTION;
    Label = Note "label",
        "replaced an old or wrong label of the {}", NO_ACTION;
    OtherBlocks = Note "other-blocks",
        "removed from the {}", NO_ACTION;
    KeyBesideCertificate = Note "key-beside-certificate",
        "removed a private key from the {}",
        "libcas does not send that key as part of the certificate. But everyone who can read the \
         certificate file can read the key: keep them in separate files.";
    Reordered = Note "reordered",
        "sorted the certificates, leaf first", NO_ACTION;
    Duplicate = Note "duplicate",
        "removed a duplicate of the certificate of {}", NO_ACTION;
    RootLeftOut = Note "root-left-out",
        "removed the self-signed root {}, which clients must already have", NO_ACTION;
    UnrelatedLeftOut = Note "unrelated-left-out",
        "removed the CA certificate {}, which issued no certificate of the chain", NO_ACTION;
    KeyNotVerified = Note "key-not-verified",
        "the private key was {}",
        "No action is needed if you are sure that the key belongs to the certificate.";
}

impl FindingKind {
    /// The stable identifier.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The severity, which decides whether libcas uploads.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.row().severity
    }

    /// The sentence, with "…" for the details of a case.
    #[must_use]
    pub fn sentence(self) -> String {
        self.row().sentence.replace("{}", "…")
    }

    /// Whether an upload may send what has this finding, if the program allows it.
    #[must_use]
    pub fn can_be_allowed(self) -> bool {
        matches!(self.allowing(), Sends(_))
    }

    /// How to fix it: imperative sentences.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.row().advice
    }
}

/// One finding. Displays as `<identifier>: <sentence>`, and never quotes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind, which has the severity and the advice.
    pub kind: FindingKind,
    detail: String,
    /// Whether it is about the encryption pair of SM2 double certificates.
    of_encryption: bool,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), of_encryption: false }
    }

    /// Makes it a finding about the encryption pair of SM2 double certificates.
    pub(super) fn of_encryption(mut self) -> Self {
        self.of_encryption = true;
        self
    }

    /// The sentence without the identifier: a clause in lower case without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let sentence = self.kind.row().sentence.replacen("{}", &self.detail, 1);
        if self.of_encryption { format!("encryption certificate: {sentence}") } else { sentence }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.id(), self.sentence())
    }
}

#[cfg(test)]
mod tests;

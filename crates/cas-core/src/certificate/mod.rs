//! What is refused here, offline, because the service would refuse it or because it must not be sent.

mod leaf;
mod pem;

pub use leaf::Leaf;

use crate::error::{Error, ErrorKind, quoted};

/// Longest name the service has ever documented, in characters (its newest documents say 63).
const MAX_NAME: usize = 128;

/// Refuses a name that cannot be one. A key passed as the name by mistake ends here: names are public.
/// `any_length` leaves it to the service how long a name may be.
pub fn check_name(name: &str, any_length: bool) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "The certificate has no name.")
            .with_hint("Give it a name that is unique in the account."));
    }
    let length = name.chars().count();
    let what = if length > MAX_NAME && !any_length {
        format!("has {length} characters, more than {MAX_NAME}")
    } else if name.chars().any(char::is_control) {
        "holds control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Certificate, format!("The name {} {what}.", quoted(name))).with_hint(
        "Use a short name of letters, digits, \"-\" and \"_\"; up to 63 characters work everywhere.",
    ))
}

/// Refuses what is not a PEM certificate and an unencrypted PEM key; `name` is for the message.
pub fn check(name: &str, certificate: &str, key: &str) -> Result<(), Error> {
    let refuse = |what: &str, hint: &str| {
        Err(Error::new(
            ErrorKind::Certificate,
            format!("The upload of {} was refused here: {what}.", quoted(name)),
        )
        .with_hint(hint))
    };
    let found = pem::labels(certificate);
    if !found.contains(&"CERTIFICATE") {
        return match found.first() {
            Some(label) if label.ends_with("PRIVATE KEY") => refuse(
                "a private key stands where the certificate should be",
                "Pass the certificate first and the key second.",
            ),
            Some(label) => refuse(
                &format!("the certificate text holds {}, not a certificate", quoted(label)),
                "Pass a PEM that begins with -----BEGIN CERTIFICATE-----.",
            ),
            None => refuse(
                "the certificate text holds no PEM certificate",
                "A DER file becomes PEM with: openssl x509 -inform der -in FILE -out cert.pem",
            ),
        };
    }
    if found.iter().any(|label| label.ends_with("PRIVATE KEY")) {
        return refuse(
            "the certificate text holds a private key as well, which would be stored in the open",
            "Pass the certificate and its chain alone, and the key by itself.",
        );
    }
    let found = pem::labels(key);
    let Some(label) = found.iter().find(|label| label.ends_with("PRIVATE KEY")) else {
        return refuse(
            "the key text holds no PEM private key",
            "Pass a PEM that begins with -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- or \
             -----BEGIN EC PRIVATE KEY-----.",
        );
    };
    // PKCS#8 says it in the label, the older forms in a header.
    if *label == "ENCRYPTED PRIVATE KEY"
        || (*label != "PRIVATE KEY" && key.contains("Proc-Type: 4,ENCRYPTED"))
    {
        return refuse(
            "the private key is encrypted with a passphrase",
            "The service takes unencrypted keys only: openssl pkey -in KEY -out plain.pem",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERT: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n";

    #[test]
    fn names_that_cannot_be_names_are_refused() {
        assert!(check_name("web, 名 (1)", false).is_ok());
        assert!(check_name(&"名".repeat(128), false).is_ok());
        for name in ["", " "] {
            assert_eq!(check_name(name, false).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        for name in ["x".repeat(129).as_str(), "a\nb", KEY] {
            let error = check_name(name, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Certificate);
            assert!(!error.message().contains("hidden"));
        }
        assert!(check_name(&"x".repeat(129), true).is_ok());
        assert!(check_name(KEY, true).is_err());
    }

    #[test]
    fn a_pair_passes_with_whatever_stands_around_it() {
        assert!(check("n", CERT, KEY).is_ok());
        let chain = format!("Bag Attributes\n{CERT}{CERT}").replace('\n', "\r\n");
        assert!(check("n", &chain, &format!("{CERT}{KEY}")).is_ok());
        let ec =
            "-----BEGIN EC PARAMETERS-----\nA\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\n";
        assert!(check("n", CERT, ec).is_ok());
    }

    #[test]
    fn what_is_refused_is_named_and_no_key_quoted() {
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        let request = CERT.replace("CERTIFICATE", "CERTIFICATE REQUEST");
        for (certificate, key, part) in [
            (KEY, CERT, "private key stands where"),
            (&format!("{CERT}{KEY}"), KEY, "holds a private key as well"),
            ("", KEY, "no PEM certificate"),
            (request.as_str(), KEY, "CERTIFICATE REQUEST"),
            (CERT, "", "no PEM private key"),
            (CERT, CERT, "no PEM private key"),
            (CERT, encrypted.as_str(), "passphrase"),
            (CERT, legacy, "passphrase"),
        ] {
            let error = check("web", certificate, key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Certificate);
            assert!(error.message().contains(part) && error.message().contains("\"web\""), "{error}");
            assert!(error.hint().is_some() && !error.message().contains("hidden"));
        }
    }
}

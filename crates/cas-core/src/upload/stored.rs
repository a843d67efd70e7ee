//! Finds in a list which certificates are stored already, so that their keys need not be sent.

use crate::base::deadline::Deadline;
use crate::inspect::Fingerprint;
use crate::service::account::Account;
use crate::service::certificate::Certificate;
use crate::upload::events::Outcome;
use crate::upload::lookup::Comparison;
use crate::upload::names::Names;
use crate::upload::request::{Receipt, Upload};

/// The receipt of an upload whose certificate is among `listed`, under its name or, if the upload
/// allows that, under any. `certificate` is PEM.
pub(crate) fn find(
    account: &Account,
    listed: &[Certificate],
    upload: &Upload,
    certificate: &str,
    deadline: &Deadline,
) -> Option<Receipt> {
    let names = Names::new(&upload.name, certificate);
    let leaf: &Fingerprint = names.leaf()?;
    let api = account.versions.current();
    let comparison = Comparison::new(account, api, Some(leaf), deadline);
    let is_allowed = |found: &&Certificate| upload.reuse_any_name || found.name == upload.name;
    let found = listed.iter().filter(is_allowed).find(|found| comparison.is_same(found))?;
    Some(Receipt {
        cert_id: found.id,
        name: found.name.clone(),
        cert_identifier: format!("{}-{}", found.id, account.region),
        request_id: None,
        outcome: Outcome::Reused,
        api,
        attempts: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use serde_json::json;

    use super::*;
    use crate::protocol::fields::parse;
    use crate::service::account::tests::account;

    #[test]
    fn only_the_same_certificate_under_an_allowed_name_is_found() {
        let pem = |content: &str| {
            let der = BASE64_STANDARD.encode(content);
            format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
        };
        let entry = |id: i64, name: &str, content: &str| -> Certificate {
            let sha256 = Fingerprint::of_pem(&pem(content)).unwrap().sha256;
            parse(json!({"Id": id, "Name": name, "Sha2": sha256})).unwrap()
        };
        let listed = [entry(1, "web", "old"), entry(2, "web", "new"), entry(3, "shop", "other")];
        let (account, _) = account(Vec::new());
        let find = |name: &str, content: &str, any_name: bool| {
            let mut upload = Upload::new();
            upload.set_name(name);
            upload.set_reuse_any_name(any_name);
            let deadline = Deadline::after(Duration::from_secs(3600));
            find(&account, &listed, &upload, &pem(content), &deadline).map(|one| one.cert_id.get())
        };
        assert_eq!(find("web", "new", false), Some(2));
        assert_eq!(find("web", "other", false), None);
        assert_eq!(find("web", "other", true), Some(3));
        assert_eq!(find("web", "missing", true), None);
        assert_eq!(find("blog", "new", false), None);
    }
}

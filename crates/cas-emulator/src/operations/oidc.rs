//! `AssumeRoleWithOIDC` of the Security Token Service, whose requests are not signed.
//!
//! The emulator has no identity providers, so any token with the form and the claims of one is
//! accepted until it expires. Its signature is not verified.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::context::Context;
use super::errors::{self, ApiError};
use super::sts::{AssumeRoleOutput, Assumption, malformed};
use crate::clock;

/// The length of a token, in characters.
const TOKEN: std::ops::RangeInclusive<usize> = 4..=20_000;

/// The fields of an `AssumeRoleWithOIDC` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithOidcOutput {
    #[serde(flatten)]
    assumed: AssumeRoleOutput,
    #[serde(rename = "OIDCTokenInfo")]
    token: TokenInfo,
}

/// What the token says.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TokenInfo {
    subject: String,
    issuer: String,
    client_ids: String,
    expiration_time: String,
    issuance_time: String,
    verification_info: &'static str,
}

pub(super) fn assume_role_with_oidc(
    context: &Context<'_>,
) -> Result<AssumeRoleWithOidcOutput, ApiError> {
    let provider = context.required("OIDCProviderArn")?;
    let is_provider = provider.strip_prefix("acs:ram::").is_some_and(|rest| {
        let (account, name) = rest.split_once(":oidc-provider/").unwrap_or_default();
        !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty()
    });
    if !is_provider {
        return Err(malformed("OIDCProviderArn"));
    }
    let token = context.required("OIDCToken")?;
    let assumption = Assumption::parse(context)?;
    // A file with the token often ends with a newline, which the official packages send as well.
    let token = read_token(token.trim_end(), context.caller.time)?;
    Ok(AssumeRoleWithOidcOutput { assumed: assumption.issue(context), token })
}

/// What a token says: a JSON Web Token whose claims are complete and whose time has come.
fn read_token(token: &str, now: SystemTime) -> Result<TokenInfo, ApiError> {
    let invalid = || ApiError::from(&errors::OIDC_TOKEN_INVALID);
    if !TOKEN.contains(&token.chars().count()) {
        return Err(malformed("OIDCToken"));
    }
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part));
    let (Some(Ok(header)), Some(Ok(claims)), Some(Ok(_)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(invalid());
    };
    let object = |json: &[u8]| serde_json::from_slice::<Map<String, Value>>(json);
    let (Ok(header), Ok(claims)) = (object(&header), object(&claims)) else {
        return Err(invalid());
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let (Some(issuer), Some(subject)) = (text("iss"), text("sub")) else { return Err(invalid()) };
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    };
    if !header.contains_key("alg") || audience.is_empty() {
        return Err(invalid());
    }
    let time = |name: &str| match claims.get(name) {
        None => Ok::<_, ApiError>(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds));
            let since = seconds.map(Duration::from_secs_f64).ok_or_else(invalid)?;
            Ok(Some(SystemTime::UNIX_EPOCH + since))
        }
    };
    let expires = time("exp")?.ok_or_else(invalid)?;
    if expires <= now {
        return Err((&errors::OIDC_TOKEN_EXPIRED).into());
    }
    if time("nbf")?.is_some_and(|begins| begins > now) {
        return Err(invalid());
    }
    Ok(TokenInfo {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        client_ids: audience,
        expiration_time: clock::rfc3339(expires),
        issuance_time: clock::rfc3339(time("iat")?.unwrap_or(now)),
        verification_info: "Success",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: u64 = 1_800_000_000;

    fn read(token: &str) -> Result<TokenInfo, String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        read_token(token, now).map_err(|error| error.code())
    }

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(header), part(claims))
    }

    #[test]
    fn a_token_needs_its_form_its_claims_and_its_time() {
        let header = json!({"alg": "RS256"});
        let claims = json!({"iss": "https://i", "sub": "s", "aud": ["a", "b"], "exp": NOW + 1,
                            "iat": NOW - 9});
        let info = read(&token(&header, &claims)).ok().unwrap();
        assert_eq!((&*info.issuer, &*info.subject, &*info.client_ids), ("https://i", "s", "a,b"));
        assert_eq!(info.expiration_time, "2027-01-15T08:00:01Z");
        assert_eq!(info.issuance_time, "2027-01-15T07:59:51Z");
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            token(&header, &claims)
        };
        assert_eq!(read(&with("aud", json!("one"))).ok().unwrap().client_ids, "one");
        assert!(read(&with("exp", json!(1_800_000_000.5))).is_ok());
        for expired in [json!(NOW), json!(0), json!(NOW - 1)] {
            let code = read(&with("exp", expired)).err().unwrap();
            assert_eq!(code, "AuthenticationFail.OIDCToken.Expired");
        }
        let good = token(&header, &claims);
        let invalid = [
            with("exp", json!("soon")),
            with("exp", json!(null)),
            with("exp", json!(1e300)),
            with("nbf", json!(NOW + 60)),
            with("iss", json!("")),
            with("sub", json!(7)),
            with("aud", json!([])),
            token(&json!({}), &claims),
            token(&header, &json!([])),
            "text".to_owned(),
            "aa.bb".to_owned(),
            format!("{good}.x"),
            format!("{good}!"),
            good[1..].to_owned(),
        ];
        for token in invalid {
            let code = read(&token).err().unwrap_or_else(|| panic!("{token} is accepted"));
            assert_eq!(code, "AuthenticationFail.OIDCToken.Invalid", "{token}");
        }
        for token in ["abc", &"x".repeat(20_001)] {
            assert_eq!(read(token).err().unwrap(), "InvalidParameter.OIDCToken");
        }
    }
}

//! Configuration.
//!
//! Every option has a default, and a setter changes one. A client copies the
//! configuration: later changes do not affect it.
//!
//! If a setter refuses its value, for whatever reason, cas_client_new fails with
//! the status and the reason of that setter, until a valid value is set. libcas
//! never uses the value before it or the default instead, so a program may
//! ignore what the setters return. To give a value up, create a new
//! configuration.

pub mod logging;

use std::ffi::c_char;
use std::time::Duration;

use cas_core::ApiVersion;
use cas_core::Config;
use cas_core::Error;
use cas_core::MAX_ROOTS_BYTES;
use cas_core::Secret;
use cas_core::Signature;

use crate::boundary;
use crate::error::cas_error;
use crate::ffi::{self, file_path, free, invalid, required, required_bytes, required_mut, text};
use crate::panic;
use crate::status::cas_status;

/// The options of a client. Free it with cas_config_free.
///
/// @since 0.1.0
pub struct cas_config {
    pub(crate) config: Config,
    /// The error of the first refused setter.
    error: Option<cas_error>,
}

/// Runs the body of a setter, and records under its name whether it succeeded.
fn set(
    config: *mut cas_config,
    setter: &'static str,
    body: impl FnOnce(&mut Config) -> Result<(), Error>,
) -> cas_status {
    let mut body = Some(body);
    record(config, setter, &mut |config| body.take().map_or(Ok(()), |body| body(config)))
}

/// Not generic: one copy in the library, instead of one for each setter.
#[inline(never)]
fn record(
    config: *mut cas_config,
    setter: &'static str,
    body: &mut dyn FnMut(&mut Config) -> Result<(), Error>,
) -> cas_status {
    boundary::status_only(|| {
        let cas_config { config, error } = required_mut!(config);
        let result = panic::catch(|| body(config));
        let result = config.record(setter, result);
        *error = config.check().err().as_ref().map(cas_error::from);
        result
    })
}

/// Creates a configuration with every option at its default.
///
/// The defaults include the region cn-hangzhou, and the access key from the
/// credential provider chain of Alibaba Cloud's own tools: environment
/// variables, OIDC (RRSA), ~/.aliyun/config.json, ~/.alibabacloud/credentials,
/// the RAM role of the ECS instance, ALIBABA_CLOUD_CREDENTIALS_URI, in this
/// order. See docs/credentials.md.
///
/// @return a configuration; free it with cas_config_free
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn cas_config_new() -> *mut cas_config {
    panic::value_or(std::ptr::null_mut(), || {
        Ok(ffi::give(cas_config { config: Config::default(), error: None }))
    })
}

/// Frees a configuration and wipes its secrets. Clients made from it are not
/// affected.
///
/// @param config  a configuration, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_free(config: *mut cas_config) {
    panic::value_or((), || {
        free!(config);
        Ok(())
    });
}

/// Returns why cas_client_new would refuse the configuration: the error of the
/// first setter that refused its value and was not called again with a valid
/// one.
///
/// @param config  a configuration, or NULL
/// @return the error, or NULL if no setter refused its value; valid until the
///         next call of a setter or cas_config_free. Do not free it
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_error(config: *const cas_config) -> *const cas_error {
    panic::value_or(std::ptr::null(), || {
        Ok(required!(config).error.as_ref().map_or(std::ptr::null(), std::ptr::from_ref))
    })
}

// --- Credentials ---

/// Sets the access key that signs the requests. libcas then uses no other
/// credential source.
///
/// @param config  the configuration
/// @param id      the access key ID, without white space
/// @param secret  the access key secret, without white space
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_access_key(
    config: *mut cas_config,
    id: *const c_char,
    secret: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_access_key", |config| {
        config.set_access_key(text!(id), Secret::new(text!(secret).to_owned()))
    })
}

/// Sets the security token that belongs to a temporary access key (STS).
///
/// @param config  the configuration
/// @param token   the security token
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_security_token(
    config: *mut cas_config,
    token: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_security_token", |config| {
        config.set_security_token(Secret::new(text!(token).to_owned()))
    })
}

/// Sets the profile of ~/.aliyun/config.json or ~/.alibabacloud/credentials
/// that provides the access key. libcas then uses no other credential source,
/// except a key set by cas_config_set_access_key, which comes first.
///
/// Default: ALIBABA_CLOUD_PROFILE, else the current profile of the first file
/// and the profile "default" of the second.
///
/// @param config  the configuration
/// @param name    the name of the profile
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_profile(
    config: *mut cas_config,
    name: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_profile", |config| config.set_profile(text!(name)))
}

// --- Endpoint ---

/// Sets the region whose endpoint libcas calls.
///
/// Default: "cn-hangzhou", whatever profiles or the environment say.
///
/// @param config  the configuration
/// @param region  a region ID, such as "ap-southeast-1"
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_region(
    config: *mut cas_config,
    region: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_region", |config| config.set_region(text!(region)))
}

/// Selects the endpoint of the region inside Alibaba Cloud's private network
/// (VPC), for machines that cannot reach the internet. Default: false.
///
/// @param config  the configuration
/// @param vpc     true for the VPC endpoint
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_vpc(config: *mut cas_config, vpc: bool) -> cas_status {
    set(config, "cas_config_set_vpc", |config| {
        config.set_vpc(vpc);
        Ok(())
    })
}

/// Sets the endpoint to call instead of the region's.
///
/// @param config    the configuration
/// @param endpoint  "host", "host:port", "https://host[:port]" or, in
///                  plaintext, "http://127.0.0.1:8480"; the scheme may be in
///                  upper case
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_endpoint(
    config: *mut cas_config,
    endpoint: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_endpoint", |config| config.set_endpoint(text!(endpoint)))
}

/// Allows http:// endpoints and credentials URIs on hosts other than this
/// machine. Default: false.
///
/// @param config  the configuration
/// @param allow   true to allow them
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_allow_plaintext(
    config: *mut cas_config,
    allow: bool,
) -> cas_status {
    set(config, "cas_config_set_allow_plaintext", |config| {
        config.set_allow_plaintext(allow);
        Ok(())
    })
}

// --- Root store and proxy ---

/// Sets a PEM bundle of root certificates that replaces the root store.
/// cas_client_new reads the file, and fails if it holds no certificate. The
/// file has at most 32 MiB.
///
/// Default: the roots of SSL_CERT_FILE and SSL_CERT_DIR, else the system's,
/// else Mozilla's, which are built in. cas_client_new reads these two
/// variables; the first TLS connection reads the files they name.
///
/// Replaces the value of cas_config_set_ca_pem.
///
/// @param config  the configuration
/// @param path    the path of the PEM file; it need not be UTF-8
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_ca_file(
    config: *mut cas_config,
    path: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_ca_file", |config| config.set_ca_file(file_path!(path)))
}

/// Sets a PEM bundle of root certificates from memory, as cas_config_set_ca_file
/// does from a file. libcas reads it before the call returns, and refuses a text
/// without a certificate.
///
/// Replaces the value of cas_config_set_ca_file.
///
/// @param config  the configuration
/// @param pem     the text, at most 32 MiB
/// @param len     its length in bytes, without a terminating NUL
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_ca_pem(
    config: *mut cas_config,
    pem: *const c_char,
    len: usize,
) -> cas_status {
    set(config, "cas_config_set_ca_pem", |config| {
        config.set_ca_pem(required_bytes!(pem, len, MAX_ROOTS_BYTES))
    })
}

/// Sets the proxy to connect through.
///
/// An HTTP proxy opens a tunnel for TLS (CONNECT), and forwards requests in
/// plaintext, as with curl.
///
/// Default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of the environment,
/// as they are when cas_client_new runs. They never apply to this machine
/// itself.
///
/// @param config  the configuration
/// @param url     "http://[user:password@]host:port"; "socks5://..." (libcas
///                resolves host names) or "socks5h://..." (the proxy resolves
///                them); "" for no proxy, whatever the environment says
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_proxy(
    config: *mut cas_config,
    url: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_proxy", |config| config.set_proxy(text!(url)))
}

// --- Environment ---

/// Lets libcas use the environment although the program runs with raised
/// privileges. Default: false.
///
/// A set-user-ID or set-group-ID program, and one with file capabilities, gets
/// its environment from a less privileged user. libcas then ignores all
/// variables, as secure_getenv does: access keys, HOME, files, proxies,
/// SSL_CERT_FILE and SSL_CERT_DIR. The home directory is the one that the
/// password database has for the effective user, and a process_command of a
/// profile runs without an environment. Other options work as usual.
///
/// Set it only if the program chooses its environment itself: a daemon that a
/// service manager starts with a capability, for example. In a program without
/// raised privileges it has no effect.
///
/// @param config  the configuration
/// @param trust   true to use the environment
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_trust_environment(
    config: *mut cas_config,
    trust: bool,
) -> cas_status {
    set(config, "cas_config_set_trust_environment", |config| {
        config.set_trust_environment(trust);
        Ok(())
    })
}

// --- Timeouts, retries and rate limit ---

/// Sets how long making one connection may take. Default: 5000.
///
/// @param config  the configuration
/// @param ms      the timeout in milliseconds; 0 is invalid
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_connect_timeout_ms(
    config: *mut cas_config,
    ms: u32,
) -> cas_status {
    set(config, "cas_config_set_connect_timeout_ms", |config| {
        config.set_connect_timeout(Duration::from_millis(ms.into()))
    })
}

/// Sets how long one call may take, retries included. Default: 60000.
///
/// @param config  the configuration
/// @param ms      the timeout in milliseconds; 0 is invalid
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_timeout_ms(config: *mut cas_config, ms: u32) -> cas_status {
    set(config, "cas_config_set_timeout_ms", |config| {
        config.set_timeout(Duration::from_millis(ms.into()))
    })
}

/// Sets the maximum number of times that one call sends a certificate.
/// Attempts that found no connection count. Attempts that the service throttled
/// do not, unless the number is 1: libcas repeats them until the deadline.
/// Default: 4.
///
/// Look-ups, lists and deletions have the same number of attempts for each of
/// their requests. While an attempt may have stored the certificate, libcas
/// looks it up repeatedly, whatever the number is.
///
/// @param config    the configuration
/// @param attempts  the number of attempts; 1 turns retries off, 0 is invalid
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_max_attempts(
    config: *mut cas_config,
    attempts: u32,
) -> cas_status {
    set(config, "cas_config_set_max_attempts", |config| config.set_max_attempts(attempts))
}

/// Sets how many uploads per second a client starts, all its threads together.
/// An upload waits for its turn.
///
/// Default: 0, as many as the service accepts. Once the service throttles a
/// client, the client keeps to the documented rate for one minute: 10 per
/// second, or 100 with CAS_API_2020_04_07.
///
/// @param config      the configuration
/// @param per_second  uploads per second, or 0
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_rate_limit(
    config: *mut cas_config,
    per_second: u32,
) -> cas_status {
    set(config, "cas_config_set_rate_limit", |config| {
        config.set_rate_limit(per_second);
        Ok(())
    })
}

// --- API version, signature and User-Agent ---

/// A version of the API of the service.
///
/// @since 0.1.0
pub type cas_api = i32;

/// 2018-07-13 until the service reports that it is gone, then 2020-04-07.
/// cas_result_api returns the version used.
pub const CAS_API_AUTO: cas_api = 0;
/// CreateUserCertificate, version 2018-07-13.
pub const CAS_API_2018_07_13: cas_api = 1;
/// UploadUserCertificate, version 2020-04-07. It has no parameters for the
/// language and the source IP address.
pub const CAS_API_2020_04_07: cas_api = 2;

/// Sets the version of the API. Default: CAS_API_AUTO.
///
/// @param config  the configuration
/// @param api     a CAS_API_ constant
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_api(config: *mut cas_config, api: cas_api) -> cas_status {
    set(config, "cas_config_set_api", |config| {
        let version = match api {
            CAS_API_AUTO => None,
            CAS_API_2018_07_13 => Some(ApiVersion::V2018_07_13),
            CAS_API_2020_04_07 => Some(ApiVersion::V2020_04_07),
            _ => {
                return Err(invalid(
                    format!("Invalid API version {api}."),
                    "Use a CAS_API_ constant.",
                ));
            }
        };
        config.set_api(version);
        Ok(())
    })
}

/// A method of signing requests.
///
/// @since 0.1.0
pub type cas_signature = i32;

/// HMAC-SHA1 over all parameters (RPC signature version 1).
pub const CAS_SIGNATURE_HMAC_SHA1: cas_signature = 0;
/// ACS3-HMAC-SHA256, which the newer official SDKs use.
pub const CAS_SIGNATURE_ACS3: cas_signature = 1;

/// Sets how requests are signed. Default: CAS_SIGNATURE_HMAC_SHA1.
///
/// @param config     the configuration
/// @param signature  a CAS_SIGNATURE_ constant
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_signature(
    config: *mut cas_config,
    signature: cas_signature,
) -> cas_status {
    set(config, "cas_config_set_signature", |config| {
        let signature = match signature {
            CAS_SIGNATURE_HMAC_SHA1 => Signature::HmacSha1,
            CAS_SIGNATURE_ACS3 => Signature::Acs3,
            _ => {
                return Err(invalid(
                    format!("Invalid signature method {signature}."),
                    "Use a CAS_SIGNATURE_ constant.",
                ));
            }
        };
        config.set_signature(signature);
        Ok(())
    })
}

/// Sets the name of the program in the logs of the service. libcas puts it in
/// front of its own name in the User-Agent header.
///
/// @param config   the configuration
/// @param product  a product name, such as "deployer/3.2"
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_user_agent(
    config: *mut cas_config,
    product: *const c_char,
) -> cas_status {
    set(config, "cas_config_set_user_agent", |config| config.set_user_agent(text!(product)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_equal_the_numbers_of_cas_core() {
        for (version, number) in [
            (ApiVersion::V2018_07_13, CAS_API_2018_07_13),
            (ApiVersion::V2020_04_07, CAS_API_2020_04_07),
        ] {
            assert_eq!(version as cas_api, number);
        }
    }
}

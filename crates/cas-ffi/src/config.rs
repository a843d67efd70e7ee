//! `cas_config`: how a client is set up.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use cas_core::api::ApiVersion;
use cas_core::config::Config;
use cas_core::logging::{Level, Logger};
use cas_core::rpc::Signature;
use cas_core::secret::Secret;

use crate::boundary;
use crate::ffi::{self, c_text, free, invalid, required_mut, text};
use crate::panic;
use crate::status::cas_status;

/// A configuration. A NULL configuration means every default.
pub struct cas_config(pub(crate) Config);

/// A version of the service's API.
pub type cas_api = i32;

/// 2018-07-13 until the service says that it is gone, from then on 2020-04-07. The result tells which it was.
pub const CAS_API_AUTO: cas_api = 0;
/// CreateUserCertificate, version 2018-07-13.
pub const CAS_API_2018_07_13: cas_api = 1;
/// UploadUserCertificate, version 2020-04-07; it knows no language and no source address.
pub const CAS_API_2020_04_07: cas_api = 2;

/// How requests are signed.
pub type cas_signature = i32;

/// HMAC-SHA1 over all parameters (RPC signature version 1).
pub const CAS_SIGNATURE_HMAC_SHA1: cas_signature = 0;
/// ACS3-HMAC-SHA256, which the newer official SDKs use.
pub const CAS_SIGNATURE_ACS3: cas_signature = 1;

/// How much a log message matters.
pub type cas_log_level = i32;

/// A call failed.
pub const CAS_LOG_ERROR: cas_log_level = 1;
/// Something went wrong and was mended.
pub const CAS_LOG_WARN: cas_log_level = 2;
/// A call succeeded.
pub const CAS_LOG_INFO: cas_log_level = 3;
/// Each request and answer, without their contents.
pub const CAS_LOG_DEBUG: cas_log_level = 4;

/// Receives log messages, on the thread that made the call, and from several at once where several threads
/// share a client. The message lives until the function returns. It must not throw.
pub type cas_log_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, level: cas_log_level, message: *const c_char),
>;

/// A new configuration with every default: the region cn-hangzhou, and the access key from where Alibaba Cloud's own
/// tools look for it, in their order: environment variables, OIDC (RRSA), ~/.aliyun/config.json,
/// ~/.alibabacloud/credentials, the role of the ECS instance, ALIBABA_CLOUD_CREDENTIALS_URI. See docs/credentials.md.
#[unsafe(no_mangle)]
pub extern "C" fn cas_config_new() -> *mut cas_config {
    panic::value_or(std::ptr::null_mut(), || Ok(ffi::give(cas_config(Config::default()))))
}

/// Ends a configuration. Clients made from it live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_free(config: *mut cas_config) {
    panic::value_or((), || {
        free!(config);
        Ok(())
    });
}

/// The access key to sign with, in place of every other source. It holds no white space. After one
/// that is refused, cas_client_new fails until another one is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_access_key(
    config: *mut cas_config,
    id: *const c_char,
    secret: *const c_char,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_access_key(text!(id), Secret::new(text!(secret).to_owned()))
    })
}

/// The security token that belongs to a temporary access key (STS).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_security_token(
    config: *mut cas_config,
    token: *const c_char,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_security_token(Secret::new(text!(token).to_owned()))
    })
}

/// The profile to take the access key from, of ~/.aliyun/config.json or ~/.alibabacloud/credentials. No other source is
/// asked then, but a key that the program itself sets comes first. After one that is refused, cas_client_new fails until another one is set. Default:
/// ALIBABA_CLOUD_PROFILE, else the current profile of the one and "default" of the other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_profile(
    config: *mut cas_config,
    name: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_profile(text!(name)))
}

/// The region whose host is called, such as "ap-southeast-1". After one that is refused, cas_client_new fails until another
/// one is set. Default: "cn-hangzhou", whatever profiles or the environment say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_region(
    config: *mut cas_config,
    region: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_region(text!(region)))
}

/// Whether to call the region's host inside Alibaba Cloud's private network (VPC), for machines that do not reach the
/// internet. Default: false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_vpc(config: *mut cas_config, vpc: bool) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_vpc(vpc);
        Ok(())
    })
}

/// The host to call, in place of the region's: "host", "host:port", "https://host[:port]" or
/// "http://127.0.0.1:8480". After one that is refused, cas_client_new fails and says why, until another one is
/// set: nobody is called in its place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_endpoint(
    config: *mut cas_config,
    endpoint: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_endpoint(text!(endpoint)))
}

/// Whether http:// is allowed to a host other than this machine. Default: false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_allow_plaintext(
    config: *mut cas_config,
    allow: bool,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_allow_plaintext(allow);
        Ok(())
    })
}

/// A PEM bundle that replaces the trusted roots; cas_client_new reads it, and refuses one without certificates. Where
/// none is set they are those of SSL_CERT_FILE and SSL_CERT_DIR, whose values cas_client_new takes and the first TLS
/// connection reads, else the system's, else Mozilla's, which are built in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_ca_file(
    config: *mut cas_config,
    path: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_ca_file(text!(path)))
}

/// How long making one connection may take, in milliseconds. Default: 5000. 0 is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_connect_timeout_ms(
    config: *mut cas_config,
    ms: u32,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_connect_timeout(Duration::from_millis(ms.into()))
    })
}

/// How long a whole call may take, retries included, in milliseconds. Default: 60000. 0 is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_timeout_ms(config: *mut cas_config, ms: u32) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_timeout(Duration::from_millis(ms.into())))
}

/// How often a certificate is sent at most in one call, tries that found no connection included. Default: 4. 1 means
/// never again, 0 is refused. Look-ups, lists and deletions have as many tries for each of their requests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_max_attempts(
    config: *mut cas_config,
    attempts: u32,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_max_attempts(attempts))
}

/// How many uploads a second a client makes, all its threads together: a call waits for its turn. Default: 0, as
/// many as the service takes; once it says that they are too many, its documented rate for a minute (10, or 100 with
/// CAS_API_2020_04_07).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_rate_limit(
    config: *mut cas_config,
    per_second: u32,
) -> cas_status {
    boundary::status_only(|| {
        required_mut!(config).0.set_rate_limit(per_second);
        Ok(())
    })
}

/// The version of the service's API. Default: CAS_API_AUTO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_api(config: *mut cas_config, api: cas_api) -> cas_status {
    boundary::status_only(|| {
        let version = match api {
            CAS_API_AUTO => None,
            CAS_API_2018_07_13 => Some(ApiVersion::V2018_07_13),
            CAS_API_2020_04_07 => Some(ApiVersion::V2020_04_07),
            _ => return Err(invalid(format!("There is no API version {api}."))),
        };
        required_mut!(config).0.set_api(version);
        Ok(())
    })
}

/// The proxy to go through: "http://[user:password@]host:port", "socks5://…" (names are looked up here) or "socks5h://…" (by
/// the proxy); "" for none, whatever the environment says. Default: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of
/// the environment, as they are when the client is made, which never concern this machine itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_proxy(
    config: *mut cas_config,
    url: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_proxy(text!(url)))
}

/// How requests are signed. Default: CAS_SIGNATURE_HMAC_SHA1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_signature(
    config: *mut cas_config,
    signature: cas_signature,
) -> cas_status {
    boundary::status_only(|| {
        let signature = match signature {
            CAS_SIGNATURE_HMAC_SHA1 => Signature::HmacSha1,
            CAS_SIGNATURE_ACS3 => Signature::Acs3,
            _ => return Err(invalid(format!("There is no signature {signature}."))),
        };
        required_mut!(config).0.set_signature(signature);
        Ok(())
    })
}

/// The program's name for the service's logs, such as "deployer/3.2", put before the library's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_user_agent(
    config: *mut cas_config,
    product: *const c_char,
) -> cas_status {
    boundary::status_only(|| required_mut!(config).0.set_user_agent(text!(product)))
}

/// Sends the messages of clients made from this configuration, up to the level max, to a function; a NULL
/// function turns them off. user_data is passed on as it is and must outlive those clients.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_log(
    config: *mut cas_config,
    log: cas_log_fn,
    user_data: *mut c_void,
    max: cas_log_level,
) -> cas_status {
    boundary::status_only(|| {
        let config = required_mut!(config);
        let Some(log) = log else {
            config.0.set_logger(Logger::default());
            return Ok(());
        };
        let max = match max {
            CAS_LOG_ERROR => Level::Error,
            CAS_LOG_WARN => Level::Warn,
            CAS_LOG_INFO => Level::Info,
            CAS_LOG_DEBUG => Level::Debug,
            _ => return Err(invalid(format!("There is no log level {max}."))),
        };
        let user_data = UserData(user_data);
        config.0.set_logger(Logger::new(max, move |level, message| {
            let message = c_text(message);
            // SAFETY: C promised a function of this type; the message lives until it returns.
            unsafe { log(user_data.get(), level as cas_log_level, message.as_ptr()) }
        }));
        Ok(())
    })
}

/// A pointer that the library only passes back.
struct UserData(*mut c_void);

impl UserData {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

// SAFETY: never followed here; the header says that the function may be called from several threads.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

//! The options for logging: the levels, and the function that receives the messages. May use
//! `config` and the layers below it.

use std::ffi::{c_char, c_void};

use cas_core::{Level, Logger};

use super::{cas_config, set};
use crate::ffi::{c_text, invalid};
use crate::status::cas_status;

// --- Logging ---

/// The importance of a log message.
///
/// @since 0.1.0
pub type cas_log_level = i32;

/// A call failed.
pub const CAS_LOG_ERROR: cas_log_level = 1;
/// Something failed, and the call went on: a retry, refreshed credentials, a
/// corrected clock.
pub const CAS_LOG_WARN: cas_log_level = 2;
/// A call succeeded.
pub const CAS_LOG_INFO: cas_log_level = 3;
/// Each request and response, without their contents.
pub const CAS_LOG_DEBUG: cas_log_level = 4;

/// Receives log messages.
///
/// It runs on the thread that made the call, and on several threads at once if
/// several threads share a client. It runs in the locale of the program;
/// messages are English and UTF-8 in every locale. It may call other clients
/// and cas_client_cancel; every other call of the same client on this thread
/// fails at once with CAS_ERR_INVALID_ARGUMENT. It must not wait for another
/// thread that calls the same client, and must not free the client. It must
/// return: a C++ exception or pthread_exit that leaves it ends the process, and
/// so may longjmp. It must not allow pthread_cancel.
///
/// @param user_data  the pointer passed to cas_config_set_log
/// @param level      the level of the message
/// @param message    the message; valid until the function returns
/// @since 0.1.0
pub type cas_log_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, level: cas_log_level, message: *const c_char),
>;

/// Sends the log messages of clients made from this configuration to a
/// function. Default: no function.
///
/// @param config     the configuration
/// @param log        the function, or NULL to turn logging off
/// @param user_data  passed to the function as it is; may be NULL. What it
///                   points to must outlive the clients
/// @param max        the highest level to send, a CAS_LOG_ constant
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_config_set_log(
    config: *mut cas_config,
    log: cas_log_fn,
    user_data: *mut c_void,
    max: cas_log_level,
) -> cas_status {
    set(config, "cas_config_set_log", |config| {
        let Some(log) = log else {
            config.set_logger(Logger::default());
            return Ok(());
        };
        let max = match max {
            CAS_LOG_ERROR => Level::Error,
            CAS_LOG_WARN => Level::Warn,
            CAS_LOG_INFO => Level::Info,
            CAS_LOG_DEBUG => Level::Debug,
            _ => {
                return Err(invalid(
                    format!("Invalid log level {max}."),
                    "Use a CAS_LOG_ constant.",
                ));
            }
        };
        let user_data = UserData(user_data);
        config.set_logger(Logger::new(max, move |level, message| {
            let message = c_text(message);
            let _host = cas_sys::HostLocale::new();
            // SAFETY: C passed a function of this type. The message lives until it returns.
            unsafe { log(user_data.get(), level as cas_log_level, message.as_ptr()) }
            cas_sys::DeferredCancellation::renew();
        }));
        Ok(())
    })
}

/// A pointer that libcas only passes back.
struct UserData(*mut c_void);

impl UserData {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

// SAFETY: libcas never dereferences it. The header says that several threads may call the function.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_equal_the_numbers_of_cas_core() {
        for (level, number) in [
            (Level::Error, CAS_LOG_ERROR),
            (Level::Warn, CAS_LOG_WARN),
            (Level::Info, CAS_LOG_INFO),
            (Level::Debug, CAS_LOG_DEBUG),
        ] {
            assert_eq!(level as cas_log_level, number);
        }
    }
}

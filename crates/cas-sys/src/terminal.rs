//! The settings of a terminal, such as whether it shows what is typed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

/// The settings of the controlling terminal as they were.
///
/// A program that asks for a password turns off echoing. If a signal ends it meanwhile, the
/// terminal stays like that, unless the program restores the settings first.
pub struct TerminalSettings {
    terminal: OwnedFd,
    settings: libc::termios,
}

impl TerminalSettings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// If the process has no controlling terminal.
    pub fn current() -> io::Result<Self> {
        let terminal = OwnedFd::from(std::fs::File::open("/dev/tty")?);
        let mut settings = MaybeUninit::uninit();
        // SAFETY: the descriptor is open, and the call initialises `settings` if it returns 0.
        unsafe {
            if libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self { terminal, settings: settings.assume_init() })
        }
    }

    /// Sets the terminal to these settings at once. A terminal that is gone needs none.
    pub fn restore(&self) {
        // SAFETY: the descriptor is open, and the settings are those of a terminal.
        unsafe {
            libc::tcsetattr(self.terminal.as_raw_fd(), libc::TCSANOW, &raw const self.settings)
        };
    }
}

impl std::fmt::Debug for TerminalSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TerminalSettings")
    }
}

//! The lock of a data file: two emulators on one file would not see each other's certificates.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// The lock of a data file, until it is dropped or the process ends. It is on a file `FILE.lock`
/// beside it, which says who holds it and stays when the lock is released.
pub(super) struct DataLock(File);

impl DataLock {
    /// Locks `data`. An error is a sentence for the user.
    pub(super) fn acquire(data: &Path) -> Result<Self, String> {
        let mut name = data.as_os_str().to_owned();
        name.push(".lock");
        let failure = |error: std::io::Error| {
            format!("failed to lock {}: {error}", Path::new(&name).display())
        };
        let options = OpenOptions::new().read(true).write(true).create(true).clone();
        let mut file = options.open(&name).map_err(failure)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failure(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failure)?;
                return Err(format!(
                    "{} is in use by another cas-emulator, {}. Stop that one, or use another file",
                    data.display(),
                    holder.trim(),
                ));
            }
        }
        let lock = Self(file);
        lock.describe("").map_err(failure)?;
        Ok(lock)
    }

    /// Says in the file that this process holds the lock and listens on `url`.
    pub(super) fn announce(&self, url: &str) -> std::io::Result<()> {
        self.describe(&format!(" on {url}"))
    }

    fn describe(&self, place: &str) -> std::io::Result<()> {
        let mut file = &self.0;
        file.set_len(0)?;
        std::io::Seek::rewind(&mut file)?;
        writeln!(file, "process {}{place}", std::process::id())
    }
}

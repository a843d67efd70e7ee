//! Locks for a file that several programs replace, each by `flock`: one of libcas's own, which no
//! other user can hold, and that of the file itself, which the official packages take.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::time::Duration;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::Exhaustion;

/// Interval at which a lock of another program is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A locked file.
pub(crate) struct FileLock(File);

impl FileLock {
    /// Waits for libcas's own lock for `path`, a file beside it: [`io::ErrorKind::TimedOut`] at the
    /// deadline. `None` if the file cannot be created, another user may open it, or the file system
    /// does not support locks.
    pub(crate) fn beside(path: &Path, deadline: &Deadline) -> io::Result<Option<Self>> {
        let path = fs::canonicalize(path)?;
        let owner = fs::metadata(&path)?;
        let mut file = match open_lock_file(&path, &owner) {
            Err(error) if Exhaustion::of(&error).is_some() => return Err(error),
            opened => {
                match opened.and_then(|file| Ok((is_ours(&file.metadata()?, &owner), file))) {
                    Ok((true, file)) => file,
                    _ => return Ok(None),
                }
            }
        };
        loop {
            file = match Self::try_lock(file) {
                Ok(lock) => return Ok(Some(lock)),
                Err((_, TryLockError::Error(error))) if Exhaustion::of(&error).is_some() => {
                    return Err(error);
                }
                Err((_, TryLockError::Error(_))) => return Ok(None),
                Err((_, TryLockError::WouldBlock)) if !deadline.sleep(POLL_INTERVAL) => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err((file, TryLockError::WouldBlock)) => file,
            };
        }
    }

    /// Waits for the lock of the file at `path` itself, which is open as `file`. `None` at the
    /// deadline: any user who may read the file may hold its lock for ever.
    pub(crate) fn of(mut file: File, path: &Path, deadline: &Deadline) -> Option<Self> {
        loop {
            match Self::try_lock(file) {
                Ok(lock) if lock.is_at(path) => return Some(lock),
                // The program that held the lock has replaced the file.
                Ok(lock) => drop(lock),
                Err((_, TryLockError::WouldBlock)) => {}
                Err((_, TryLockError::Error(_))) => return None,
            }
            if !deadline.sleep(POLL_INTERVAL) {
                return None;
            }
            let mut options = OpenOptions::new();
            file = options.write(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
        }
    }

    fn try_lock(file: File) -> Result<Self, (File, TryLockError)> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(error) => Err((file, error)),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let (locked, current) = (self.0.metadata().map(id), fs::metadata(path).map(id));
        locked.is_ok_and(|locked| current.is_ok_and(|current| current == locked))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that was forked meanwhile has the file open too.
        let _ = self.0.unlock(); // fails only if it is not held
    }
}

fn open_lock_file(path: &Path, owner: &Metadata) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".libcas-lock");
    let path = Path::new(&name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            // If root creates it, the owner's own programs must be able to open it.
            if file.metadata()?.uid() != owner.uid() {
                let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// Whether only this user, the owner of the file and root may have opened the lock file.
fn is_ours(lock: &Metadata, owner: &Metadata) -> bool {
    let users = [owner.uid(), cas_sys::effective_user()];
    let others = lock.mode() & 0o077;
    lock.is_file() && users.contains(&lock.uid()) && others == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::PathBuf;

    /// A file in a directory of its own, which ends with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("libcas-{}-lock-{name}", std::process::id());
            let directory = std::env::temp_dir().join(name);
            fs::create_dir_all(&directory).unwrap();
            let path = directory.join("config.json");
            fs::write(&path, "").unwrap();
            Self(path)
        }

        fn lock_file(&self) -> PathBuf {
            self.0.with_extension("json.libcas-lock")
        }

        fn lock(&self) -> io::Result<Option<FileLock>> {
            FileLock::beside(&self.0, &Deadline::over())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
        }
    }

    #[test]
    fn the_lock_is_exclusive_and_released_even_if_a_child_inherited_it() {
        let file = Scratch::new("exclusive");
        let lock = file.lock().unwrap().unwrap();
        assert_eq!(fs::metadata(file.lock_file()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(file.lock().map(drop).unwrap_err().kind(), io::ErrorKind::TimedOut);
        // A child of fork has the file open.
        let inherited = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(file.lock().unwrap().is_some());
        drop(inherited);
    }

    #[test]
    fn a_link_to_the_file_has_the_same_lock() {
        let file = Scratch::new("link");
        let link = file.0.with_extension("link");
        symlink(&file.0, &link).unwrap();
        let _lock = file.lock().unwrap().unwrap();
        assert!(FileLock::beside(&link, &Deadline::over()).is_err());
    }

    #[test]
    fn a_lock_file_that_another_user_may_hold_is_ignored() {
        let file = Scratch::new("foreign");
        let lock_file = file.lock_file();
        fs::write(&lock_file, "").unwrap();
        fs::set_permissions(&lock_file, Permissions::from_mode(0o604)).unwrap();
        let foreign = File::open(&lock_file).unwrap();
        foreign.lock().unwrap();
        assert!(file.lock().unwrap().is_none());
        fs::set_permissions(&lock_file, Permissions::from_mode(0o600)).unwrap();
        assert!(file.lock().is_err());
        // Only root can change the owner.
        if chown(&lock_file, Some(4242), None).is_ok() {
            assert!(file.lock().unwrap().is_none());
            chown(&file.0, Some(4242), None).unwrap();
            assert!(file.lock().is_err());
        }
        fs::remove_file(&lock_file).unwrap();
        symlink("/dev/null", &lock_file).unwrap();
        assert!(file.lock().unwrap().is_none());
        fs::remove_file(&lock_file).unwrap();
        fs::create_dir(&lock_file).unwrap();
        assert!(file.lock().unwrap().is_none());
    }

    #[test]
    fn the_lock_file_belongs_to_the_owner_of_the_file() {
        let file = Scratch::new("owner");
        if chown(&file.0, Some(4242), Some(4343)).is_ok() {
            assert!(file.lock().unwrap().is_some());
            assert_eq!(fs::metadata(file.lock_file()).unwrap().uid(), 4242);
        }
    }

    #[test]
    fn the_lock_of_the_file_itself_is_that_of_the_file_at_the_path() {
        let file = Scratch::new("itself");
        let open = || OpenOptions::new().write(true).open(&file.0).unwrap();
        let lock =
            |opened: File| FileLock::of(opened, &file.0, &Deadline::after(Duration::from_secs(60)));
        let (old, opened) = (open(), open());
        old.lock().unwrap();
        assert!(FileLock::of(open(), &file.0, &Deadline::over()).is_none());
        let other = file.0.with_extension("new");
        fs::write(&other, "").unwrap();
        fs::rename(&other, &file.0).unwrap();
        old.unlock().unwrap();
        let lock = lock(opened).unwrap();
        assert!(lock.is_at(&file.0));
        assert!(open().try_lock().is_err());
        drop(lock);
        open().try_lock().unwrap();
    }
}

//! Replaces a file that belongs to another program: one writer at a time, in one step, and never without room for it.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How often another program's lock is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How much the new content may exceed the old one, in bytes.
const ROOM: usize = 16 * 1024;

/// Held while a file is replaced: a lock on its directory, as the file itself is replaced.
pub(crate) struct Lock(File);

impl Lock {
    /// `None` where the file system knows no locks; `TimedOut` where somebody holds it until the deadline.
    pub(crate) fn beside(path: &Path, deadline: Instant) -> io::Result<Option<Self>> {
        let path = fs::canonicalize(path)?;
        let Some(directory) = path.parent().and_then(|directory| File::open(directory).ok()) else {
            return Ok(None);
        };
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(Some(Self(directory))),
                Err(TryLockError::Error(_)) => return Ok(None),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(TryLockError::WouldBlock) => thread::sleep(TICK),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing does not do: a child that was forked meanwhile has the file open as well.
        let _ = self.0.unlock(); // held by nobody then
    }
}

/// A new content for a file. Whoever reads the file finds the old one or the new one.
pub(crate) struct Replacement {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl Replacement {
    /// Made before it is needed, of a content much like what will be written, as proof that it can be: that there is room, and
    /// that owner and mode can be kept.
    pub(crate) fn of(path: &Path, content: &str) -> io::Result<Self> {
        // A link stays a link.
        let path = fs::canonicalize(path)?;
        let old = OpenOptions::new().write(true).open(&path)?.metadata()?;
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".libcas-{}", std::process::id()));
        let beside = PathBuf::from(beside);
        // Of a program with this number that ended in the middle of it.
        let _ = fs::remove_file(&beside);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let mut replacement = Self { path, beside, file };
        let file = &mut replacement.file;
        file.write_all(content.as_bytes())?;
        file.write_all(&[b' '; ROOM])?;
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&*file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
        file.sync_all()?;
        Ok(replacement)
    }

    /// Puts it in the file's place.
    pub(crate) fn write(mut self, content: &str) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content.as_bytes())?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        // A loss of power must not bring the old one back.
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside); // it has the other name by now, or is not wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("libcas-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn two_programs_wait_for_each_other_and_a_forked_child_holds_nobody_up() {
        let directory = scratch("lock");
        let file = directory.join("file");
        fs::write(&file, "").unwrap();
        let lock = Lock::beside(&file, Instant::now()).unwrap().unwrap();
        let late = Lock::beside(&file, Instant::now()).map(drop).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        // As a child has it.
        let inherited = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(Lock::beside(&file, Instant::now()).unwrap().is_some());
        drop(inherited);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode_and_owner() {
        let directory = scratch("replacement");
        let (file, link) = (directory.join("real"), directory.join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        // Only root can give a file away; others see that their own stays theirs.
        let owner = if std::os::unix::fs::chown(&file, Some(4242), Some(4343)).is_ok() {
            Some((4242, 4343))
        } else {
            None
        };
        std::os::unix::fs::symlink(&file, &link).unwrap();
        fs::write(directory.join(format!("real.libcas-{}", std::process::id())), "left behind")
            .unwrap();
        drop(Replacement::of(&link, "old").unwrap());
        assert_eq!(fs::read_to_string(&link).unwrap(), "old");
        Replacement::of(&link, "old").unwrap().write("something new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "something new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o640);
        if let Some(owner) = owner {
            assert_eq!((metadata.uid(), metadata.gid()), owner);
        }
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_known_before() {
        assert!(Replacement::of(Path::new("/proc/version"), "").is_err());
        assert!(Replacement::of(Path::new("/nonexistent/config.json"), "").is_err());
    }
}

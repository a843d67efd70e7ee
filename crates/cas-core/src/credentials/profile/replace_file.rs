//! Replaces a file atomically. The room for the new content is reserved before it is needed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::random::nonce;
use crate::credentials::profile::file_lock::FileLock;

/// How many bytes longer than the prepared content the final content may be.
const SPARE_BYTES: usize = 16 * 1024;

/// New content for a file. Readers find the old content or the new one.
pub(crate) struct Replacement {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    /// The file that is replaced.
    old: Option<File>,
    /// A file descriptor for reading the file again before it is replaced.
    spare: Option<File>,
}

impl Replacement {
    /// Writes a temporary file beside the file, with the same owner and mode. `content` is about as
    /// long as the final one: if this succeeds, there is room for it.
    pub(crate) fn prepare(path: &Path, content: &str) -> io::Result<Self> {
        // A symbolic link stays one.
        let path = fs::canonicalize(path)?;
        let mut options = OpenOptions::new();
        let opened = options.write(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
        let old = opened.metadata()?;
        if !old.is_file() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it is not a regular file"));
        }
        let mut temporary = path.clone().into_os_string();
        // Programs on other machines and in other containers may share the directory and the ID.
        temporary.push(format!(".libcas-{}", nonce().map_err(io::Error::other)?));
        let temporary = PathBuf::from(temporary);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let mut replacement = Self { path, temporary, file, old: Some(opened), spare: None };
        replacement.spare = Some(replacement.file.try_clone()?);
        let file = &mut replacement.file;
        file.write_all(content.as_bytes())?;
        file.write_all(&[b' '; SPARE_BYTES])?;
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&*file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(old.mode() & 0o777))?;
        file.sync_all()?;
        Ok(replacement)
    }

    /// Writes the final content, which `content` makes from the file as it is now, and renames the
    /// temporary file to the file. Waits until the deadline for a program that has locked the file,
    /// as the official packages do while they write it, and then writes in any case.
    ///
    /// A file that cannot be replaced is written in its place: in containers, one file is often
    /// mounted by itself.
    pub(crate) fn commit(
        &mut self,
        deadline: &Deadline,
        content: impl FnOnce() -> io::Result<Zeroizing<String>>,
    ) -> io::Result<()> {
        drop(self.spare.take());
        let _lock = self.old.take().and_then(|old| FileLock::of(old, &self.path, deadline));
        let content = content()?;
        overwrite(&mut self.file, &content)?;
        if let Err(error) = fs::rename(&self.temporary, &self.path) {
            return write_in_place(&self.path, &content).map_err(|_| error);
        }
        // The rename should survive a loss of power. It is done if this fails.
        if let Some(directory) = self.path.parent() {
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }

    /// Leaves the temporary file beside the file, with this content, and returns its path.
    pub(crate) fn keep(mut self, content: &str) -> io::Result<PathBuf> {
        overwrite(&mut self.file, content)?;
        Ok(std::mem::take(&mut self.temporary))
    }
}

fn overwrite(file: &mut File, content: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content.as_bytes())?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

fn write_in_place(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let old = file.seek(io::SeekFrom::End(0))?;
    // The old content is lost only when there is room for the new one.
    let growth = vec![b' '; content.len().saturating_sub(usize::try_from(old).unwrap_or(0))];
    if let Err(error) = file.write_all(&growth).and_then(|()| file.sync_all()) {
        let _ = file.set_len(old); // spaces at the end change nothing
        return Err(error);
    }
    overwrite(&mut file, content)
}

impl Drop for Replacement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary); // renamed already if it was committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("libcas-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn links_mode_and_owner_are_kept() {
        let directory = scratch("replacement");
        let (file, link) = (directory.join("real"), directory.join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        // Only root can change the owner.
        let owner = if std::os::unix::fs::chown(&file, Some(4242), Some(4343)).is_ok() {
            Some((4242, 4343))
        } else {
            None
        };
        std::os::unix::fs::symlink(&file, &link).unwrap();
        drop(Replacement::prepare(&link, "old").unwrap());
        assert_eq!(fs::read_to_string(&link).unwrap(), "old");
        let mut replacement = Replacement::prepare(&link, "old").unwrap();
        replacement.commit(&Deadline::over(), || Ok("something new".to_owned().into())).unwrap();
        drop(replacement);
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
    fn a_file_that_cannot_be_replaced_is_written_in_place() {
        let directory = scratch("in-place");
        let file = directory.join("file");
        for content in ["a longer content than before", "short", ""] {
            fs::write(&file, "old content").unwrap();
            let inode = fs::metadata(&file).unwrap().ino();
            let mut replacement = Replacement::prepare(&file, "old content").unwrap();
            fs::remove_file(&replacement.temporary).unwrap();
            replacement.commit(&Deadline::over(), || Ok(content.to_owned().into())).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_program_that_keeps_the_file_locked_does_not_hold_it_up() {
        let directory = scratch("locked");
        let file = directory.join("file");
        fs::write(&file, "old").unwrap();
        let reader = File::open(&file).unwrap();
        reader.lock().unwrap();
        let mut replacement = Replacement::prepare(&file, "old").unwrap();
        replacement.commit(&Deadline::over(), || Ok("new".to_owned().into())).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        drop(replacement);
        // Once it is unlocked, it is locked while the content is made.
        let mut replacement = Replacement::prepare(&file, "new").unwrap();
        let content = || {
            assert!(File::open(&file).unwrap().try_lock().is_err());
            Ok("newer".to_owned().into())
        };
        replacement.commit(&Deadline::after(Duration::from_secs(60)), content).unwrap();
        drop(replacement);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_cannot_be_written_to_the_file_can_be_kept_beside_it() {
        let directory = scratch("kept");
        let file = directory.join("file");
        fs::write(&file, "old").unwrap();
        let mut replacement = Replacement::prepare(&file, "old").unwrap();
        let invalid = || Err(io::ErrorKind::InvalidData.into());
        let error = replacement.commit(&Deadline::over(), invalid).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let kept = replacement.keep("new").unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "new");
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o077, 0o044);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn files_that_cannot_be_written_are_found_before() {
        assert!(Replacement::prepare(Path::new("/proc/version"), "").is_err());
        assert!(Replacement::prepare(Path::new("/nonexistent/config.json"), "").is_err());
    }
}

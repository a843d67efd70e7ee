//! Files with access keys, tokens or profiles as text.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::file;
use crate::base::quote::quoted_path;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file without its byte order mark. Returns `None` if the file does not exist.
pub(crate) fn read_text(
    path: &Path,
    deadline: &Deadline,
) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    let mut text = match read_with_mark(path, deadline) {
        Ok(text) => text,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => {
            let what = format!("failed to read {}", quoted_path(path));
            let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
            let error = CredentialsError::of_io(&what, &error);
            // The rest is still to be written.
            return Err(if is_cut { error.with_kind(CredentialsErrorKind::Fatal) } else { error });
        }
    };
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(Some(text))
}

/// Reads a text file as it is, so that it can be written back.
pub(crate) fn read_with_mark(path: &Path, deadline: &Deadline) -> io::Result<Zeroizing<String>> {
    let mut bytes = file::read(path, file::MAX_BYTES, deadline)?.bytes;
    // Takes the buffer over: nothing is copied.
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        // Without a length, the error is a character whose end is missing.
        let is_cut = error.utf8_error().error_len().is_none();
        drop(Zeroizing::new(error.into_bytes()));
        if is_cut {
            io::Error::new(io::ErrorKind::UnexpectedEof, "it ends inside a character")
        } else {
            io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")
        }
    })
}

/// Splits a text that [`read_with_mark`] returned into its byte order mark, if any, and the rest.
pub(crate) fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>, CredentialsError> {
        super::read_text(path, &Deadline::over())
    }

    #[test]
    fn files_that_cannot_be_used_are_errors_and_missing_ones_are_not() {
        let path = std::env::temp_dir().join(format!("libcas-{}-files", std::process::id()));
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read_text(&path).map(|text| text.unwrap().to_string()).map_err(|error| error.reason)
        };
        assert_eq!(read("\u{feff}a\u{feff}".as_bytes()).as_deref(), Ok("a\u{feff}"));
        assert_eq!(read(&vec![b'a'; file::MAX_BYTES]).map(|text| text.len()), Ok(file::MAX_BYTES));
        let failed = |reason| Err(format!("failed to read {}: {reason}", quoted_path(&path)));
        assert_eq!(read(&vec![b'a'; file::MAX_BYTES + 1]), failed("it is larger than 1 MiB"));
        assert_eq!(read(b"\xff"), failed("it is not UTF-8 text"));
        // The end of a character may still be written.
        assert_eq!(read("名".as_bytes()[..2].as_ref()), failed("it ends inside a character"));
        assert!(read_text(&path).unwrap_err().is_fatal());
        assert!(read_text(&path.join("below a file")).unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(read_text(&path).unwrap().is_none());
        assert!(read_text(Path::new("/")).unwrap_err().reason.contains("failed to read \"/\": "));
    }

    #[test]
    fn a_byte_order_mark_is_split_off() {
        assert_eq!(split_mark("\u{feff}{}"), ("\u{feff}", "{}"));
        assert_eq!(split_mark("{}"), ("", "{}"));
    }
}

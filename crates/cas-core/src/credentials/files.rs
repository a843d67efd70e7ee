//! Reads files and pipes that hold secrets: whole, up to a limit, into buffers that are wiped.

use std::fs::File;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::base::file::read_bounded;
use crate::base::quote::quoted_path;
use crate::service::provider::CredentialsError;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: usize = 1 << 20;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text file without its byte order mark. Returns `None` if the file does not exist.
pub(crate) fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    let text = match read_with_mark(path) {
        Ok(text) => text,
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return Ok(None),
                io::ErrorKind::FileTooLarge => "it is larger than 1 MiB".to_owned(),
                io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
                _ => error.to_string(),
            };
            let path = quoted_path(path);
            return Err(CredentialsError::failed(format!("failed to read {path}: {reason}")));
        }
    };
    Ok(Some(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => Zeroizing::new(rest.to_owned()),
        None => text,
    }))
}

/// Reads a text file as it is, so that it can be written back.
pub(crate) fn read_with_mark(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let bytes = read_bounded(file, usize::try_from(size).unwrap_or(0), MAX_FILE_BYTES)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Splits a text that [`read_with_mark`] returned into its byte order mark, if any, and the rest.
pub(crate) fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_errors_and_missing_ones_are_not() {
        let path = std::env::temp_dir().join(format!("libcas-{}-files", std::process::id()));
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read_text(&path).map(|text| text.unwrap().to_string()).map_err(|error| error.reason)
        };
        assert_eq!(read("\u{feff}a\u{feff}".as_bytes()).as_deref(), Ok("a\u{feff}"));
        assert_eq!(read(&vec![b'a'; MAX_FILE_BYTES]).map(|text| text.len()), Ok(MAX_FILE_BYTES));
        let failed = |reason| Err(format!("failed to read {}: {reason}", quoted_path(&path)));
        assert_eq!(read(&vec![b'a'; MAX_FILE_BYTES + 1]), failed("it is larger than 1 MiB"));
        assert_eq!(read(b"\xff"), failed("it is not UTF-8 text"));
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

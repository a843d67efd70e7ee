//! What an emulator has when it starts: certificates in the files of other tools, written down in
//! JSON, or all of a snapshot.
//!
//! May use `store` and `certificates`.

mod certificate;
mod content;
mod folder;
mod json;
mod store;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

pub(crate) use content::SeedContent;
pub(crate) use store::SeedOwner;

/// How much of a file tells a snapshot from another seed.
const BEGINNING: u64 = 64 * 1024;

/// Reads a file or a folder. An error is a sentence for the user, and names it.
pub(crate) fn read(path: &Path) -> Result<SeedContent, String> {
    if path.to_string_lossy().contains("-----BEGIN") {
        // The message would quote it, and this could be a private key.
        return Err("invalid seed: PEM where the name of a file or a folder is expected".to_owned());
    }
    let failed = |error| format!("failed to read the seed {}: {error}", path.display());
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return folder::read(path);
    }
    let mut beginning = Zeroizing::new(Vec::new());
    let mut file = File::open(path).map_err(failed)?.take(BEGINNING);
    file.read_to_end(&mut beginning).map_err(failed)?;
    let beginning = Zeroizing::new(String::from_utf8_lossy(&beginning).into_owned());
    if !beginning.trim_start().starts_with(['{', '[']) && beginning.contains("-----BEGIN") {
        return Err(format!(
            "the seed {} cannot be used: it is PEM, and a certificate needs a name and a key. Name \
             a folder of certbot, acme.sh or lego, or a JSON file with \
             {{\"certificates\":[{{\"name\":\"www\",\"cert\":\"www.pem\",\"key\":\"www.key\"}}]}}",
            path.display()
        ));
    }
    if beginning.contains("\"cas_emulator_snapshot\"") {
        return Ok(SeedContent::snapshot(path));
    }
    json::read(path)
}

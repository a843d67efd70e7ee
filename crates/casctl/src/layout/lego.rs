//! lego: `certificates/NAME.crt` and `NAME.key`.

use std::fs;
use std::io;
use std::path::Path;

use super::lineage::{Lineage, name_of};

/// Reads lego's directory (`--path`), or its `certificates`.
pub(super) fn read(path: &Path) -> io::Result<Vec<Lineage>> {
    let certificates = path.join("certificates");
    let parent = if certificates.is_dir() { &certificates } else { path };
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let cert = entry?.path();
        let file = name_of(&cert);
        let Some(label) = file.strip_suffix(".crt").filter(|name| !name.ends_with(".issuer"))
        else {
            continue;
        };
        let key = parent.join(format!("{label}.key"));
        // Without the file that lego writes beside it, it is somebody else's.
        let is_legos = key.exists() || parent.join(format!("{label}.json")).exists();
        if is_legos {
            found.push(Lineage { label: label.to_owned(), cert, key, ..Lineage::default() });
        }
    }
    Ok(found)
}

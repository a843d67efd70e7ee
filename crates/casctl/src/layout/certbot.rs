//! certbot: `live/NAME/fullchain.pem` and `privkey.pem`, links into `archive/`.

use std::io;
use std::path::Path;

use super::lineage::{Lineage, directories, name_of};

/// Reads a configuration directory, its `live`, or the directory of one certificate.
pub(super) fn read(path: &Path) -> io::Result<Vec<Lineage>> {
    if let Some(lineage) = lineage(name_of(&path.canonicalize()?), path) {
        return Ok(vec![lineage]);
    }
    let live = path.join("live");
    let parent = if live.is_dir() { &live } else { path };
    let all = directories(parent)?;
    Ok(all.into_iter().filter_map(|(name, path)| lineage(name, &path)).collect())
}

fn lineage(label: String, path: &Path) -> Option<Lineage> {
    let [cert, key] = ["fullchain.pem", "privkey.pem"].map(|file| path.join(file));
    // A link that leads nowhere is a certificate that is lost: it must not be passed over.
    let is_there = cert.symlink_metadata().is_ok();
    is_there.then(|| Lineage { label, cert, key, ..Lineage::default() })
}

//! acme.sh: `DOMAIN/fullchain.cer` and `DOMAIN.key`, in `DOMAIN_ecc/` for keys on a curve.

use std::io;
use std::path::Path;

use super::lineage::{Lineage, directories, name_of};

/// Reads the home directory of acme.sh, or the directory of one certificate.
pub(super) fn read(path: &Path) -> io::Result<Vec<Lineage>> {
    if let Some(lineage) = lineage(name_of(&path.canonicalize()?), path) {
        return Ok(vec![lineage]);
    }
    let all = directories(path)?;
    Ok(all.into_iter().filter_map(|(name, path)| lineage(name, &path)).collect())
}

fn lineage(label: String, path: &Path) -> Option<Lineage> {
    let cert = path.join("fullchain.cer");
    let domain = label.strip_suffix("_ecc").unwrap_or(&label);
    let key = path.join(format!("{domain}.key"));
    let is_there = cert.symlink_metadata().is_ok();
    is_there.then_some(Lineage { label, cert, key, ..Lineage::default() })
}

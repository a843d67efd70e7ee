//! Folders of certificates as certbot, acme.sh and lego lay them out.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::certificate::{SeedCertificate, read_text};
use super::content::SeedContent;

/// The files of a certificate.
struct Pair {
    name: String,
    cert: PathBuf,
    key: PathBuf,
}

/// Reads all certificates of a folder, in the order of their names.
pub(super) fn read(folder: &Path) -> Result<SeedContent, String> {
    let mut pairs = pairs(folder)?;
    if pairs.is_empty() {
        return Err(format!(
            "no certificate was found in the seed {}: expected live/NAME/fullchain.pem and \
             privkey.pem (certbot), DOMAIN/fullchain.cer and DOMAIN.key (acme.sh), or \
             certificates/NAME.crt and NAME.key (lego)",
            folder.display()
        ));
    }
    pairs.sort_by(|one, other| one.name.cmp(&other.name));
    let certificates = pairs.into_iter().map(certificate).collect::<Result<_, _>>()?;
    Ok(SeedContent::new(folder, certificates))
}

fn certificate(Pair { name, cert, key }: Pair) -> Result<SeedCertificate, String> {
    let (cert_pem, key_pem) = (read_text(&cert)?, read_text(&key)?);
    SeedCertificate::new(&name, cert_pem.to_string(), key_pem)
        .map_err(|problem| format!("{}: {problem}", cert.display()))
}

/// The certificates of a folder: of the folder itself, or of the folders in it.
fn pairs(folder: &Path) -> Result<Vec<Pair>, String> {
    let mut found = of_one(folder)?;
    if found.is_empty() {
        let live = folder.join("live");
        let inner = if live.is_dir() { &live } else { folder };
        for entry in entries(inner)? {
            if entry.is_dir() && entry.file_name() != Some(OsStr::new("certificates")) {
                found.extend(of_one(&entry)?);
            }
        }
        let lego = folder.join("certificates");
        if lego.is_dir() {
            found.extend(of_one(&lego)?);
        }
    }
    Ok(found)
}

/// The certificates whose files are in this folder.
fn of_one(folder: &Path) -> Result<Vec<Pair>, String> {
    let name = name_of(folder)?;
    let certbot = (folder.join("fullchain.pem"), folder.join("privkey.pem"));
    if certbot.0.exists() || certbot.1.exists() {
        let (cert, key) = certbot;
        return Ok(vec![Pair { name, cert, key }]);
    }
    let acme_sh = folder.join("fullchain.cer");
    if acme_sh.exists() {
        // The folder of a key on a curve is named for it, and the key is not.
        let key = folder.join(format!("{}.key", name.strip_suffix("_ecc").unwrap_or(&name)));
        return Ok(vec![Pair { name, cert: acme_sh, key }]);
    }
    let mut lego = Vec::new();
    for cert in entries(folder)? {
        let file = cert.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".crt").filter(|name| !name.ends_with(".issuer")) else {
            continue;
        };
        let key = folder.join(format!("{name}.key"));
        lego.push(Pair { name: name.to_owned(), cert, key });
    }
    Ok(lego)
}

/// The name of a folder, which `.` and a link have as well.
fn name_of(folder: &Path) -> Result<String, String> {
    let named = match folder.file_name() {
        Some(name) => Ok(name.to_owned()),
        None => folder.canonicalize().map(|full| full.file_name().unwrap_or_default().to_owned()),
    };
    let name = named.map_err(|error| failed(folder, &error))?;
    name.into_string().map_err(|_| format!("the name of {} is not UTF-8", folder.display()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(|all| {
        all.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
    });
    entries.map_err(|error| failed(folder, &error))
}

fn failed(folder: &Path, error: &std::io::Error) -> String {
    format!("failed to read the seed {}: {error}", folder.display())
}

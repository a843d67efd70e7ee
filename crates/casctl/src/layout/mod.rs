//! Where renewal clients keep certificates: the layouts of certbot, acme.sh and lego, and a
//! manifest for any other.

mod acme_sh;
mod certbot;
mod lego;
mod lineage;
mod manifest;

use std::fs;
use std::path::Path;

use crate::failure::{Failure, unusable};
use crate::language::say;
pub(crate) use lineage::Lineage;

/// Reads the certificates of a directory in one of the layouts, or those of a manifest, in the
/// order of their labels.
pub(crate) fn read(path: &Path) -> Result<Vec<Lineage>, Failure> {
    let shown = cas_core::quoted_path(path);
    let metadata = fs::metadata(path).map_err(|error| {
        unusable(
            say!("Failed to read {shown}: {error}.", "读取 {shown} 失败：{error}。"),
            say!("Name a directory or a manifest.", "请指定目录或清单文件。"),
        )
    })?;
    if !metadata.is_dir() {
        return manifest::read(path);
    }
    let layouts = [certbot::read, acme_sh::read, lego::read];
    let mut found = Vec::new();
    for read in layouts {
        found.extend(read(path).map_err(|error| {
            unusable(
                say!("Failed to read {shown}: {error}.", "读取 {shown} 失败：{error}。"),
                say!("Check its permissions.", "请检查权限。"),
            )
        })?);
    }
    if found.is_empty() {
        return Err(unusable(
            say!(
                "{shown} has no certificates in the layout of certbot, acme.sh or lego.",
                "{shown} 中没有 certbot、acme.sh 或 lego 布局的证书。"
            ),
            say!(
                "Name certbot's live/, the home of acme.sh, lego's .lego/, or a manifest.",
                "请指定 certbot 的 live/、acme.sh 的主目录、lego 的 .lego/，或清单文件。"
            ),
        ));
    }
    found.sort_by(|one, other| one.label.cmp(&other.label));
    Ok(found)
}

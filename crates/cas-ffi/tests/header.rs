//! `include/cas.h` is what cbindgen makes of this crate today.

use std::path::Path;

#[test]
fn the_committed_header_is_current() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = crate_dir.join("../../include/cas.h");
    let config = cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).unwrap();
    let mut generated = Vec::new();
    cbindgen::Builder::new()
        .with_crate(crate_dir)
        .with_config(config)
        .generate()
        .unwrap()
        .write(&mut generated);
    // cbindgen closes its `extern "C"` with a comment that C89 does not know.
    let generated = String::from_utf8(generated)
        .unwrap()
        .replace("  // __cplusplus", "")
        .replace(" // __cplusplus", "");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&header, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&header).unwrap_or_default();
    assert!(committed == generated, "include/cas.h is not what the code says: run `make header`");
}

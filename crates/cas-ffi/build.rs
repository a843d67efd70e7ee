//! How libcas.so is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The major version: programs linked today find any later library that keeps today's promises.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcas.so.0");
    // After dlclose a thread that used the library would run its thread-local destructors in unmapped
    // memory (rust-lang/rust#91979), so the library stays mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

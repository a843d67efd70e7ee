//! Linker arguments of libcas.so.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The SONAME has the major version only: a program finds every later library that is
    // compatible.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcas.so.0");
    // The library stays mapped after dlclose: a thread that used it runs its thread-local
    // destructors later, in memory that would be unmapped (rust-lang/rust#91979).
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // The unwinder comes from the compiler's static library, so libcas.so needs only libc. Rust
    // links libgcc_s by name; the linker finds this script under that name first.
    let directory = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(format!("{directory}/libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")
        .expect("OUT_DIR is writable");
    println!("cargo:rustc-cdylib-link-arg=-L{directory}");
}

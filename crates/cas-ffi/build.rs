//! How libcas.so is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The major version: programs linked today find any later library that keeps today's promises.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcas.so.0");
    // After dlclose a thread that used the library would run its thread-local destructors in unmapped
    // memory (rust-lang/rust#91979), so the library stays mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // Panics unwind with the compiler's own code, taken from its static library: libcas.so needs libc alone.
    // Rust asks for libgcc_s by name; the linker finds this script under that name first.
    let directory = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(format!("{directory}/libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n")
        .expect("OUT_DIR is writable");
    println!("cargo:rustc-cdylib-link-arg=-L{directory}");
}

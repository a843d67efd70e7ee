//! The declarations: the layers of each crate, the crates it may use, and the violations that
//! are known and have to go.

/// A crate of `crates/`.
pub struct Declared {
    pub name: &'static str,
    /// The folders and files below `src`, top to bottom: an arrow between two of them points
    /// downwards only. `lib` and `main` are the roots. `None`: not declared yet.
    pub layers: Option<&'static [&'static str]>,
    /// Other crates of this repository that it may depend on, tests included.
    pub uses: &'static [&'static str],
    /// Whether it may hold `unsafe`.
    pub may_be_unsafe: bool,
    /// Circles that are known and have to go: the modules of each in order of the alphabet.
    pub known_circles: &'static [&'static [&'static str]],
}

/// All crates.
pub const CRATES: [Declared; 4] = [
    Declared {
        name: "cas-sys",
        layers: Some(&["lib", "fork", "secure_execution", "signals", "zeroizing_alloc"]),
        uses: &[],
        may_be_unsafe: true,
        known_circles: &[],
    },
    Declared {
        name: "cas-core",
        layers: Some(&[
            "lib",
            "client",
            "config",
            "upload",
            "credentials",
            "service",
            "protocol",
            "http",
            "inspect",
            "base",
        ]),
        uses: &["cas-sys"],
        may_be_unsafe: false,
        known_circles: &[],
    },
    Declared {
        name: "cas-ffi",
        layers: Some(&[
            "lib",
            "upload",
            "certificate",
            "inspection",
            "result",
            "request",
            "client",
            "config",
            "version",
            "boundary",
            "error",
            "status",
            "panic",
            "ffi",
        ]),
        uses: &["cas-core", "cas-sys"],
        may_be_unsafe: true,
        known_circles: &[],
    },
    Declared {
        name: "cas-emulator",
        layers: None,
        uses: &["cas-core"],
        may_be_unsafe: false,
        known_circles: &[
            &["acs3", "parameters"],
            &["control", "credentials", "gateway", "lib", "service"],
            &["delete", "detail", "list", "operation", "upload"],
        ],
    },
];

/// Columns of a line at most.
pub const COLUMNS: usize = 100;
/// Longer lines that there are still; it has to become 0.
pub const KNOWN_LONG_LINES: usize = 1575;

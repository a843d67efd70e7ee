//! The declarations: the layers of each crate, the crates it may use, and the column limit.

/// A crate of `crates/`.
pub struct Declared {
    pub name: &'static str,
    /// The folders and files below `src`, top to bottom: an arrow between two of them points
    /// downwards only. `lib` and `main` are the roots.
    pub layers: &'static [&'static str],
    /// Other crates of this repository that it may depend on, tests included.
    pub uses: &'static [&'static str],
    /// Whether it may hold `unsafe`.
    pub may_be_unsafe: bool,
}

/// All crates.
pub const CRATES: [Declared; 6] = [
    Declared {
        name: "cas-sys",
        layers: &[
            "lib",
            "address_space",
            "cancellation",
            "file_id",
            "fork",
            "heap",
            "home_directory",
            "locale",
            "poll",
            "process_group",
            "secure_execution",
            "signals",
            "user",
            "zeroizing_alloc",
        ],
        uses: &[],
        may_be_unsafe: true,
    },
    Declared {
        name: "cas-sign",
        layers: &["lib", "acs3", "hmac_sha1", "signed_form", "access_key", "params", "percent"],
        uses: &[],
        may_be_unsafe: false,
    },
    Declared {
        name: "cas-core",
        layers: &[
            "lib",
            "diagnostics",
            "client",
            "config",
            "deployment",
            "upload",
            "credentials",
            "service",
            "signature_mismatch",
            "protocol",
            "http",
            "pkcs12",
            "inspect",
            "base",
        ],
        uses: &["cas-sign", "cas-sys"],
        may_be_unsafe: false,
    },
    Declared {
        name: "cas-ffi",
        layers: &[
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
        ],
        uses: &["cas-core", "cas-sys"],
        may_be_unsafe: true,
    },
    Declared {
        name: "cas-emulator",
        layers: &[
            "main",
            "environment",
            "lib",
            "builder",
            "emulator",
            "router",
            "proxy",
            "control",
            "service",
            "testing",
            "gateway",
            "operations",
            "sessions",
            "store",
            "certificates",
            "request",
            "authority",
            "http",
            "hosts",
            "start_error",
            "clock",
            "hex",
        ],
        uses: &["cas-sys"],
        may_be_unsafe: false,
    },
    Declared {
        name: "casctl",
        layers: &[
            "main",
            "arguments",
            "commands",
            "bulk",
            "layout",
            "rules",
            "receipt",
            "pair",
            "session",
            "failure",
            "output",
            "wording",
            "options",
            "language",
        ],
        uses: &["cas-core", "cas-sys"],
        may_be_unsafe: false,
    },
];

/// The maximum number of columns of a line.
pub const COLUMNS: usize = 100;

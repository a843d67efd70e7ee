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
    Declared { name: "cas-sys", layers: None, uses: &[], may_be_unsafe: true, known_circles: &[] },
    Declared {
        name: "cas-core",
        layers: None,
        uses: &["cas-sys", "cas-emulator"],
        may_be_unsafe: false,
        known_circles: &[
            &["api", "api::certificate", "api::v2018_07_13", "api::v2020_04_07"],
            &[
                "call",
                "credentials",
                "credentials::chain",
                "credentials::cli_profile",
                "credentials::cloud_sso",
                "credentials::environment",
                "credentials::external",
                "credentials::ini_profile",
                "credentials::instance_role",
                "credentials::oauth",
                "credentials::oidc",
                "credentials::profile",
                "credentials::refreshing",
                "credentials::sts",
                "credentials::surroundings",
                "credentials::temporary",
                "credentials::uri",
                "rpc::acs3",
                "rpc::v1",
            ],
            &["client", "look_up", "perform"],
            &[
                "transport",
                "transport::resolve",
                "transport::tcp",
                "transport::tls",
                "transport::trust",
                "transport::tunnel",
            ],
        ],
    },
    Declared {
        name: "cas-ffi",
        layers: None,
        uses: &["cas-core", "cas-sys"],
        may_be_unsafe: true,
        known_circles: &[&["error", "panic", "status"]],
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

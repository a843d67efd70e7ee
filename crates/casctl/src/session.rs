//! What the commands share: the options that are common to all, and the client that they make.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use cas_core::{ApiVersion, Client, Config, Error, Level, Logger, Signature};
use clap::{ArgMatches, Command};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Failure, internal, wrong_option};
use crate::language::{say, text};
use crate::output::{self, Format};
use crate::wording::of_casctl;

/// One run of casctl.
pub(crate) struct Session<'a> {
    options: &'a ArgMatches,
    command_line: fn() -> Command,
    client: OnceLock<Arc<Client>>,
    interrupted: Arc<AtomicBool>,
    is_asking: Arc<AtomicBool>,
}

/// The exit status after a signal at a question, or a second signal: that of a shell for SIGINT.
pub(crate) const INTERRUPTED: i32 = 130;

impl<'a> Session<'a> {
    /// `options` are those of the command, which contain the common ones; `command_line` makes the
    /// whole command line.
    pub(crate) fn new(options: &'a ArgMatches, command_line: fn() -> Command) -> Self {
        Self {
            options,
            command_line,
            client: OnceLock::new(),
            interrupted: Arc::default(),
            is_asking: Arc::default(),
        }
    }

    /// The whole command line, for its completions and its manual.
    pub(crate) fn command_line(&self) -> Command {
        (self.command_line)()
    }

    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        format_of(self.options)
    }

    /// Whether only results and errors are printed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.options.get_flag("quiet")
    }

    /// Whether a progress bar is drawn.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.is_quiet() && self.format() == Format::Text && std::io::stderr().is_terminal()
    }

    /// Whether a signal has asked casctl to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Asks the user: a signal ends casctl at once, since nothing is under way.
    pub(crate) fn asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.is_asking.store(true, Ordering::Relaxed);
        let answer = ask();
        self.is_asking.store(false, Ordering::Relaxed);
        answer
    }

    /// Prints what is good to know, unless the user wants results alone.
    pub(crate) fn note(&self, message: &str) {
        if !self.is_quiet() && self.format() == Format::Text {
            output::note(message);
        }
    }

    /// Prints what may be wrong.
    pub(crate) fn warn(&self, message: &str) {
        match self.format() {
            Format::Json => {
                output::error_text(&serde_json::json!({ "warning": message }).to_string());
            }
            Format::Text => output::warning(message),
        }
    }

    /// The value of an option.
    fn value(&self, name: &str) -> Option<&'a str> {
        self.options.get_one::<String>(name).map(String::as_str)
    }

    /// The client, which is made when it is first needed. SIGINT and SIGTERM cancel its calls, so
    /// that the outcome of an upload is known; a second one ends casctl at once.
    pub(crate) fn client(&self) -> Result<&Arc<Client>, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Arc::new(Client::new(&self.config()?)?);
        self.cancel_on_signals(&client)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The configuration by the common options.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::default();
        let set = |result: Result<(), Error>| result.map_err(|error| wrong_option(&error));
        set(config.set_user_agent(concat!("casctl/", env!("CARGO_PKG_VERSION"))))?;
        if let Some(endpoint) = self.value("endpoint") {
            set(config.set_endpoint(endpoint))?;
        }
        if let Some(region) = self.value("region") {
            set(config.set_region(region))?;
        }
        if let Some(profile) = self.value("profile") {
            set(config.set_profile(profile))?;
        }
        if let Some(path) = self.value("ca-file") {
            set(config.set_ca_file(Path::new(path)))?;
        }
        if let Some(proxy) = self.value("proxy") {
            set(config.set_proxy(proxy))?;
        }
        if let Some(timeout) = self.value("timeout") {
            set(config.set_timeout(duration("--timeout", timeout)?))?;
        }
        if let Some(attempts) = self.options.get_one::<u32>("max-attempts") {
            set(config.set_max_attempts(*attempts))?;
        }
        config.set_api(match self.value("api") {
            Some("2018-07-13") => Some(ApiVersion::V2018_07_13),
            Some("2020-04-07") => Some(ApiVersion::V2020_04_07),
            _ => None,
        });
        if self.value("signature") == Some("acs3") {
            config.set_signature(Signature::Acs3);
        }
        config.set_allow_plaintext(self.options.get_flag("allow-plaintext"));
        config.set_documented_rate_limit();
        config.set_logger(self.logger());
        Ok(config)
    }

    /// Lets the first SIGINT or SIGTERM cancel the calls of a client, and the second, or one at a
    /// question, end the process.
    fn cancel_on_signals(&self, client: &Arc<Client>) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            internal(
                &say!("Failed to handle signals: {error}.", "处理信号失败：{error}。"),
                text(
                    "Check the limits on processes and open files (ulimit -a).",
                    "请检查进程数和打开文件数的限制（ulimit -a）。",
                ),
            )
        };
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let (client, interrupted) = (Arc::clone(client), Arc::clone(&self.interrupted));
        let is_asking = Arc::clone(&self.is_asking);
        let watch = move || {
            for (count, _) in signals.forever().enumerate() {
                if is_asking.load(Ordering::Relaxed) {
                    output::error_text(""); // the shell's prompt begins a line
                    std::process::exit(INTERRUPTED);
                }
                if count > 0 {
                    std::process::exit(INTERRUPTED);
                }
                interrupted.store(true, Ordering::Relaxed);
                client.cancel();
            }
        };
        thread::Builder::new().name("casctl signals".to_owned()).spawn(watch).map_err(failed)?;
        Ok(())
    }

    /// Log messages go to standard error. casctl prints the error of a call itself.
    fn logger(&self) -> Logger {
        let max = match self.options.get_count("verbose") {
            _ if self.is_quiet() => return Logger::default(),
            0 => Level::Warn,
            1 => Level::Info,
            _ => Level::Debug,
        };
        let format = self.format();
        Logger::new(max, move |level, message| {
            let message = of_casctl(message);
            match level {
                Level::Error => {}
                _ if format == Format::Json => {
                    let name = if level == Level::Warn { "warning" } else { "note" };
                    output::error_text(&serde_json::json!({ name: message }).to_string());
                }
                Level::Warn => output::warning(&message),
                _ => output::note(&message),
            }
        })
    }
}

/// How results are printed by `options`, which may be those of a command line that is in error.
pub(crate) fn format_of(options: &ArgMatches) -> Format {
    match options.get_one::<String>("output").map(String::as_str) {
        Some("json") => Format::Json,
        _ => Format::Text,
    }
}

/// A time such as `90s`, `2m` or `500ms`; a number alone is in seconds.
pub(crate) fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.or_else(|| humantime::parse_duration(text).ok()).ok_or_else(|| {
        Failure::Usage(
            say!(
                "Invalid value of {option}: expected a time.",
                "{option} 的值无效：应为一段时间。"
            ),
            say!("Write it as 90s, 2m or 500ms.", "请写成 90s、2m 或 500ms。"),
        )
    })
}

//! The certificate and the key of a command, from the files that its options name.

use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::thread;

use cas_core::{MAX_PEM_BYTES, Upload};
use cas_sys::TerminalSettings;
use clap::{Arg, ArgMatches};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use zeroize::{Zeroize, Zeroizing};

use crate::failure::{Failure, unusable};
use crate::language::say;
use crate::options::option;
use crate::output;
use crate::session::INTERRUPTED;

/// The variable with the password of a PKCS#12 file.
const PASSWORD: &str = "CASCTL_PFX_PASSWORD";

/// The options that name the files.
pub(crate) fn options() -> [Arg; 4] {
    [
        option(
            "cert",
            "FILE",
            "The certificate and its chain (PEM); - is standard input",
            "证书及其证书链（PEM）；- 表示标准输入",
        ),
        option(
            "key",
            "FILE",
            "The private key (PEM); - is standard input",
            "私钥（PEM）；- 表示标准输入",
        ),
        option(
            "pfx",
            "FILE",
            "Certificate, chain and key in one PKCS#12 file (.pfx, .p12). Its password comes from \
             CASCTL_PFX_PASSWORD, --pfx-password-file or the terminal",
            "包含证书、证书链和私钥的 PKCS#12 文件（.pfx、.p12）。密码取自 CASCTL_PFX_PASSWORD、\
             --pfx-password-file 或终端",
        )
        .conflicts_with_all(["cert", "key"]),
        option(
            "pfx-password-file",
            "FILE",
            "The first line of this file is the password of --pfx",
            "此文件的第一行是 --pfx 的密码",
        )
        .requires("pfx"),
    ]
}

/// Reads certificate and key into an upload. A key is optional here; commands that need one say so.
pub(crate) fn read(options: &ArgMatches, upload: &mut Upload) -> Result<(), Failure> {
    let path = |name: &str| options.get_one::<String>(name).map(String::as_str);
    if let Some(file) = path("pfx") {
        return read_pfx(Path::new(file), path("pfx-password-file"), upload);
    }
    let [certificate, key] = [path("cert"), path("key")];
    if certificate == Some("-") && key == Some("-") {
        let text = standard_input()?;
        upload.set_certificate(&text)?;
        return Ok(upload.set_key(&text)?);
    }
    match certificate {
        Some("-") => upload.set_certificate(&standard_input()?)?,
        Some(file) => upload.load_certificate(Path::new(file))?,
        None => {
            return Err(Failure::Usage(
                say!("Missing --cert or --pfx.", "缺少 --cert 或 --pfx。"),
                say!("Name the file with the certificate.", "请指定证书文件。"),
            ));
        }
    }
    match key {
        Some("-") => upload.set_key(&standard_input()?)?,
        Some(file) => upload.load_key(Path::new(file))?,
        None => {}
    }
    Ok(())
}

/// Reads standard input, without leaving a copy of it behind.
fn standard_input() -> Result<Zeroizing<Vec<u8>>, Failure> {
    // One more, so that a longer input is refused rather than cut off.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_PEM_BYTES + 1));
    let limit = u64::try_from(MAX_PEM_BYTES).unwrap_or(u64::MAX) + 1;
    io::stdin().lock().take(limit).read_to_end(&mut text).map_err(|error| {
        unusable(
            say!("Failed to read standard input: {error}.", "读取标准输入失败：{error}。"),
            say!("Pass the PEM text through a pipe.", "请通过管道传入 PEM 文本。"),
        )
    })?;
    Ok(text)
}

/// Reads a PKCS#12 file, first without a password if none is known and none can be asked for.
fn read_pfx(file: &Path, password_file: Option<&str>, upload: &mut Upload) -> Result<(), Failure> {
    let password = match password_file {
        Some(file) => Some(first_line(file)?),
        None => std::env::var(PASSWORD).ok().map(Zeroizing::new),
    };
    if let Some(password) = password {
        return Ok(upload.load_pkcs12(file, Some(&password))?);
    }
    let Err(error) = upload.load_pkcs12(file, None) else { return Ok(()) };
    if error.kind() == cas_core::ErrorKind::Io || !io::stdin().is_terminal() {
        return Err(error.into());
    }
    let prompt = say!("Password of the PKCS#12 file: ", "PKCS#12 文件的密码：");
    let mut password = ask(&prompt).map_err(|cause| {
        unusable(
            say!("Failed to read the password: {cause}.", "读取密码失败：{cause}。"),
            say!("Set CASCTL_PFX_PASSWORD.", "请设置 CASCTL_PFX_PASSWORD。"),
        )
    })?;
    let read = upload.load_pkcs12(file, Some(&password));
    password.zeroize();
    Ok(read?)
}

/// Asks for a password on the terminal. A signal ends the process, and the terminal shows again
/// what is typed.
fn ask(prompt: &str) -> io::Result<String> {
    let settings = TerminalSettings::current()?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let handle = signals.handle();
    let watch = move || {
        if signals.forever().next().is_some() {
            settings.restore();
            output::error_text(""); // the shell's prompt begins a line
            std::process::exit(INTERRUPTED);
        }
    };
    let watching = thread::Builder::new().name("casctl signals".to_owned()).spawn(watch)?;
    let password = rpassword::prompt_password(prompt);
    // For Ctrl+C, rpassword raises SIGINT and returns.
    if !matches!(&password, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
        handle.close();
    }
    let _ = watching.join(); // it does not panic
    password
}

/// The first line of a file with a password.
fn first_line(file: &str) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        unusable(
            // Not its name: some pass the password itself.
            say!(
                "Failed to read the file of --pfx-password-file: {error}.",
                "读取 --pfx-password-file 指定的文件失败：{error}。"
            ),
            say!("Check its path and permissions.", "请检查路径和权限。"),
        )
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

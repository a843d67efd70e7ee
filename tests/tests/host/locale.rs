//! Locales of the host program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{Emulator, Program, compile, installed, run, scratch};

/// "Refused" in Chinese, in GBK.
const REFUSED: &[u8] = b"\xbe\xdc\xbe\xf8";

/// The messages of the C library that `locale.c` meets.
const MESSAGES: [&str; 5] = [
    "Connection refused",
    "Is a directory",
    "Name or service not known",
    "No such file or directory",
    "Permission denied",
];

/// Generates the locale `zh_CN.GBK` below a directory for `LOCPATH`.
fn generate_locale(directory: &Path) {
    assert!(installed("localedef"), "localedef is needed: install it");
    run(Command::new("localedef")
        .args(["--no-archive", "--charmap=GBK", "--inputfile=zh_CN"])
        .arg(directory.join("zh_CN.GBK")));
}

/// Writes a catalogue that translates [`MESSAGES`], in the format of GNU gettext.
fn write_catalogue(directory: &Path) {
    let head = b"Content-Type: text/plain; charset=GBK\n".as_slice();
    // They are sorted, the header first.
    let entries: Vec<(&str, &[u8])> =
        std::iter::once(("", head)).chain(MESSAGES.map(|message| (message, REFUSED))).collect();
    let (tables, count) = (28, entries.len());
    let mut numbers = vec![0x9504_12de, 0, count, tables, tables + 8 * count, 0, 0];
    let (mut strings, start) = (Vec::new(), tables + 16 * count);
    let originals = entries.iter().map(|(original, _)| original.as_bytes());
    for text in originals.chain(entries.iter().map(|(_, translation)| *translation)) {
        numbers.extend([text.len(), start + strings.len()]);
        strings.extend([text, b"\0"].concat());
    }
    let numbers = numbers.iter().flat_map(|number| u32::try_from(*number).unwrap().to_le_bytes());
    let bytes: Vec<u8> = numbers.chain(strings).collect();
    let directory = directory.join("zh_CN/LC_MESSAGES");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("libc.mo"), bytes).unwrap();
}

/// `locale.c` in an environment where the C library's messages are Chinese.
fn in_chinese(emulator: &Emulator, program: Program) -> Program {
    let directory: PathBuf = scratch("locale");
    let home = directory.join("home");
    fs::create_dir_all(home.join(".aliyun")).unwrap();
    let profile = |name: &str, command: &str| {
        let mode = "External";
        serde_json::json!({"name": name, "mode": mode, "process_command": command})
    };
    let profiles = [profile("missing", "/nonexistent/program"), profile("forbidden", "/dev/null")];
    let json = serde_json::json!({"current": "missing", "profiles": profiles});
    fs::write(home.join(".aliyun/config.json"), json.to_string()).unwrap();
    program
        .env("LOCPATH", &directory)
        .env("HOME", home)
        .arg(emulator.url())
        .with_chain()
        .arg(&directory)
}

#[test]
fn messages_are_english_in_every_locale() {
    let directory = scratch("locale");
    generate_locale(&directory);
    write_catalogue(&directory);
    let emulator = Emulator::start(&[]);
    let program = || Program::bare(compile("tests/fixtures/c/locale.c", &["-rdynamic"]));
    for thread in [&[][..], &["thread"]] {
        let outcome = in_chinese(&emulator, program()).args(thread).run();
        assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
        for (field, part) in [
            ("missing file", "No such file or directory"),
            ("directory", "directory"),
            ("missing CA file", "No such file or directory"),
            ("refused", "Connection refused"),
            ("no name", "Name or service not known"),
            ("no command", "No such file or directory"),
            ("no permission", "Permission denied"),
        ] {
            outcome.assert_says(field, &[part]);
        }
        let log: Vec<_> = outcome.stdout.lines().filter(|line| line.starts_with("log=")).collect();
        for part in ["Connection refused", "Name or service not known", "Permission denied"] {
            assert!(log.iter().any(|line| line.contains(part)), "{part}: {log:?}");
        }
        // What is not UTF-8 was replaced when it was read.
        assert!(outcome.stdout.is_ascii(), "{}", outcome.stdout);
    }
    let valgrind = Program::bare("valgrind")
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .args(["--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect"])
        .arg(compile("tests/fixtures/c/locale.c", &["-rdynamic"]));
    let outcome = in_chinese(&emulator, valgrind).run();
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
}

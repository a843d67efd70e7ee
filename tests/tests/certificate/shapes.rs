//! The shapes in which people paste certificates and keys: what is unambiguous is tidied to exactly
//! what was meant and noted, everything else is refused under its name.

use std::fmt::Write as _;
use std::process::Command;

use acceptance::inspection::{inspect, pair, quotes};
use acceptance::program::report;
use acceptance::test_ca::{KINDS, TestCa};
use acceptance::{Emulator, run};

/// How a text is pasted.
type Paste = fn(&str) -> String;

/// Shapes that are tidied, and what is noted then.
const TIDIED: &[(&str, Paste, &[&str])] = &[
    ("backslashes of a shell", |pem| pem.trim_end().replace('\n', "\\\n"), &["escapes", "layout"]),
    ("backslashes before CRLF", |pem| pem.replace('\n', "\\\r\n"), &["escapes", "line-ends"]),
    ("backslashes before spaces", |pem| pem.replace('\n', "\\  \n"), &["escapes"]),
    ("two backslashes", |pem| pem.replace('\n', "\\\\\n"), &["escapes"]),
    (
        "continued value of a .env file",
        |pem| format!("A=1\nPEM=\"{}\"\nB=2\n", pem.trim_end().replace('\n', "\\\n")),
        &["escapes", "surrounding-text"],
    ),
    (
        "YAML in double quotes",
        |pem| format!("pem: \"{}\"\n", pem.replace('\n', "\\n\\\n    ")),
        &["escapes", "layout", "surrounding-text"],
    ),
    (
        "YAML folded",
        |pem| format!("pem: >-\n  {}\n", pem.replace('\n', "\n\n  ")),
        &["layout", "surrounding-text"],
    ),
    (
        "JSON in JSON",
        |pem| format!(r#"{{"a":"{{\"pem\":\"{}\"}}"}}"#, pem.replace('\n', r"\\n")),
        &["escapes", "surrounding-text"],
    ),
    (
        "JSON of .NET",
        |pem| format!("{{\"pem\":\"{}\"}}", pem.replace('+', "\\u002B").replace('\n', "\\n")),
        &["escapes", "surrounding-text"],
    ),
    (
        "bash's %q",
        |pem| format!("$'{}'\n", pem.replace('\n', "\\n")),
        &["escapes", "surrounding-text"],
    ),
    ("octal escapes", |pem| pem.replace('\n', "\\012"), &["escapes"]),
    ("hexadecimal escapes", |pem| pem.replace('\n', "\\x0a").replace('=', "\\x3D"), &["escapes"]),
    (
        "PowerShell",
        |pem| format!("$pem = \"{}\"\r\n", pem.replace('\n', "`r`n")),
        &["encoded-text", "line-ends", "surrounding-text"],
    ),
    (
        "C",
        |pem| source(pem, "static const char pem[] =\n    \"", "\\n\"\n    \"", "\\n\";\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "Java",
        |pem| source(pem, "String pem = \"", "\\n\" +\n        \"", "\\n\";\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "Java without line ends",
        |pem| source(pem, "pem = \"", "\"\n    + \"", "\";\n"),
        &["surrounding-text", "text-in-lines"],
    ),
    (
        "JavaScript",
        |pem| source(pem, "const pem = [\n  '", "',\n  '", "',\n].join('\\n');\n"),
        &["escapes", "surrounding-text", "text-in-lines"],
    ),
    (
        "JSON list",
        |pem| source(pem, "{\"pem\": [\"", "\", \"", "\"]}\n"),
        &["layout", "surrounding-text", "text-in-lines"],
    ),
    ("JavaScript template", |pem| format!("const pem = `{pem}`;\n"), &["surrounding-text"]),
    ("Go raw string", |pem| format!("var pem = []byte(`{pem}`)\n"), &["surrounding-text"]),
    (
        "Go",
        |pem| source(pem, "pem := \"", "\\n\" +\n\t\"", "\\n\"\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "Python",
        |pem| source(pem, "PEM = (b'", "\\n'\n       b'", "\\n')\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "Python in three quotes",
        |pem| format!("PEM = \"\"\"\\\n{pem}\"\"\"\n"),
        &["escapes", "surrounding-text"],
    ),
    (
        "PHP",
        |pem| source(pem, "$pem = \"", "\\n\"\n     . \"", "\\n\";\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "PHP appending",
        |pem| source(pem, "$pem = \"", "\\n\";\n$pem .= \"", "\\n\";\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "Visual Basic",
        |pem| source(pem, "Pem = \"", "\" & vbCrLf & _\r\n      \"", "\"\r\n"),
        &["line-ends", "surrounding-text", "text-in-lines"],
    ),
    (
        "C#",
        |pem| source(pem, "var pem = \"", "\" + Environment.NewLine +\n \"", "\";\n"),
        &["surrounding-text", "text-in-lines"],
    ),
    (
        "C macro",
        |pem| source(pem, "#define PEM \\\n\"", "\\n\" \\\n\"", "\\n\"\n"),
        &["escapes", "layout", "surrounding-text", "text-in-lines"],
    ),
    (
        "echo line by line",
        |pem| source(pem, "echo \"", "\" >> pem\necho \"", "\" >> pem\n"),
        &["surrounding-text", "text-in-lines"],
    ),
    ("export", |pem| format!("export PEM=\"{}\"\n", pem.trim_end()), &["surrounding-text"]),
    ("export in single quotes", |pem| format!("export PEM='{pem}'\n"), &["surrounding-text"]),
    ("heredoc", |pem| format!("cat > pem <<'EOF'\n{pem}EOF\n"), &["surrounding-text"]),
    (
        "heredoc with tabs",
        |pem| format!("cat > pem <<-EOF\n\t{}EOF\n", pem.replace('\n', "\n\t")),
        &["layout", "surrounding-text"],
    ),
    ("Markdown", |pem| format!("```\n{pem}```\n"), &["surrounding-text"]),
    ("Markdown escapes", |pem| pem.replace('+', "\\+").replace('=', "\\="), &["escapes"]),
    ("HTML line breaks", |pem| pem.replace('\n', "<br>\n"), &["encoded-text", "layout"]),
    (
        "HTML paragraphs",
        |pem| format!("<p>{}</p>", pem.replace('\n', "</p><p>")),
        &["encoded-text", "layout"],
    ),
    (
        "HTML escaped",
        |pem| {
            let pem = pem.replace('+', "&#43;").replace('/', "&#x2F;").replace('=', "&#x3D;");
            format!("<pre>{}</pre>\n", pem.replace(' ', "&nbsp;"))
        },
        &["encoded-text", "layout"],
    ),
    ("HTML character references", |pem| pem.replace('\n', "&#10;"), &["encoded-text"]),
    ("percent-encoding", percent, &["encoded-text"]),
    ("percent-encoding, twice", |pem| percent(&percent(pem)), &["encoded-text"]),
    ("form encoding", |pem| percent(pem).replace("%20", "+"), &["encoded-text"]),
    ("quoted-printable", |pem| quoted_printable(pem, "\n"), &["encoded-text"]),
    (
        "quoted-printable of one line",
        |pem| quoted_printable(&one_line(pem), "\n"),
        &["encoded-text", "layout"],
    ),
    (
        "quoted-printable, CRLF",
        |pem| quoted_printable(&one_line(pem), "\r\n"),
        &["encoded-text", "layout", "line-ends"],
    ),
    ("quoted mail", |pem| prefixed(pem, |_| "> ".to_owned()), &["text-in-lines"]),
    ("mail quoted twice", |pem| prefixed(pem, |_| "> > ".to_owned()), &["text-in-lines"]),
    ("mail quoted without spaces", |pem| prefixed(pem, |_| ">>".to_owned()), &["text-in-lines"]),
    (
        "quoted mail with text",
        |pem| {
            format!("Hi,\n\nOn Monday you wrote:\n> here:\n>\n{}>\n> Bye\n", {
                prefixed(pem, |_| "> ".to_owned())
            })
        },
        &["surrounding-text", "text-in-lines"],
    ),
    (
        "quoted mail, CRLF",
        |pem| prefixed(pem, |_| "> ".to_owned()).replace('\n', "\r\n"),
        &["line-ends", "text-in-lines"],
    ),
    (
        "diff of a new file",
        |pem| {
            let added = prefixed(pem, |_| "+".to_owned());
            format!("--- /dev/null\n+++ b/pem\n@@ -0,0 +1,9 @@\n{added}")
        },
        &["surrounding-text", "text-in-lines"],
    ),
    (
        "diff of the lines around",
        |pem| format!("@@ -1,9 +1,9 @@\n{}-old\n+new\n", prefixed(pem, |_| " ".to_owned())),
        &["layout", "surrounding-text"],
    ),
    ("cat -n", |pem| prefixed(pem, |n| format!("{n:6}\t")), &["text-in-lines"]),
    ("nl", |pem| prefixed(pem, |n| format!("{:6}\t", n + 5)), &["text-in-lines"]),
    ("grep -n", |pem| prefixed(pem, |n| format!("{n}:")), &["text-in-lines"]),
    (
        "grep -n -A",
        |pem| {
            let mark = |line: &str| if line.contains("-----BEGIN") { ':' } else { '-' };
            let numbered = pem.lines().enumerate();
            numbered.map(|(n, line)| format!("{}{}{line}\n", n + 8, mark(line))).collect()
        },
        &["text-in-lines"],
    ),
    ("grep -rn", |pem| prefixed(pem, |n| format!("./a-1.pem:{n}:")), &["text-in-lines"]),
    ("grep -H", |pem| prefixed(pem, |_| "site.pem:".to_owned()), &["text-in-lines"]),
    ("bat", |pem| prefixed(pem, |n| format!("{n:4}   \u{2502} ")), &["text-in-lines"]),
    ("an editor's numbers", |pem| prefixed(pem, |n| format!("{n:3} ")), &["text-in-lines"]),
    ("docker compose logs", |pem| prefixed(pem, |_| "web-1  | ".to_owned()), &["text-in-lines"]),
    (
        "a log with times",
        |pem| prefixed(pem, |n| format!("2026-11-30T20:{n:02}:00.{:07}Z ", n * 999)),
        &["text-in-lines"],
    ),
    (
        "echo of Windows",
        |pem| prefixed(&pem.replace('\n', ">> a.pem\n"), |_| "echo ".into()),
        &["text-in-lines"],
    ),
    ("cat -e", |pem| pem.replace('\n', "$\n"), &["text-in-lines"]),
    ("cat -e of CRLF", |pem| pem.replace('\n', "^M$\n"), &["text-in-lines"]),
    (
        "a table",
        |pem| prefixed(&pem.replace('\n', " |\n"), |_| "| ".to_owned()),
        &["text-in-lines"],
    ),
    ("em dashes", |pem| pem.replace("-----", "\u{2014}\u{2014}-"), &["typographic-dashes"]),
    (
        "an em dash and an en dash",
        |pem| pem.replace("-----", "\u{2014}\u{2013}"),
        &["typographic-dashes"],
    ),
    ("hyphens that do not break", |pem| pem.replace('-', "\u{2011}"), &["typographic-dashes"]),
    ("minus signs", |pem| pem.replace('-', "\u{2212}"), &["typographic-dashes"]),
    ("full-width hyphens", |pem| pem.replace('-', "\u{ff0d}"), &["typographic-dashes"]),
    ("spaces that do not break", |pem| pem.replace(' ', "\u{a0}"), &["typographic-dashes"]),
    (
        "OpenPGP's dash escapes",
        |pem| {
            let escaped: String = pem
                .lines()
                .map(|line| format!("{}{line}\n", if line.starts_with('-') { "- " } else { "" }))
                .collect();
            format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}")
        },
        &["surrounding-text", "text-in-lines"],
    ),
    (
        "quoted mail in quoted-printable",
        |pem| {
            let quoted = prefixed(pem, |_| "> ".to_owned());
            format!("a =3D b\n{}", quoted_printable(&quoted, "\n"))
        },
        &["encoded-text", "surrounding-text", "text-in-lines"],
    ),
];

/// All findings of the shapes.
pub fn notes() -> impl Iterator<Item = &'static str> {
    TIDIED.iter().flat_map(|(_, _, notes)| notes.iter().copied())
}

fn one_line(pem: &str) -> String {
    pem.replace('\n', " ")
}

/// The lines of a program that has each line of a text in a string literal.
fn source(pem: &str, begin: &str, between: &str, end: &str) -> String {
    format!("{begin}{}{end}", pem.trim_end().replace('\n', between))
}

/// Each line after what belongs to its number, from 1.
fn prefixed(pem: &str, prefix: impl Fn(usize) -> String) -> String {
    pem.lines().enumerate().map(|(n, line)| format!("{}{line}\n", prefix(n + 1))).collect()
}

fn percent(pem: &str) -> String {
    let mut encoded = String::new();
    for b in pem.bytes() {
        match b {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(b)),
            b if b.is_ascii_alphanumeric() => encoded.push(char::from(b)),
            b => write!(encoded, "%{b:02X}").unwrap(),
        }
    }
    encoded
}

/// As mail programs encode a text: in lines of at most 76 characters.
fn quoted_printable(pem: &str, line_end: &str) -> String {
    let mut encoded = String::new();
    for line in pem.lines() {
        let mut length = 0;
        for character in line.chars() {
            let part = if character == '=' { "=3D".to_owned() } else { character.to_string() };
            if length + part.len() > 75 {
                encoded += &format!("={line_end}");
                length = 0;
            }
            length += part.len();
            encoded += &part;
        }
        encoded += line_end;
    }
    encoded
}

#[test]
fn unambiguous_shapes_are_tidied_to_what_was_meant() {
    let ca = TestCa::new("shapes");
    let kind = &KINDS[0];
    ca.make(kind);
    let chain = ca.chain(&["RSA-2048-good", "intermediate"]);
    let key = ca.read("RSA-2048.key");
    let good = [ca.write("chain", &chain), ca.write("key", &key)];
    let mut lines = Vec::new();
    for (name, paste, _) in TIDIED {
        let name = name.replace(['/', ' '], "-");
        let pasted = ca.write(&format!("{name}.cert"), paste(&chain));
        lines.push(pair(&pasted, Some(&good[1])));
        let pasted = ca.write(&format!("{name}.secret"), paste(&key));
        lines.push(pair(&good[0], Some(&pasted)));
    }
    let mut wrong = Vec::new();
    for (inspections, (name, paste, notes)) in inspect(&lines).chunks(2).zip(TIDIED) {
        for (inspection, text) in inspections.iter().zip([&chain, &key]) {
            assert!(!quotes(inspection, &key), "{name}: {:?}", inspection.findings);
            let notes: &[&str] = if paste(text) == *text { &[] } else { notes };
            if inspection.pem != chain || inspection.ids() != notes {
                wrong.push(format!("{name}: {:?}", inspection.findings));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an upload sends is what was meant, to the byte: certificates and key.
#[test]
fn uploads_send_what_was_meant() {
    let ca = TestCa::new("shapes-sent");
    ca.make(&KINDS[3]);
    let chain = ca.chain(&["EC-P256-good", "intermediate"]);
    let key = ca.read("EC-P256.key");
    let digest = run(Command::new("sha256sum").arg(ca.0.join("EC-P256.key")));
    let digest = digest.split_whitespace().next().unwrap();
    let emulator = Emulator::start(&[]);
    for (name, paste, _) in TIDIED {
        let certificate = ca.write("pasted.cert", paste(&chain));
        let pasted_key = ca.write("pasted.key", paste(&key));
        let upload = report(emulator.url(), &[], name, &certificate, &pasted_key).run();
        upload.assert_fields(&[("status", "CAS_OK")]);
        let requests = emulator.requests();
        let sent = &requests.last().unwrap()["parameters"];
        assert_eq!(sent["Cert"]["value"], chain.as_str(), "{name}");
        assert_eq!(sent["Key"]["value"]["sha256"], digest, "{name}");
    }
}

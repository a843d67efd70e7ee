//! The code of the manual: C and C++ is compiled, scripts are run against an emulator, JSON and
//! manifests are read.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{Emulator, Program, artefact, casctl, chain, run, scratch, top};

use super::everything;
use super::markdown::{Block, Page, pages};

/// Around code that is not a program of its own: what it may use.
const C: [&str; 2] = [
    "#include <stdio.h>\n#include <cas.h>\n\
     int part(cas_config *config, cas_client *client, cas_request *request, cas_result *result,\n\
              cas_error *error);\n\
     int part(cas_config *config, cas_client *client, cas_request *request, cas_result *result,\n\
              cas_error *error)\n{\n",
    "    return 0;\n}\n",
];
const CPP: [&str; 2] = [
    "#include <cas.hpp>\n#include <iostream>\n\
     int part(cas::config &config, cas::client &client, const std::string &cert_pem,\n\
              const std::string &key_pem);\n\
     int part(cas::config &config, cas::client &client, const std::string &cert_pem,\n\
              const std::string &key_pem)\n{\n",
    "    return 0;\n}\n",
];

#[test]
fn c_and_cpp_compile() {
    let mut compiled = 0;
    for page in everything() {
        let name = page.path.to_str().unwrap().replace('/', "-");
        let directory = scratch("manual").join("code").join(name);
        fs::create_dir_all(&directory).unwrap();
        for (number, block) in page.blocks.iter().enumerate() {
            let (compiler, flags, around) = match block.language() {
                "c" => ("gcc", ["-std=c99", "-Wpedantic"], C),
                "cpp" => ("g++", ["-std=c++11", "-Wpedantic"], CPP),
                _ => continue,
            };
            let code = match block.code.contains("int main") {
                true => block.code.clone(),
                false => format!("{}{}{}", around[0], block.code, around[1]),
            };
            let source = directory.join(format!("{number}.{}", block.language()));
            fs::write(&source, code).unwrap();
            let mut command = Command::new(compiler);
            command.args(flags).args(["-Wall", "-Wextra", "-Werror"]);
            command.args(["-Wno-unused-parameter", "-Wno-misleading-indentation"]);
            command.arg("-I").arg(top().join("include")).arg("-fsyntax-only").arg(&source);
            run(&mut command);
            compiled += 1;
        }
    }
    assert!(compiled > 15, "{compiled}");
}

#[test]
fn json_is_json_and_manifests_are_manifests() {
    let mut read = [0; 2];
    for page in everything() {
        for block in &page.blocks {
            let shown = page.path.display();
            match block.language() {
                "json" => {
                    let parsed = serde_json::from_str::<serde_json::Value>(&block.code);
                    assert!(parsed.is_ok(), "{shown}: {parsed:?}\n{}", block.code);
                    read[0] += 1;
                }
                "toml" => {
                    let directory = Directory::new("manifest");
                    let manifest = directory.path.join("manifest.toml");
                    fs::write(&manifest, &block.code).unwrap();
                    let emulator = Emulator::start(&[]);
                    let from = ["upload", "--from", manifest.to_str().unwrap()];
                    let outcome = casctl(&emulator, &from).run();
                    assert_eq!(outcome.code, Some(0), "{shown}: {outcome:?}");
                    read[1] += 1;
                }
                _ => {}
            }
        }
    }
    assert!(read.iter().all(|count| *count >= 4), "{read:?}");
}

/// A directory with the files that the scripts of the manual use, and with the programs.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn new(name: &str) -> Self {
        let path = scratch("manual").join(name);
        let _ = fs::remove_dir_all(&path);
        let certbot = path.join("letsencrypt/live/example.com");
        for directory in [&certbot, &path.join("bin"), &path.join("home"), &path.join("shop")] {
            fs::create_dir_all(directory).unwrap();
        }
        for directory in [&path, &certbot, &path.join("shop")] {
            fs::copy(&chain().chain, directory.join("fullchain.pem")).unwrap();
            fs::copy(&chain().key, directory.join("privkey.pem")).unwrap();
        }
        for program in ["casctl", "cas-emulator"] {
            symlink(artefact(program), path.join("bin").join(program)).unwrap();
        }
        let first = Page::read("docs/getting-started.md");
        let first = first.blocks.iter().find(|block| block.note() == Some("first.c")).unwrap();
        fs::write(path.join("first.c"), &first.code).unwrap();
        let library = artefact("libcas.so");
        let library = library.parent().unwrap().display();
        let include = top().join("include");
        let package = format!(
            "Name: libcas\nDescription: -\nVersion: 0\nCflags: -I{}\nLibs: -L{library} -lcas\n",
            include.display()
        );
        fs::write(path.join("libcas.pc"), package).unwrap();
        Self { path }
    }

    /// A shell in it that finds the programs, a certificate and an access key.
    fn shell(&self, script: &Path, endpoint: &str) -> Program {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.path.join("bin").display());
        Program::new("sh")
            .args(["-eu"])
            .arg(script)
            .current_dir(&self.path)
            .env("PATH", path)
            .env("HOME", self.path.join("home"))
            .env("CASCTL_ENDPOINT", endpoint)
            .env("PKG_CONFIG_PATH", &self.path)
            .env("LD_LIBRARY_PATH", artefact("libcas.so").parent().unwrap())
    }
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Ends what a script has started, and waits until an emulator that it has started answers.
const PRELUDE: &str = r#"
trap 'for id in $started; do kill "$id" 2>/dev/null || true; done' EXIT
started=
answers() {
    tries=0
    until cas-emulator --check-health --listen "$1" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || return 1
        sleep 0.1
    done
}
"#;

/// A line of a script as the test runs it.
fn line_of(line: &str) -> String {
    let is_start = line.starts_with("cas-emulator ") && line.ends_with('&');
    let address = line.split("--listen ").nth(1).and_then(|rest| rest.split(' ').next());
    match address {
        Some(address) if is_start && !address.ends_with(":0") => {
            format!("{line}\nstarted=\"$started $!\"\nanswers {address}")
        }
        _ if is_start => format!("{line}\nstarted=\"$started $!\""),
        _ => line.to_owned(),
    }
}

fn is_run(block: &&Block) -> bool {
    block.info == "sh"
}

#[test]
fn scripts_run_against_an_emulator() {
    let mut scripts = 0;
    for page in pages("docs") {
        let code: String = page.blocks.iter().filter(is_run).map(|block| &*block.code).collect();
        if code.is_empty() {
            continue;
        }
        let directory = Directory::new(&page.path.to_str().unwrap().replace('/', "-"));
        let emulator = Emulator::start(&[]);
        let starts_one = code.contains("cas-emulator ");
        let [first, second] = [free_port(), free_port()];
        let first = if starts_one { first } else { emulator.port() };
        let lines: Vec<_> = code.lines().map(line_of).collect();
        let script = (PRELUDE.to_owned() + &lines.join("\n"))
            .replace("127.0.0.1:8480", &format!("127.0.0.1:{first}"))
            .replace("127.0.0.1:8481", &format!("127.0.0.1:{second}"))
            .replace("/etc/letsencrypt", directory.path.join("letsencrypt").to_str().unwrap());
        let file = directory.path.join("script");
        fs::write(&file, &script).unwrap();
        let outcome = directory.shell(&file, emulator.url()).run();
        assert_eq!(outcome.code, Some(0), "{}\n{script}\n{outcome:?}", page.path.display());
        scripts += 1;
    }
    assert!(scripts >= 30, "{scripts}");
}

#[test]
fn the_first_steps_end_with_a_cert_id() {
    let page = Page::read("docs/getting-started.md");
    let shown = page.blocks.iter().find(|block| block.language() == "text").unwrap();
    let emulator = Emulator::start(&[]);
    let directory = Directory::new("first-steps");
    let upload = "casctl upload my-site --cert fullchain.pem --key privkey.pem\n";
    fs::write(directory.path.join("script"), upload).unwrap();
    let printed = directory.shell(&directory.path.join("script"), emulator.url()).succeed();
    assert_eq!(printed, shown.code);
}

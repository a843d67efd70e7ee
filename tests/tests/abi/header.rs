//! The header: compilers accept every name in it in every standard, and no number changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use acceptance::program::STRICT;
use acceptance::{Program, artefact, compile, installed, run, scratch, top};

/// The names that the header declares.
pub struct Names {
    pub functions: BTreeSet<String>,
    /// Those that are only known by name, and the others.
    opaque_types: BTreeSet<String>,
    types: BTreeSet<String>,
    constants: BTreeSet<String>,
}

/// Reads the header, without its comments.
pub fn names() -> Names {
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let mut code = String::new();
    for part in header.split("/*") {
        code += part.split_once("*/").map_or(part, |(_, code)| code);
    }
    // A macro without a value is a guard or an attribute, and what is asked for is neither.
    let is_guard = |line: &str| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        matches!(parts[..], [] | ["#define", _])
            || line.starts_with('#') && !line.starts_with("#define")
    };
    let code: Vec<&str> = code.lines().filter(|line| !is_guard(line)).collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let text = code.join("\n");
    let words = text.split(|c| !is_word(c)).filter(|word| word.starts_with("cas_"));
    let all: BTreeSet<String> = words.map(ToOwned::to_owned).collect();
    let having = |parts: fn(&str) -> Vec<String>| -> BTreeSet<String> {
        let has = |name: &&String| parts(name).iter().any(|part| text.contains(part));
        all.iter().filter(has).cloned().collect()
    };
    // `#define NAME number`; the value of an attribute macro is not a number.
    let constant = |line: &&str| -> Option<String> {
        let (name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
        (!value.starts_with("__")).then(|| name.to_owned())
    };
    let opaque_types = having(|name| vec![format!("typedef struct {name} {name};")]);
    let functions = having(|name| vec![format!("{name}(")]);
    let types = &(&all - &functions) - &opaque_types;
    let constants = code.iter().filter_map(constant).collect();
    Names { functions, opaque_types, types, constants }
}

/// The functions of the version script, each with the version in which it was added.
pub fn promised() -> BTreeSet<(String, String)> {
    let script = fs::read_to_string(top().join("crates/cas-ffi/libcas.map")).unwrap();
    let mut version = "";
    let mut functions = BTreeSet::new();
    for line in script.lines().map(str::trim) {
        version = line.strip_suffix(" {").unwrap_or(version);
        if let Some(name) = line.strip_suffix(';').filter(|name| name.starts_with("cas_")) {
            functions.insert((name.to_owned(), version.to_owned()));
        }
    }
    functions
}

/// A program that uses every name once and succeeds.
fn program() -> PathBuf {
    let Names { functions, opaque_types, types, constants } = names();
    let each = |names: &BTreeSet<String>, form: fn(usize, &str) -> String| -> String {
        names.iter().enumerate().map(|(n, name)| form(n, name)).collect()
    };
    let declared = each(&opaque_types, |n, name| format!("static const {name} *opaque{n};\n"))
        + &each(&types, |n, name| format!("static {name} typed{n};\n"));
    let used = each(&opaque_types, |n, _| format!("    used += opaque{n} == 0;\n"))
        + &each(&types, |n, _| format!("    used += typed{n} == 0;\n"));
    let functions_used = each(&functions, |_, name| format!("    (function){name},\n"));
    let constants_used = each(&constants, |_, name| format!("    {name},\n"));
    let names = opaque_types.len() + types.len() + functions.len() + constants.len();
    let text = format!(
        "/* The header, twice, and every name in it used once. */
#include \"cas.h\"
#include \"cas.h\"

typedef void (*function)(void);
{declared}
static const function functions[] = {{
{functions_used}    0
}};
static const long constants[] = {{
{constants_used}    -1
}};

int main(void)
{{
    int used = 0, i;
{used}
    for (i = 0; functions[i] != 0; i++)
        used++;
    for (i = 0; constants[i] != -1; i++)
        used++;
    return used == {names} ? 0 : 1;
}}
"
    );
    let path = scratch("header").join("every_name.c");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_name_compiles_without_a_warning_in_every_standard() {
    let source = program();
    let c: &[&str] = &["-std=c89", "-std=gnu89", "-std=c99", "-std=c11", "-std=c17", "-std=gnu17"];
    let cpp: &[&str] =
        &["-std=c++98", "-std=gnu++98", "-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20"];
    let release = artefact("libcas.so").parent().unwrap().display().to_string();
    for (compiler, language, standards) in
        [("gcc", "c", c), ("g++", "c++", cpp), ("clang", "c", c), ("clang++", "c++", cpp)]
    {
        // clang is not required.
        if compiler.starts_with("clang") && !installed(compiler) {
            continue;
        }
        for standard in standards {
            let program = source.with_file_name(format!("{compiler}{standard}"));
            let mut command = Command::new(compiler);
            command.current_dir(top()).args(STRICT).args([standard, "-Iinclude", "-x", language]);
            command.arg(&source).args(["-x", "none", "-o"]).arg(&program);
            command.args([&format!("-L{release}"), "-lcas", &format!("-Wl,-rpath,{release}")]);
            run(&mut command);
            // The names have C linkage, also in C++.
            Program::bare(program).succeed();
        }
    }
}

#[test]
fn no_name_is_missing_or_unexpected() {
    let Names { functions, opaque_types, types, constants } = names();
    let promised: BTreeSet<String> = promised().into_iter().map(|(name, _)| name).collect();
    assert_eq!(functions, promised, "crates/cas-ffi/libcas.map lists other functions");
    let all: Vec<&str> = opaque_types.iter().chain(&types).map(String::as_str).collect();
    let expected = [
        "cas_certificate",
        "cas_certificate_list",
        "cas_client",
        "cas_config",
        "cas_error",
        "cas_inspection",
        "cas_request",
        "cas_result",
        "cas_api",
        "cas_log_fn",
        "cas_log_level",
        "cas_on_conflict",
        "cas_outcome",
        "cas_severity",
        "cas_signature",
        "cas_status",
    ];
    assert_eq!(all, expected);
    assert!(constants.len() > 30, "{constants:?}");
}

#[test]
fn the_numbers_of_the_constants_never_change() {
    let path = top().join("tests/fixtures/data/constants.txt");
    let promised: BTreeMap<String, String> = fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, number)| (name.to_owned(), number.to_owned()))
        .collect();
    // The version changes with every release.
    let print: String = names()
        .constants
        .iter()
        .filter(|name| !name.starts_with("CAS_VERSION_"))
        .map(|name| format!("    printf(\"{name} %ld\\n\", (long){name});\n"))
        .collect();
    let directory = scratch("constants");
    let source = directory.join("constants.c");
    let text = format!(
        "#include <stdio.h>\n#include \"cas.h\"\nint main(void)\n{{\n{print}    return 0;\n}}\n"
    );
    fs::write(&source, text).unwrap();
    let program = directory.join("constants");
    let mut gcc = Command::new("gcc");
    run(gcc.current_dir(top()).args(["-Iinclude", "-o"]).arg(&program).arg(&source));
    let printed: BTreeMap<String, String> = Program::bare(program)
        .succeed()
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, number)| (name.to_owned(), number.to_owned()))
        .collect();
    assert_eq!(printed, promised);
}

/// The functions whose failure no later call reports.
const MUST_CHECK: [&str; 7] = [
    "cas_client_new",
    "cas_create_user_certificate",
    "cas_delete_certificate",
    "cas_get_certificate",
    "cas_inspect",
    "cas_list_certificates",
    "cas_upload_certificate",
];

/// A call of every function that returns a status, which it ignores.
fn calls() -> String {
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let declared = header.lines().enumerate().filter_map(|(number, line)| {
        let name = line.strip_prefix("cas_status ")?.split_once('(')?.0;
        let rest: String = header.lines().skip(number).collect();
        let arguments = rest.split_once('(')?.1.split_once(");")?.0;
        let zeros = vec!["0"; arguments.matches(',').count() + 1].join(", ");
        Some(format!("    {name}({zeros});\n"))
    });
    format!("#include \"cas.h\"\nvoid all(void)\n{{\n{}}}\n", declared.collect::<String>())
}

#[test]
fn compilers_warn_where_a_failure_is_ignored_that_nothing_reports_later() {
    let source = scratch("ignored").join("ignored.c");
    let calls = calls();
    assert!(calls.matches("cas_config_set_").count() > 15, "{calls}");
    assert!(calls.contains("    cas_request_load_key_file(0, 0, 0);\n"), "{calls}");
    fs::write(&source, calls).unwrap();
    for (compiler, language, standard) in [
        ("gcc", "c", "-std=c89"),
        ("gcc", "c", "-std=gnu17"),
        ("g++", "c++", "-std=c++98"),
        ("g++", "c++", "-std=c++20"),
    ] {
        let outcome = Program::bare(compiler)
            .env("LC_ALL", "C")
            .args(["-c", standard, "-x", language, "-I"])
            .args([&top().join("include"), &source])
            .args(["-o", "/dev/null"])
            .run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let warned: BTreeSet<&str> = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("[-Wunused-result]"))
            .map(|line| line.split_once("ignoring return value of '").unwrap().1)
            // `int32_t cas_f(...)` or `cas_f`.
            .map(|rest| rest.split(['(', '\'']).next().unwrap().rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(warned, BTreeSet::from(MUST_CHECK), "{compiler} {standard}: {}", outcome.stderr);
    }
}

#[test]
fn the_version_of_the_header_is_that_of_the_library() {
    let directory = scratch("version");
    let source = directory.join("version.c");
    let text = r#"
#include <stdio.h>
#include "cas.h"
#if CAS_VERSION_NUMBER < 0x000100 || !defined(LIBCAS_CAS_H)
#error "the preprocessor knows another version"
#endif
int main(void)
{
    printf("%d.%d.%d %06x %s\n", CAS_VERSION_MAJOR, CAS_VERSION_MINOR, CAS_VERSION_PATCH,
           (unsigned)CAS_VERSION_NUMBER, cas_version());
    return 0;
}
"#;
    fs::write(&source, text).unwrap();
    let program = compile(source.to_str().unwrap(), &[]);
    let printed = Program::new(program).succeed();
    let [header, number, library] = printed.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{printed}")
    };
    assert_eq!(header, library);
    let parts = library.split('.').map(|part| format!("{:02x}", part.parse::<u32>().unwrap()));
    assert_eq!(number, parts.collect::<String>());
}

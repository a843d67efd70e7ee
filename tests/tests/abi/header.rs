//! The header: compilers accept every name in it in every standard, and no number changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use acceptance::program::STRICT;
use acceptance::{Program, artefact, installed, run, scratch, top};

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
    let words = text.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    let with_prefix = |prefix: &str| -> BTreeSet<String> {
        words.clone().filter(|word| word.starts_with(prefix)).map(ToOwned::to_owned).collect()
    };
    let all = with_prefix("cas_");
    let having = |parts: fn(&str) -> Vec<String>| -> BTreeSet<String> {
        let has = |name: &&String| parts(name).iter().any(|part| text.contains(part));
        all.iter().filter(has).cloned().collect()
    };
    let opaque_types = having(|name| vec![format!("typedef struct {name} {name};")]);
    let functions = having(|name| vec![format!("{name}(")]);
    let types = &(&all - &functions) - &opaque_types;
    Names { functions, opaque_types, types, constants: with_prefix("CAS_") }
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
    let c: &[&str] = &["-std=c89", "-std=c99", "-std=c11", "-std=c17"];
    let cpp: &[&str] = &["-std=c++98", "-std=c++11", "-std=c++20"];
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
    let list =
        |file: &str| fs::read_to_string(top().join("tests/fixtures/data").join(file)).unwrap();
    let promised: BTreeSet<String> = list("symbols.txt").lines().map(ToOwned::to_owned).collect();
    assert_eq!(functions, promised, "tests/fixtures/data/symbols.txt lists other functions");
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
    let print: String = names()
        .constants
        .iter()
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

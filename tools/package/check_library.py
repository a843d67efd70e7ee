"""Checks what a finished library or program needs from the system, by its dynamic symbols.

    check_library.py FILE [--floor 2.17 | --musl] [--exports LIBCAS.MAP]

NEEDED does not tell: glibc keeps the names of its files, and raises the versions of its symbols.
Prints the oldest glibc that has every symbol. With --musl, FILE needs musl alone, or nothing, and
musl's symbols have no versions. With --exports, FILE defines exactly the symbols of
the version script, each in its version.
"""

import argparse
import re
import subprocess
import sys

# glibc's own files. Which of them has a symbol changed with glibc 2.34.
GLIBC = re.compile(r"(libc|libm|libdl|libpthread)\.so\.\d|ld-linux.*\.so\.\d")
# The loader of musl takes this name for itself.
MUSL = re.compile(r"libc\.so")


def read(*options):
    command = ["readelf", "--wide", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def dynamic_symbols(path):
    """Yields the binding, section (`UND` if it is needed) and name@version of each."""
    for line in read("--dyn-syms", path).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[0].rstrip(":").isdigit():
            yield fields[4], fields[6], fields[7]


def version(text):
    return tuple(int(part) for part in text.split("."))


def floor_of(path):
    """The oldest glibc that has every symbol that the loader must find."""
    floor = (2, 0)
    for binding, section, name in dynamic_symbols(path):
        if section != "UND" or binding == "WEAK":
            continue
        found = re.search(r"@+GLIBC_([\d.]+)$", name)
        if not found:
            raise SystemExit(f"{path}: no version of glibc has {name}")
        floor = max(floor, version(found[1]))
    return floor


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", read("--dynamic", path))


def exports(path):
    """The symbols that it defines, as name@version."""
    defined = {name for _, section, name in dynamic_symbols(path) if section not in ("UND", "ABS")}
    return {name.replace("@@", "@") for name in defined}


def promised(script):
    """The symbols of a version script, as name@version."""
    with open(script, encoding="utf-8") as file:
        text = re.sub(r"#.*", "", file.read())
    return {
        f"{name}@{block}"
        for block, symbols in re.findall(r"(\S+) \{(.*?)\}", text, re.DOTALL)
        for name in re.findall(r"(\w+);", symbols)
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--floor", type=version)
    parser.add_argument("--musl", action="store_true")
    parser.add_argument("--exports", metavar="SCRIPT")
    options = parser.parse_args()
    libc = MUSL if options.musl else GLIBC
    problems = [f"needs {name}" for name in needed(options.file) if not libc.fullmatch(name)]
    if options.musl:
        shown = "musl"
    else:
        floor = floor_of(options.file)
        shown = "glibc " + ".".join(map(str, floor))
        if options.floor and floor > options.floor:
            problems.append(f"needs {shown}")
    if options.exports:
        difference = sorted(exports(options.file) ^ promised(options.exports))
        if difference:
            problems.append(f"exports differ from {options.exports}: {' '.join(difference)}")
    for problem in problems:
        print(f"{options.file}: {problem}", file=sys.stderr)
    print(shown)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

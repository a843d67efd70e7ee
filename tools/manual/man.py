"""Writes manual pages for roff.

    tools/manual/man.py functions DIRECTORY    of section 3, from include/cas.h
    tools/manual/man.py emulator PROGRAM       cas-emulator(1), from its --help, to standard output

Section 3 has libcas(3), a page for each part of the header, and a link for each function, so that
`man cas_client_new` works. No page has a date, so that it is the same in each build.
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
HEADER = TOP / "include/cas.h"
# The pages of the parts whose heading is not their name.
NAMES = {
    "Status codes": "status",
    "Result of an upload": "result",
    "Certificates at the service": "certificates",
}


def escaped(text):
    """Text of a line, as roff shows it unchanged."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("^", "\\(ha")
    return "\\&" + text if text.startswith((".", "'")) else text


def prose(text):
    """A paragraph on one line; what is in backticks is bold."""
    parts = [escaped(part) for part in " ".join(text.split()).split("`")]
    return "".join(f"\\fB{part}\\fP" if i % 2 else part for i, part in enumerate(parts))


def page(lines):
    """The text of a page. A heading begins a paragraph already."""
    begins = (".SH", ".SS")
    pairs = zip(["", *lines], lines)
    kept = [line for before, line in pairs if line != ".PP" or not before.startswith(begins)]
    return "\n".join(kept) + "\n"


def code(lines):
    """Lines as they are."""
    return [".PP", ".RS 4", ".nf", *[escaped(line) for line in lines], ".fi", ".RE"]


def title(name, section, version):
    return f'.TH {name.upper()} {section} "" "libcas {version}" libcas'


def paragraphs(lines, are_rules=False):
    """Paragraphs, lists and @code of a comment, as roff. Rules begin with what they are about."""
    out, block, listing = [], [], None

    def end():
        if block and block[0].startswith("- "):
            for item in " ".join(block)[2:].split(" - "):
                out.extend([".IP \\(bu 2", prose(item)])
        elif block:
            text = " ".join(block)
            heading = re.match(r"([A-Z][A-Za-z ]+): ", text)
            if are_rules and heading:
                out.extend([".TP", f".B {heading[1]}", prose(text[heading.end():])])
            else:
                out.extend([".PP", prose(text)])
        block.clear()

    for line in lines:
        if line == "@code":
            end()
            listing = []
        elif line == "@endcode":
            out.extend(code(listing))
            listing = None
        elif listing is not None:
            listing.append(line)
        elif not line:
            end()
        else:
            block.append(line)
    end()
    return out


def comment_lines(comment):
    """The lines of a comment without its stars."""
    text = re.sub(r"^/\*\*?|\*/$", "", comment.strip())
    lines = text.strip("\n").split("\n")
    return [re.sub(r"^ ?\* ?", "", line.strip(" ")).rstrip() for line in lines]


class Item:
    """A documented function, type or constant."""

    def __init__(self, comment, declaration):
        self.declaration = declaration
        tags = re.split(r"^@(?=param|return|since)", "\n".join(comment_lines(comment)), flags=re.M)
        self.text = tags[0].strip().split("\n")
        self.tags = [tag.split(None, 1) for tag in tags[1:]]
        self.is_function = not declaration.startswith(("#", "typedef"))
        of_kind = r"cas_\w+(?=\()" if self.is_function else r"CAS_\w+|cas_\w+(?=;|\)\()"
        self.name = re.search(of_kind, declaration)[0]

    def roff(self):
        out = [f".SS {escaped(self.name)}"]
        out += paragraphs(self.text)
        if self.declaration.startswith("typedef") and "(" in self.declaration:
            out += code(self.declaration.split("\n"))
        for tag, text in self.tags:
            if tag == "param":
                name, text = text.split(None, 1)
                out += [".TP", f".I {name}", prose(text)]
            elif tag == "return":
                out += [".TP", ".B returns", prose(text)]
        return out

    def constant(self):
        """A constant as an item of a list, under the function or type before it."""
        text = [prose(part) for part in "\n".join(self.text).split("\n\n")]
        number = self.declaration.split()[2]
        value = f" ({number})" if number.isdigit() else ""
        return [".TP", f".B {escaped(self.name)}{value}", "\n.IP\n".join(text)]


def parts(header):
    """The parts of the header: heading, introduction, items."""
    body = header[header.index("extern \"C\" {"):header.rindex("#ifdef __cplusplus")]
    pieces = re.split(r"/\* =+\n \* (.+)\n \* =+\n((?: \*.*\n)*?) \*/\n", body)
    for heading, introduction, text in zip(pieces[1::3], pieces[2::3], pieces[3::3]):
        found = re.findall(r"(/\*\*.*?\*/)\n(#define [^\n]*(?:\\\n[^\n]*)*|[^;]*;)", text, re.S)
        items = []
        for comment, declaration in found:
            declaration = declaration.replace("CAS_WARN_UNUSED_RESULT\n", "").strip()
            items.append(Item(comment, declaration))
        yield heading, comment_lines(introduction) if introduction else [], items


def functions(directory):
    header = HEADER.read_text()
    version = ".".join(re.findall(r"^#define CAS_VERSION_[MP]\w+ (\d+)$", header, re.MULTILINE))
    pages, links = {}, {}
    for heading, introduction, items in parts(header):
        name = "libcas-" + NAMES.get(heading, heading.lower())
        named = [item.name for item in items if item.is_function]
        if not named:
            types = items
            continue
        links |= {function: name for function in named}
        out = [title(name, 3, version), ".SH NAME"]
        out.append(f"{', '.join([escaped(name), *named])} \\- {escaped(heading.lower())}")
        out += [".SH SYNOPSIS", ".nf", ".B #include <cas.h>", ".sp"]
        for item in items:
            if item.is_function:
                out += [f".B {escaped(line)}" if line == line.lstrip() else f".B \\ {escaped(line)}"
                        for line in item.declaration.split("\n")]
        out += [".fi", ".SH DESCRIPTION", *paragraphs(introduction)]
        for item in items:
            out += item.constant() if item.declaration.startswith("#") else item.roff()
        out += [".SH SEE ALSO", ".BR libcas (3)"]
        pages[name] = out
    comment = comment_lines(header[:header.index("*/") + 2])
    rules = comment.index("Rules for every function")
    overview = comment[comment.index("Overview") + 2:rules]
    out = [title("libcas", 3, version), ".SH NAME"]
    out.append("libcas \\- uploads certificates to Alibaba Cloud's Certificate Management Service")
    out += [".SH SYNOPSIS", ".nf", ".B #include <cas.h>", ".sp"]
    out += [".B cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs libcas)", ".fi"]
    out += [".SH DESCRIPTION", *paragraphs(overview)]
    out += [".SH TYPES"]
    for item in types:
        text = prose(" ".join(item.text))
        out += [".TP", f".B {item.name}", text]
    out += [".SH RULES FOR EVERY FUNCTION", *paragraphs(comment[rules + 2:], True)]
    out += [".SH SEE ALSO"]
    others = [f".BR {escaped(name)} (3)" for name in sorted(pages)]
    others += [".BR casctl (1)", ".BR cas\\-emulator (1)"]
    out += [f"{line}," for line in others[:-1]] + others[-1:]
    pages["libcas"] = out
    directory.mkdir(parents=True, exist_ok=True)
    for name, lines in pages.items():
        (directory / f"{name}.3").write_text(page(lines))
    for function, name in links.items():
        (directory / f"{function}.3").write_text(f".so man3/{name}.3\n")


def indentation(line):
    return len(line) - len(line.lstrip())


def help_text(lines):
    """Paragraphs of a help text; lines that are indented more than the first are an example."""
    out, block = [], []
    margin = min((indentation(line) for line in lines if line), default=0)

    def end():
        if block and indentation(block[0]) > margin:
            out.extend([".PP", ".nf", *[escaped(line[margin:]) for line in block], ".fi"])
        elif block:
            out.extend([".PP", prose(" ".join(block))])
        block.clear()

    for line in lines:
        if not line.strip():
            end()
        else:
            block.append(line)
    end()
    return out


def emulator(program):
    run = [program, "--help"], [program, "--version"]
    text, version = [subprocess.run(one, check=True, stdout=subprocess.PIPE).stdout.decode()
                     for one in run]
    about, rest = text.split("\nUsage: ", 1)
    usage, options = rest.split("\n\nOptions:\n", 1)
    first, *description = about.split("\n")
    out = [title("cas-emulator", 1, version.split()[1]), ".SH NAME"]
    out.append(f"cas\\-emulator \\- {escaped(first[0].lower() + first[1:])}")
    out += [".SH SYNOPSIS", f".B {escaped(usage)}", ".SH DESCRIPTION", *help_text(description)]
    out.append(".SH OPTIONS")
    for entry in re.split(r"\n(?=  (?:    |-)\S)", options.rstrip("\n")):
        names, *lines = entry.split("\n")
        text = help_text(lines)
        # The first paragraph belongs to the name; the others follow under it.
        text = [".IP" if line == ".PP" else line for line in text[1:]]
        out += [".TP", f".B {escaped(names.strip())}", *text]
    out += [".SH SEE ALSO", ".BR casctl (1),", ".BR libcas (3)"]
    print(page(out), end="")


def main():
    goal, argument = sys.argv[1:]
    if goal == "functions":
        functions(pathlib.Path(argument))
    else:
        emulator(argument)


if __name__ == "__main__":
    main()

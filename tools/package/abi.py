"""Compares the binary interface of a libcas.so that has debug information with that of the release.

    abi.py compare LIBRARY FILE     fails on any difference but additions
    abi.py write LIBRARY FILE

Needs abidw and abidiff (Debian: abigail-tools). The handles are opaque in C: what is in them does
not belong to the interface and is left out.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ABIDW = ["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed"]


def interface(library):
    dump = subprocess.run([*ABIDW, library], check=True, capture_output=True, text=True).stdout
    corpus = xml.fromstring(dump)
    for handle in corpus.iter("class-decl"):
        if re.match("cas_", handle.get("name")):
            for part in list(handle):
                handle.remove(part)
            handle.text = None
            handle.attrib.pop("size-in-bits", None)
            handle.set("is-declaration-only", "yes")

    types = {element.get("id"): element for element in corpus.iter() if element.get("id")}
    kept = set()
    waiting = [part for function in corpus.iter("function-decl") for part in function.iter()
               if function.get("elf-symbol-id")]
    while waiting:
        name = waiting.pop().get("type-id")
        if name in types and name not in kept:
            kept.add(name)
            waiting += types[name].iter()

    def prune(parent):
        """Removes what no function of the interface uses."""
        for element in list(parent):
            if element.tag in ("abi-instr", "namespace-decl"):
                prune(element)
                if not len(element):
                    parent.remove(element)
            elif not element.get("elf-symbol-id") and element.get("id") not in kept:
                parent.remove(element)

    symbols = corpus.find("elf-function-symbols")
    corpus.remove(symbols)
    prune(corpus)
    corpus.insert(0, symbols)
    xml.indent(corpus, " ")
    return xml.tostring(corpus, "unicode") + "\n"


def compare(library, file):
    with tempfile.NamedTemporaryFile("w", suffix=".abi") as new:
        new.write(interface(library))
        new.flush()
        return subprocess.run(["abidiff", "--no-added-syms", file, new.name]).returncode


def write(library, file):
    with open(file, "w", encoding="utf-8") as output:
        output.write(interface(library))


if __name__ == "__main__":
    sys.exit({"compare": compare, "write": write}[sys.argv[1]](*sys.argv[2:]))

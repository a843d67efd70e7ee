"""Makes the wheel of libcas for Python and prints its path.

    wheel.py PLATFORM TREE DIRECTORY

PLATFORM    of the wheel's name: manylinux2014_x86_64, or linux_x86_64 for this system alone
TREE        a tree of stage.sh, with libcas.so and cas-emulator for that platform

A wheel is a zip archive. The same source and tree make the same bytes.
"""

import base64
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PYTHON = TOP / "bindings/python"
# 1980, the earliest time that zip knows.
TIME = max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800)

METADATA = """\
Metadata-Version: 2.4
Name: libcas
Version: {version}
Summary: Uploads TLS certificates to Alibaba Cloud's Certificate Management Service (CAS)
License-Expression: MIT OR Apache-2.0
{licences}
Requires-Python: >=3.8
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

{description}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: libcas wheel.py
Root-Is-Purelib: false
Tag: {tag}
"""

ENTRY_POINTS = """\
[pytest11]
libcas = libcas.pytest_plugin
"""


def contents(tree, tag):
    """The files of the wheel: their content, by name."""
    [library] = tree.glob("lib/libcas.so.?*.*")
    version = library.name[len("libcas.so."):]
    doc = tree / "share/doc/libcas"
    info = f"libcas-{version}.dist-info"
    licences = sorted(
        path for pattern in ("LICENSE-*", "THIRD-PARTY.txt", "RUST-COPYRIGHT.*")
        for path in doc.glob(pattern))
    files = {
        f"libcas/{path.name}": path.read_bytes()
        for path in (PYTHON / "libcas").iterdir() if path.suffix in (".py", ".typed")
    }
    files["libcas/libcas.so.0"] = library.read_bytes()
    files["libcas/bin/cas-emulator"] = (tree / "bin/cas-emulator").read_bytes()
    for path in licences:
        files[f"{info}/licenses/{path.name}"] = path.read_bytes()
    files[f"{info}/sboms/libcas.cdx.json"] = (doc / "libcas.cdx.json").read_bytes()
    files[f"{info}/METADATA"] = METADATA.format(
        version=version,
        licences="\n".join(f"License-File: {path.name}" for path in licences),
        description=(TOP / "docs/python.md").read_text("utf-8"),
    ).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode()
    files[f"{info}/entry_points.txt"] = ENTRY_POINTS.encode()
    return version, files


def record(files, name):
    """The list of the files, which has a line without a digest for itself."""
    lines = []
    for file, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{file},sha256={digest},{len(content)}\n")
    return "".join(lines) + f"{name},,\n"


def write(path, files, record_name):
    # The specification asks for RECORD at the end.
    order = sorted(files, key=lambda name: (name == record_name, name))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in order:
            member = zipfile.ZipInfo(name, time.gmtime(TIME)[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix: the mode counts
            is_program = name.endswith((".so.0", "/cas-emulator"))
            member.external_attr = (0o100755 if is_program else 0o100644) << 16
            archive.writestr(member, files[name])


def main():
    platform, tree, directory = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    tag = f"py3-none-{platform}"
    version, files = contents(tree, tag)
    record_name = f"libcas-{version}.dist-info/RECORD"
    files[record_name] = record(files, record_name).encode()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"libcas-{version}-{tag}.whl"
    write(path, files, record_name)
    print(path)


if __name__ == "__main__":
    main()

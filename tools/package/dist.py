"""Makes the release of libcas in target/dist and prints what is in it.

    dist.py [TARGET...]     Rust's names of targets; this machine's by default

DIST_RUST   allows another release of Rust, which makes other bytes
RUSTC       with the standard library of each target

For another architecture the binutils are Debian's, such as binutils-aarch64-linux-gnu.

The same source makes the same bytes, in any folder and on any machine with the same tools: the
release of Rust below, zig as pinned in requirements.txt, and the binutils. `make dist` sets
RUSTFLAGS and CFLAGS, which keep paths out.
"""

import gzip
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

RUST = os.environ.get("DIST_RUST", "1.95.0")
FLOOR = "2.17"

TOP = Path(__file__).resolve().parents[2]
TOOLS = Path("tools/package")
DIST = TOP / "target/dist"
ZIG = TOP / "target/zig"
MAP = "crates/cas-ffi/libcas.map"
# 1980, the earliest time that every archiver knows.
TIME = int(os.environ.get("SOURCE_DATE_EPOCH", 315532800))


def run(*command, **environment):
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=TOP, env=os.environ | environment, stdout=subprocess.PIPE,
                          text=True)
    if done.returncode:
        raise SystemExit(f"dist: {' '.join(command)} failed")
    return done.stdout


def check_rust():
    found = run(os.environ.get("RUSTC", "rustc"), "-vV")
    release = found.split("release: ")[1].split()[0]
    if release != RUST:
        raise SystemExit(f"dist: this release is built with Rust {RUST}; rustc is {release}")
    return found.split("host: ")[1].split()[0]


def binutils(architecture):
    """The names of those of an architecture, for localise.sh."""
    prefix = "" if architecture == platform.machine() else f"{architecture}-linux-gnu-"
    for tool in ("ld", "objcopy", "ar"):
        if not shutil.which(prefix + tool):
            raise SystemExit(f"dist: {prefix}{tool} is missing")
    return {tool.upper(): prefix + tool for tool in ("ld", "objcopy", "ar")}


def build(target):
    """Builds libcas.a and cas-emulator, each alone: together they would share features."""
    zigbuild = ZIG / "bin/cargo-zigbuild"
    environment = {
        "PATH": f"{ZIG}/bin:{os.environ['PATH']}",
        "CARGO_ZIGBUILD_CACHE_DIR": f"{ZIG}/cache",
        "ZIG_GLOBAL_CACHE_DIR": f"{ZIG}/cache",
        "ZIG_LOCAL_CACHE_DIR": f"{ZIG}/cache",
    }
    options = ["--release", "--locked", f"--target={target}.{FLOOR}"]
    run(zigbuild, "rustc", *options, "--package=cas-ffi", "--crate-type=staticlib", **environment)
    run(zigbuild, "zigbuild", *options, "--package=cas-emulator", **environment)
    return TOP / os.environ.get("CARGO_TARGET_DIR", "target") / target / "release"


def version():
    text = (TOP / "Cargo.toml").read_text().split("[workspace.package]")[1]
    return text.split('version = "')[1].split('"')[0]


def floor(*arguments):
    """The glibc that a file needs, if it passes the check."""
    script = TOOLS / "check_library.py"
    return run(sys.executable, "-B", script, "--floor", FLOOR, *arguments).strip()


def archive(tree, path):
    """A tar.gz whose bytes depend on the files' names, content and modes only."""
    def anonymous(member):
        member.mtime, member.uid, member.gid, member.uname, member.gname = TIME, 0, 0, "", ""
        return member

    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for file in sorted([tree, *tree.rglob("*")]):
                tar.add(file, file.relative_to(tree.parent), recursive=False, filter=anonymous)


def make(target):
    """Makes the archive of one target. Returns lines of the table."""
    built = build(target)
    architecture = target.split("-")[0]
    parts = TOP / "target/package" / target
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    shared, static = parts / "libcas.so", parts / "libcas.a"
    run(TOOLS / "link.sh", built / "libcas.a", shared, f"{architecture}-linux-gnu.{FLOOR}")
    run(TOOLS / "localise.sh", built / "libcas.a", static, **binutils(architecture))
    emulator = built / "cas-emulator"
    name = f"libcas-{version()}-{architecture}-linux-gnu"
    tree = parts / name
    run(TOOLS / "stage.sh", tree, target, shared, static, emulator, PYTHON=sys.executable)
    if not any((tree / "share/doc/libcas").glob("RUST-COPYRIGHT.*")):
        raise SystemExit("dist: the notices of Rust's library are missing: install rust-docs")
    archive(tree, DIST / f"{name}.tar.gz")
    shutil.copy(tree / "share/doc/libcas/libcas.cdx.json", DIST / f"{name}.cdx.json")
    return [
        (f"{architecture}: libcas.so", shared, f"glibc {floor(shared, '--exports', MAP)}"),
        (f"{architecture}: libcas.a", static, "one object"),
        (f"{architecture}: cas-emulator", emulator, f"glibc {floor(emulator)}"),
    ]


def main():
    host = check_rust()
    DIST.mkdir(parents=True, exist_ok=True)
    for file in DIST.iterdir():
        if not file.name.startswith(f"libcas-{version()}-"):
            file.unlink()
    parts = [row for target in sys.argv[1:] or [host] for row in make(target)]
    files = [(file.name, file, hashlib.sha256(file.read_bytes()).hexdigest())
             for file in sorted(DIST.iterdir())]
    sums = "".join(f"{digest}  {name}\n" for name, _, digest in files)
    (DIST / "SHA256SUMS").write_text(sums)
    for name, file, about in files + parts:
        print(f"{name:38} {file.stat().st_size:10,}  {about}")


if __name__ == "__main__":
    main()

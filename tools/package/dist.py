"""Makes the release of libcas in target/dist and prints what is in it.

    dist.py [TARGET...]     Rust's names of targets; all by default

RUSTC       a compiler with the sources of the standard library (rustup: the component rust-src);
            by default that of rust-web.sh
DIST_RUST   allows another release of Rust, which makes other bytes

The standard library is built as well: for each target, for size, and without what writes a
backtrace, which libcas never does.

The same source makes the same bytes, in any folder and on any machine with the same tools: the
compiler, zig as pinned in requirements.txt, dpkg-deb, rpmbuild, and the binutils of each
architecture. `make dist` sets RUSTFLAGS and CFLAGS, which keep paths out.
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

RUST = os.environ.get("DIST_RUST", "1.96.0")
FLOOR = "2.17"
# Each target, and zig's name of it.
TARGETS = {
    "x86_64-unknown-linux-gnu": f"x86_64-linux-gnu.{FLOOR}",
    "aarch64-unknown-linux-gnu": f"aarch64-linux-gnu.{FLOOR}",
    "i686-unknown-linux-gnu": f"x86-linux-gnu.{FLOOR}",
    "x86_64-unknown-linux-musl": "x86_64-linux-musl",
    "aarch64-unknown-linux-musl": "aarch64-linux-musl",
}
# The targets with a wheel for Python, and the platform in its name. That of 2014 has glibc 2.17.
WHEELS = {
    "x86_64-unknown-linux-gnu": "manylinux2014_x86_64",
    "aarch64-unknown-linux-gnu": "manylinux2014_aarch64",
}
# What `libcas.so` was when it was released last, in bytes: it may not grow unnoticed.
LIMITS = {"x86_64-unknown-linux-gnu": 2_800_000}
# casctl is to be quick to copy, on every platform.
CASCTL_LIMIT = 4_000_000
# Those with packages for Debian and RPM systems.
PACKAGED = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
# The programs, and what cargo is told of them beyond Cargo.toml. casctl makes a few calls, or waits
# for the service: all but the cryptography of TLS is built for size.
PROGRAMS = {
    "cas-emulator": [],
    "casctl": ["--config=profile.release.opt-level='z'",
               "--config=profile.release.package.ring.opt-level='s'"],
}
# The target that runs on the machine that makes the release: the first.
HERE = next(iter(TARGETS))
STD = ["-Zbuild-std=std,panic_unwind", "-Zbuild-std-features=panic-unwind,optimize_for_size"]

TOP = Path(__file__).resolve().parents[2]
TOOLS = Path("tools/package")
DIST = TOP / "target/dist"
RUSTC = os.environ.get("RUSTC") or str(TOP / "target/rust-web/rustc")
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
    """Returns the sources of the standard library."""
    release = run(RUSTC, "-vV").split("release: ")[1].split()[0]
    if release != RUST:
        raise SystemExit(f"dist: this release is built with Rust {RUST}; {RUSTC} is {release}")
    sources = Path(run(RUSTC, "--print=sysroot").strip()) / "lib/rustlib/src/rust"
    if not (sources / "library/std").exists():
        raise SystemExit(f"dist: the sources of the standard library are missing: {sources}")
    return sources


def binutils(architecture):
    """The names of those of an architecture, for localise.sh."""
    prefix = "" if architecture == platform.machine() else f"{architecture}-linux-gnu-"
    for tool in ("ld", "objcopy", "ar"):
        if not shutil.which(prefix + tool):
            raise SystemExit(f"dist: {prefix}{tool} is missing")
    return {tool.upper(): prefix + tool for tool in ("ld", "objcopy", "ar")}


def build(target, sources):
    """Builds libcas.a, cas-emulator and casctl, each alone: together they would share features."""
    flags = [f"--remap-path-prefix={path}=rust" for path in sorted({sources, sources.resolve()})]
    # With musl, programs are static. zig has what starts one.
    static = ["-Crelocation-model=static"] if target.endswith("musl") else []
    if static:
        flags.append("-Clink-self-contained=no")
    zigbuild = ZIG / "bin/cargo-zigbuild"
    environment = {
        "RUSTC": RUSTC,
        "RUSTC_BOOTSTRAP": "1",  # allows -Z
        "RUSTFLAGS": " ".join([os.environ.get("RUSTFLAGS", ""), *flags]),
        "PATH": f"{ZIG}/bin:{os.environ['PATH']}",
        "CARGO_ZIGBUILD_CACHE_DIR": f"{ZIG}/cache",
        "ZIG_GLOBAL_CACHE_DIR": f"{ZIG}/cache",
        "ZIG_LOCAL_CACHE_DIR": f"{ZIG}/cache",
    }
    floor = f".{FLOOR}" if target.endswith("gnu") else ""
    options = ["--release", "--locked", f"--target={target}{floor}", *STD]
    run(zigbuild, "rustc", *options, "--package=cas-ffi", "--crate-type=staticlib", **environment)
    for program, settings in PROGRAMS.items():
        run(zigbuild, "rustc", *options, *settings, f"--package={program}", f"--bin={program}",
            "--", *static, **environment)
    return TOP / os.environ.get("CARGO_TARGET_DIR", "target") / target / "release"


def version():
    text = (TOP / "Cargo.toml").read_text().split("[workspace.package]")[1]
    return text.split('version = "')[1].split('"')[0]


def check(target, *arguments):
    """Checks what a file needs of the system, and returns it."""
    script = TOOLS / "check_library.py"
    libc = ["--floor", FLOOR] if target.endswith("gnu") else ["--musl"]
    return run(sys.executable, "-B", script, *libc, *arguments).strip()


def archive(tree, path):
    """A tar.gz whose bytes depend on the files' names, content and modes only."""
    def anonymous(member):
        member.mtime, member.uid, member.gid, member.uname, member.gname = TIME, 0, 0, "", ""
        return member

    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for file in sorted([tree, *tree.rglob("*")]):
                tar.add(file, file.relative_to(tree.parent), recursive=False, filter=anonymous)


def make(target, sources):
    """Makes the archive of one target. Returns lines of the table."""
    built = build(target, sources)
    architecture = target.split("-")[0]
    parts = TOP / "target/package" / target
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    shared, static = parts / "libcas.so", parts / "libcas.a"
    run(TOOLS / "link.sh", built / "libcas.a", shared, TARGETS[target])
    run(TOOLS / "localise.sh", built / "libcas.a", static, **binutils(architecture))
    programs = [built / program for program in PROGRAMS]
    platform_name = target.replace("-unknown", "")
    name = f"libcas-{version()}-{platform_name}"
    tree = parts / name
    run(TOOLS / "stage.sh", tree, target, shared, static, *programs, PYTHON=sys.executable,
        RUSTC=RUSTC, RUNS=str(TOP / "target" / HERE / "release/casctl"))
    if not any((tree / "share/doc/libcas").glob("RUST-COPYRIGHT.*")):
        raise SystemExit("dist: the notices of Rust's library are missing: install rust-docs")
    archive(tree, DIST / f"{name}.tar.gz")
    if target in PACKAGED:
        run(sys.executable, "-B", TOOLS / "packages.py", tree, architecture, DIST,
            SOURCE_DATE_EPOCH=str(TIME))
    if target in WHEELS:
        run(sys.executable, "-B", TOOLS / "wheel.py", WHEELS[target], tree, DIST,
            SOURCE_DATE_EPOCH=str(TIME))
    shutil.copy(tree / "share/doc/libcas/libcas.cdx.json", DIST / f"{name}.cdx.json")
    size = shared.stat().st_size
    if size > LIMITS.get(target, size):
        raise SystemExit(f"dist: libcas.so has {size:,} bytes; its limit is {LIMITS[target]:,}")
    size = (built / "casctl").stat().st_size
    if size > CASCTL_LIMIT:
        raise SystemExit(f"dist: casctl has {size:,} bytes; its limit is {CASCTL_LIMIT:,}")
    return [
        (f"{platform_name}: libcas.so", shared, check(target, shared, "--exports", MAP)),
        (f"{platform_name}: libcas.a", static, "one object"),
        *((f"{platform_name}: {program.name}", program, check(target, program))
          for program in programs),
    ]


def main():
    sources = check_rust()
    DIST.mkdir(parents=True, exist_ok=True)
    for file in DIST.iterdir():
        if version() not in file.name:
            file.unlink()
    targets = sys.argv[1:] or list(TARGETS)
    if targets[0] != HERE:
        build(HERE, sources)  # casctl prints the manual
    parts = [row for target in targets for row in make(target, sources)]
    files = [(file.name, file, hashlib.sha256(file.read_bytes()).hexdigest())
             for file in sorted(DIST.iterdir())]
    sums = "".join(f"{digest}  {name}\n" for name, _, digest in files)
    (DIST / "SHA256SUMS").write_text(sums)
    for name, file, about in files + parts:
        print(f"{name:42} {file.stat().st_size:10,}  {about}")


if __name__ == "__main__":
    main()

"""Makes Debian and RPM packages of a staged tree, as distributions split a library.

    packages.py TREE ARCHITECTURE DIRECTORY

TREE          what stage.sh has laid out, for Linux with glibc
ARCHITECTURE  x86_64 or aarch64
DIRECTORY     gets the packages; their names are printed

VERSION            the version of the packages; that of Cargo.toml by default, for tests of upgrades
SOURCE_DATE_EPOCH  the time of every file
LEVEL              of the compression by xz; 6 by default

dpkg-deb and rpmbuild make the packages. The same tree makes the same bytes. Of the tree, the
packages leave out install.sh and the lists of installed files.
"""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from email.utils import formatdate
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
MAP = TOP / "crates/cas-ffi/libcas.map"
# 2020: tools take much older files for mistakes.
TIME = max(1577836800, int(os.environ.get("SOURCE_DATE_EPOCH", 0)))
LEVEL = os.environ.get("LEVEL", "6")
MAINTAINER = "The libcas maintainers <maintainers@libcas.example.com>"
SUMMARY = "uploads TLS certificates to Alibaba Cloud"
ABOUT = """\
libcas stores TLS certificates with their private keys in the Certificate
Management Service (CAS) of Alibaba Cloud, exactly once, from C and C++."""


class Package:
    """A package: which files it has, and how both systems describe it."""

    def __init__(self, deb, rpm, section, group, files, summary, about):
        self.deb, self.rpm, self.section, self.group = deb, rpm, section, group
        self.files, self.summary, self.about = re.compile(files), summary, about


# A file belongs to the first package whose pattern it matches. Paths are below the root.
PACKAGES = [
    Package("libcas0", "libcas0", "libs", "System Environment/Libraries",
            r"usr/lib[^/]*/(.*/)?libcas\.so\.0[^/]*$",
            f"library that {SUMMARY}", f"{ABOUT}\n\nThis package has the shared library."),
    Package("casctl", "casctl", "utils", "Applications/Internet",
            r"(?!usr/share/doc/).*/(_?casctl[^/]*|libcas/hooks/.*)$",
            f"command line that {SUMMARY}",
            """\
casctl uploads, lists, checks, deploys and deletes certificates in the
Certificate Management Service (CAS) of Alibaba Cloud. It is a deploy hook
of certbot, acme.sh and lego, and a timer that makes up for failed hooks."""),
    Package("cas-emulator", "cas-emulator", "devel", "Development/Tools",
            r".*/cas-emulator[^/]*$",
            "local stand-in for Alibaba Cloud's certificate service",
            """\
cas-emulator is a local Certificate Management Service (CAS) of Alibaba
Cloud, for tests without an account. The official SDKs can use it
unchanged."""),
    Package("libcas-dev", "libcas-devel", "libdevel", "Development/Libraries", r".*",
            f"library that {SUMMARY} - development files",
            f"{ABOUT}\n\nThis package has the headers, the static library, files for pkg-config\n"
            "and CMake, documentation and examples."),
]
LICENCES = ["LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt"]
# Where the systems want what the tree has elsewhere.
SYSTEMD = {"deb": "lib/systemd/system", "rpm": "usr/lib/systemd/system"}
ZSH = {"deb": "usr/share/zsh/vendor-completions", "rpm": "usr/share/zsh/site-functions"}


def run(*command, cwd=None, **environment):
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(TIME), "LC_ALL": "C"} | environment
    done = subprocess.run([str(part) for part in command], env=environment, cwd=cwd, text=True,
                          stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"packages: {command[0]} failed")
    return done.stdout


def version():
    text = (TOP / "Cargo.toml").read_text().split("[workspace.package]")[1]
    return os.environ.get("VERSION") or text.split('version = "')[1].split('"')[0]


def install(tree, root, libdir, kind):
    """Installs the tree into a root as a package of this kind has it."""
    run(tree / "install.sh", DESTDIR=str(root), PREFIX="/usr", LIBDIR=f"/{libdir}")
    (root / "usr/share/libcas/files").unlink()
    units = root / "usr/share/libcas/systemd"
    (root / SYSTEMD[kind]).mkdir(parents=True)
    for unit in sorted(units.iterdir()):
        text = unit.read_text()
        # The comment says how to install it, and old versions of systemd want an absolute path.
        text = text.replace("ExecStart=casctl", "ExecStart=/usr/bin/casctl")
        (root / SYSTEMD[kind] / unit.name).write_text(text)
    shutil.rmtree(units)
    completion = root / "usr/share/zsh/site-functions/_casctl"
    if ZSH[kind] not in str(completion):
        (root / ZSH[kind]).mkdir(parents=True)
        completion.rename(root / ZSH[kind] / completion.name)
        completion.parent.rmdir()
    # Each package has them as its system wants them.
    for file in LICENCES:
        (root / "usr/share/doc/libcas" / file).unlink()
    for page in sorted((root / "usr/share/man").rglob("*.[0-9]")):
        compress(page, page.read_bytes())
        page.unlink()


def compress(path, content):
    Path(f"{path}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def split(root):
    """The files of each package, as paths below the root."""
    files = {package.deb: [] for package in PACKAGES}
    for path in sorted(root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = str(path.relative_to(root))
        owner = next(package for package in PACKAGES if package.files.fullmatch(name))
        files[owner.deb].append(name)
    empty = [name for name, owned in files.items() if not owned]
    if empty:
        raise SystemExit(f"packages: no file for {' '.join(empty)}")
    return files


# --- Debian ----------------------------------------------------------------------------------


def symbols():
    """The symbols file: since which version of the package a program needs each function."""
    lines = ["libcas.so.0 libcas0 #MINVER#"]
    for block in re.finditer(r"^CAS_(\d+\.\d+) \{(.*?)^\}", MAP.read_text(), re.M | re.S):
        node, since = f"CAS_{block[1]}", f"{block[1]}.0"
        names = re.findall(r"^\s+(cas_\w+);", block[2], re.M)
        lines += [f" {name}@{node} {since}" for name in sorted([node, *names])]
    return "\n".join(lines) + "\n"


def copyright_file():
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: libcas
Comment: The binaries contain code of third parties. Their notices are in
 THIRD-PARTY.gz beside this file.

Files: *
Copyright: The libcas maintainers
License: MIT or Apache-2.0

License: MIT
{indent((TOP / "LICENSE-MIT").read_text())}
License: Apache-2.0
 On Debian systems, the text of this licence is in
 /usr/share/common-licenses/Apache-2.0.
"""


def indent(text):
    return "".join(f" {line}".rstrip() + "\n" if line.strip() else " .\n"
                   for line in text.strip().splitlines())


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def control(package, architecture, root):
    lines = {
        "Package": package.deb, "Source": "libcas", "Version": f"{version()}-1",
        "Architecture": architecture, "Maintainer": MAINTAINER,
        "Installed-Size": sum(-(-file.lstat().st_size // 1024) for file in root.rglob("*")),
        "Section": package.section, "Priority": "optional",
    }
    if package is PACKAGES[-1]:
        lines["Depends"] = f"libcas0 (= {version()}-1)"
    else:
        lines["Depends"] = "libc6 (>= 2.17)"
    if package.deb.startswith("libcas"):
        lines["Multi-Arch"] = "same"
    if package.deb != "cas-emulator":
        # The root certificates of the system come before the built-in ones.
        lines["Recommends"] = "ca-certificates"
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return text + f"Description: {package.summary}\n{indent(package.about)}"


def deb(package, files, root, tree, architecture, directory, work):
    parts = work / package.deb
    for name in files:
        target = parts / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target, follow_symlinks=False)
        if not target.is_symlink() and ".so." in target.name:
            target.chmod(0o644)
    doc = parts / "usr/share/doc" / package.deb
    write(doc / "copyright", copyright_file())
    compress(doc / "THIRD-PARTY", (tree / "share/doc/libcas/THIRD-PARTY.txt").read_bytes())
    changes = (f"libcas ({version()}-1) unstable; urgency=medium\n\n"
               f"  * Release {version()}: CHANGELOG.md in libcas-dev says what it changes.\n\n"
               f" -- {MAINTAINER}  {formatdate(TIME)}\n")
    compress(doc / "changelog.Debian", changes.encode())
    overrides = TOP / f"packaging/debian/{package.deb}.lintian-overrides"
    if overrides.exists():
        write(parts / "usr/share/lintian/overrides" / package.deb, overrides.read_text())
    meta = parts / "DEBIAN"
    write(meta / "control", control(package, architecture, parts))
    if package.deb == "libcas0":
        write(meta / "shlibs", "libcas 0 libcas0 (>= 0.1.0)\n")
        write(meta / "symbols", symbols())
        write(meta / "triggers", "activate-noawait ldconfig\n")
    sums = "".join(
        f"{run('md5sum', path.relative_to(parts), cwd=parts)}"
        for path in sorted(parts.rglob("*"))
        if path.is_file() and not path.is_symlink() and meta not in path.parents)
    write(meta / "md5sums", sums)
    for path in [parts, *parts.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (TIME, TIME), follow_symlinks=False)
    output = directory / f"{package.deb}_{version()}-1_{architecture}.deb"
    run("dpkg-deb", "--build", "--root-owner-group", "-Zxz", f"-z{LEVEL}", parts, output)
    return output


# --- RPM -------------------------------------------------------------------------------------


def spec(files, root, tree):
    """One spec for all packages: the first is the main one."""
    main = PACKAGES[0]
    text = f"""\
Name: {main.rpm}
Version: {version()}
Release: 1
Summary: {main.summary[0].upper() + main.summary[1:]}
Group: {main.group}
License: MIT OR Apache-2.0
Packager: {MAINTAINER}
Provides: libcas = %{{version}}-%{{release}}

%description
{main.about}
"""
    for package in PACKAGES:
        option = "" if package is main else f"-n {package.rpm}"
        if option:
            text += f"\n%package {option}\nSummary: {package.summary[0].upper()}"
            text += f"{package.summary[1:]}\nGroup: {package.group}\n"
            if package is PACKAGES[-1]:
                text += f"Requires: {main.rpm}%{{?_isa}} = %{{version}}-%{{release}}\n"
            text += f"\n%description {option}\n{package.about}\n"
        notices = f"usr/share/licenses/{package.rpm}-{version()}"
        (root / notices).mkdir(parents=True)
        for file in LICENCES:
            shutil.copy(tree / "share/doc/libcas" / file, root / notices / file)
        text += f"\n%files {option}\n%defattr(-,root,root,-)\n%license %doc /{notices}\n"
        for name in files[package.deb]:
            kind = "%doc " if "/share/doc/" in name or "/share/man/" in name else ""
            text += f"{kind}/{name}\n"
    return text + """
%post -p /sbin/ldconfig

%postun -p /sbin/ldconfig

%changelog
""" + time.strftime("* %a %b %d %Y ", time.gmtime(TIME)) + f"""{MAINTAINER} - {version()}-1
- Release {version()}: CHANGELOG.md in libcas-devel says what it changes.
"""


def rpms(files, root, tree, architecture, libdir, directory, work):
    for path in [root, *root.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    file = work / "libcas.spec"
    file.write_text(spec(files, root, tree))
    for path in [root, *root.rglob("*")]:
        os.utime(path, (TIME, TIME), follow_symlinks=False)
    settings = {
        "_topdir": work / "rpmbuild", "_rpmdir": work / "rpms", "_buildhost": "localhost",
        "_build_id_links": "none", "__os_install_post": "%{nil}", "debug_package": "%{nil}",
        # rpm of RHEL 7 reads xz, and its newer versions do as well.
        "_binary_payload": f"w{LEVEL}.xzdio", "_source_filedigest_algorithm": "8",
        "_binary_filedigest_algorithm": "8", "use_source_date_epoch_as_buildtime": "1",
        "clamp_mtime_to_source_date_epoch": "1", "_libdir": f"/{libdir}",
    }
    defines = [part for name, value in settings.items() for part in ("-D", f"{name} {value}")]
    # rpmbuild empties the root that it builds from.
    copy = work / "buildroot"
    shutil.copytree(root, copy, symlinks=True)
    run("rpmbuild", "--quiet", "-bb", "--noclean", "--target", f"{architecture}-linux", *defines,
        "--buildroot", copy, file)
    made = sorted((work / "rpms").rglob("*.rpm"))
    return [Path(shutil.move(path, directory / path.name)) for path in made]


def make(tree, architecture, directory):
    """Makes all packages of a tree and returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        libdir = f"usr/lib/{architecture}-linux-gnu"
        install(tree, work / "deb", libdir, "deb")
        files = split(work / "deb")
        debian = {"x86_64": "amd64", "aarch64": "arm64"}[architecture]
        for package in PACKAGES:
            made.append(deb(package, files[package.deb], work / "deb", tree, debian, directory,
                            work / "parts"))
        install(tree, work / "rpm", "usr/lib64", "rpm")
        made += rpms(split(work / "rpm"), work / "rpm", tree, architecture, "usr/lib64", directory,
                     work)
    return made


if __name__ == "__main__":
    for made in make(Path(sys.argv[1]).resolve(), sys.argv[2], Path(sys.argv[3]).resolve()):
        print(made.name)

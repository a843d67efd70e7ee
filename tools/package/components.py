"""The third-party components of the artefacts, from cargo: their licences and an SBOM.

    components.py notices|sbom TARGET FILE

The components are the crates whose code is in libcas, casctl or cas-emulator: not what only builds
or tests them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ARTEFACTS = ["cas-ffi", "cas-emulator", "casctl"]
LICENCE_FILES = ("licen", "copying", "notice", "unlicense", "copyright")
RULE = "=" * 80


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=TOP).stdout


def packages(target):
    """The packages of the artefacts, sorted, with their dependencies in `uses`."""
    metadata = json.loads(cargo("metadata", "--format-version=1", f"--filter-platform={target}"))
    tree = cargo("tree", "--edges=normal,no-proc-macro", f"--target={target}", "--prefix=none",
                 "--format={p}", *(f"--package={name}" for name in ARTEFACTS))
    compiled = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    found = {
        package["id"]: package
        for package in metadata["packages"]
        if (package["name"], "v" + package["version"]) in compiled
    }
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in found:
            uses = [dependency for dependency in node["dependencies"] if dependency in found]
            found[node["id"]]["uses"] = [found[dependency] for dependency in uses]
    return sorted(found.values(), key=lambda package: (package["name"], package["version"]))


def licence(package):
    # An older notation for OR.
    return package["license"].replace("/", " OR ")


# --- Notices ---------------------------------------------------------------------------------


def licence_texts(package):
    for file in sorted(Path(package["manifest_path"]).parent.iterdir()):
        if file.is_file() and file.name.lower().startswith(LICENCE_FILES):
            yield "\n".join(line.rstrip() for line in file.read_text("utf-8").split("\n")).strip()


def notices(target):
    names, texts, others = [], {}, []
    for package in packages(target):
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        names.append(f"{name}: {licence(package)}")
        found = list(licence_texts(package))
        for text in found:
            texts.setdefault(text, []).append(name)
        if not found:
            others.append(name)
    parts = [
        "libcas, casctl and cas-emulator contain these packages, each under its licence. The\n"
        "packages are on https://crates.io. The texts of the licences follow.\n\n"
        + "\n".join(names),
        "Rust's standard library, under MIT OR Apache-2.0: RUST-COPYRIGHT lists its parts.\n"
        "cas-emulator contains SQLite, which is in the public domain.\n"
        "The unwinder in libcas.so is libunwind of LLVM or of gcc, under Apache-2.0 WITH\n"
        "LLVM-exception or GPL-3.0-or-later WITH GCC-exception-3.1: neither asks for a notice.",
    ]
    if others:
        parts.append("These state their licence without its text:\n\n" + "\n".join(others))
    parts += [", ".join(users) + "\n\n" + text for text, users in texts.items()]
    return f"\n\n{RULE}\n\n".join(parts) + "\n"


# --- SBOM ------------------------------------------------------------------------------------


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def checksums():
    """The SHA-256 of each package, from Cargo.lock."""
    found, name, version = {}, None, None
    for line in (TOP / "Cargo.lock").read_text().splitlines():
        key, _, value = line.partition(" = ")
        value = value.strip('"')
        if key == "name":
            name = value
        elif key == "version":
            version = value
        elif key == "checksum":
            found[name, version] = value
    return found


def component(package, known):
    entry = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "licenses": [{"expression": licence(package)}],
        "purl": purl(package),
    }
    checksum = known.get((package["name"], package["version"]))
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return entry


def sbom(target):
    found, known = packages(target), checksums()
    version = next(package["version"] for package in found if package["name"] == "cas-ffi")
    top = f"pkg:generic/libcas@{version}"
    dependencies = [{"ref": top, "dependsOn": [
        purl(package) for package in found if package["name"] in ARTEFACTS]}]
    dependencies += [
        {"ref": purl(package), "dependsOn": sorted(purl(used) for used in package["uses"])}
        for package in found
    ]
    return json.dumps({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "library", "bom-ref": top, "name": "libcas", "version": version, "purl": top,
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }},
        "components": [component(package, known) for package in found],
        "dependencies": dependencies,
    }, indent=1) + "\n"


if __name__ == "__main__":
    what, target, file = sys.argv[1:]
    Path(file).write_text({"notices": notices, "sbom": sbom}[what](target), "utf-8")

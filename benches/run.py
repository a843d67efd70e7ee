"""Speed and size of libcas, as ratios against peers that are measured in the same run.

    make bench                     or, after a build:  python3 benches/run.py [--quick] [--enforce]

--quick takes fewer calls and rounds, for a first look; --enforce exits with 1 when an aim is missed. What is
measured and how to read it is in README.md beside this file.
"""

import argparse
import json
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches/peers"
RELEASE = ROOT / "target/release"
WORK = ROOT / "target/bench"
SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
SDK_PYTHON = ROOT / "target/venv/bin/python"

# What libcas aims at: below these.
AIM_SIGNING = 3.0
AIM_WARM = 0.8
AIM_COLD = 1 / 3
AIM_SIZE = 3_200_000

# A certificate and its key.
PAIR = [WORK / "chain.pem", WORK / "leaf.key"]
EC_PAIR = [WORK / "ec.pem", WORK / "ec.key"]
# Has libcas send them without a look, as the peers do.
UNREAD = {"UNREAD": "1"}

LIBCAS = [WORK / "cas_upload"]
LIBCURL = [WORK / "curl_upload"]
SDK = [SDK_PYTHON, PEERS / "sdk_upload.py"]
CALLERS = {"libcas": LIBCAS, "libcurl": LIBCURL, "Python SDK": SDK}


def main():
    options = argparse.ArgumentParser(description="Measures libcas against its peers.")
    options.add_argument("--quick", action="store_true", help="fewer calls and rounds")
    options.add_argument("--enforce", action="store_true", help="exit with 1 when an aim is missed")
    options = options.parse_args()
    prepare()
    table = Table()
    signing(table)
    # Clients and emulators share one core: what waking the other core costs on a virtual machine swings by more
    # than the calls differ.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with_tls = ["--tls-cert", WORK / "chain.pem", "--tls-key", WORK / "leaf.key"]
    with Emulator() as plain, Emulator(*with_tls) as tls:
        calls, rounds = (1_000, 3) if options.quick else (5_000, 5)
        for title, emulator in [("HTTP", plain), ("HTTPS", tls)]:
            warm(table, title, emulator, calls, rounds)
        checks(table, plain, calls // 5, rounds)
        cold(table, tls, 5 if options.quick else 21)
    size = (RELEASE / "libcas.so").stat().st_size
    table.add("libcas.so, bytes", f"{size:,}", f"{AIM_SIZE:,}", size / AIM_SIZE, 1, "the aim")
    table.show()
    return 1 if options.enforce and table.missed else 0


def prepare():
    """Peers, a certificate chain, and a trust store that holds the chain's root beside the system's roots."""
    headers = b"#include <curl/curl.h>\n#include <openssl/evp.h>\n"
    if subprocess.run(["cc", "-E", "-"], input=headers, capture_output=True).returncode != 0:
        stop("libcurl's or OpenSSL's header is missing. On Debian: apt-get install libcurl4-openssl-dev libssl-dev")
    for needed, how in [
        (RELEASE / "libcas.so.0", "make build"),
        (RELEASE / "cas-emulator", "make build"),
        (SDK_PYTHON, "make bench"),
        (SYSTEM_ROOTS, "apt-get install ca-certificates"),
    ]:
        if not needed.exists():
            stop(f"{needed} is missing. It comes with: {how}")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    # -Wl,--as-needed: the peer loads what it uses and nothing else.
    compiler = ["cc", "-std=gnu99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wl,--as-needed"]
    run([*compiler, "-o", *LIBCURL, PEERS / "curl_upload.c", "-lcurl", "-lcrypto"])
    against_libcas = [f"-I{ROOT}/include", f"-L{RELEASE}", "-lcas", f"-Wl,-rpath,{RELEASE}"]
    run([*compiler, "-o", *LIBCAS, PEERS / "cas_upload.c", *against_libcas])
    run([ROOT / "examples/make-chain.sh", WORK, "localhost"])
    # Three certificates, as chains had them that were compared before. The checks leave the root out.
    (WORK / "chain.pem").write_bytes((WORK / "chain.pem").read_bytes() + (WORK / "root.pem").read_bytes())
    # A pair whose key is proven in less time, signed by itself.
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "90",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
         "basicConstraints=critical,CA:FALSE", "-keyout", WORK / "ec.key", "-out", WORK / "ec.pem"])
    (WORK / "trusted.pem").write_bytes(SYSTEM_ROOTS.read_bytes() + (WORK / "root.pem").read_bytes())


def signing(table):
    """The Rust benchmark, in several processes: where a process's memory lies changes its numbers by a third."""
    command = [os.environ.get("CARGO", "cargo"), "bench", "--quiet", "--locked", "--package", "cas-core",
               "--bench", "signing"]
    found = []
    for turn in range(9):
        say(f"signing, process {turn + 1} of 9")
        printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        times = re.search(r"sign ([\d.]+) us, SHA-1 ([\d.]+) us", printed)
        if not times:
            stop(f"the signing benchmark printed something else: {printed}")
        found.append([float(time) for time in times.groups()])
    sign, sha1 = map(statistics.median, zip(*found))
    table.add("signing 6 KB, µs", f"{sign:.1f}", f"{sha1:.1f}", sign / sha1, AIM_SIGNING, "bare SHA-1")


def warm(table, title, emulator, calls, rounds):
    """CPU of one call on an open connection. The peers read no certificate, so libcas does not either."""
    times = {name: [] for name in CALLERS}
    for turn in range(rounds):
        for name, caller in rotated(turn):
            # The SDK needs thirty times longer for a call: fewer of them say as much.
            long = 300 if name == "Python SDK" else calls
            say(f"warm {title}, round {turn + 1} of {rounds}, {name}")
            times[name].append(cpu_of_a_call(emulator, caller, long, UNREAD))
            if emulator.upload_connections() != 1:
                stop(f"{name} did not keep its connection open")
    add_rows(table, f"warm {title}, CPU µs a call", times, 1e6, AIM_WARM)


def cpu_of_a_call(emulator, caller, calls, environment, pair=PAIR):
    """A long run less a short one, so that the start does not count."""
    short = 100
    start = upload(emulator, caller, short, WORK / "root.pem", environment, pair).cpu
    whole = upload(emulator, caller, short + calls, WORK / "root.pem", environment, pair).cpu
    return (whole - start) / calls


def checks(table, emulator, calls, rounds):
    """What reading the certificate and proving the key add to a warm upload."""
    for kind, pair in [("RSA-2048, chain of two", PAIR), ("P-256, self-signed", EC_PAIR)]:
        checked, unread = [], []
        for turn in range(rounds):
            say(f"checks of {kind}, round {turn + 1} of {rounds}")
            checked.append(cpu_of_a_call(emulator, LIBCAS, calls, {}, pair))
            unread.append(cpu_of_a_call(emulator, LIBCAS, calls, UNREAD, pair))
        own, bare = (statistics.median(values) * 1e6 for values in (checked, unread))
        table.add(f"checked {kind}, CPU µs", f"{own:,.1f}", f"{bare:,.1f}", own / bare, None, "unchecked")


def cold(table, emulator, rounds):
    """A whole process that makes one upload. All three read the same bundle, each as it reads a system's store."""
    bundle = WORK / "trusted.pem"
    cpu, wall = {name: [] for name in CALLERS}, {name: [] for name in CALLERS}
    for turn in range(rounds):
        say(f"cold HTTPS, round {turn + 1} of {rounds}")
        for name, caller in rotated(turn):
            # libcas finds the store by itself: SSL_CERT_FILE stands for the system's own path, which Debian has
            # built into libcurl and the SDK brings along, so these are told the path.
            environment = {"SSL_CERT_FILE": str(bundle), **UNREAD} if caller is LIBCAS else {}
            usage = upload(emulator, caller, 1, None if caller is LIBCAS else bundle, environment)
            cpu[name].append(usage.cpu)
            wall[name].append(usage.wall)
    add_rows(table, "cold HTTPS, CPU ms", cpu, 1e3, AIM_COLD)
    add_rows(table, "cold HTTPS, wall ms", wall, 1e3, AIM_COLD)


def add_rows(table, what, times, scale, aim):
    """The aim is set against libcurl; the SDK is there for comparison."""
    medians = {name: statistics.median(values) * scale for name, values in times.items()}
    own = medians.pop("libcas")
    for peer, value in medians.items():
        table.add(what, f"{own:,.1f}", f"{value:,.1f}", own / value, aim if peer == "libcurl" else None, peer)


def rotated(turn):
    """Everybody in turn, each round beginning with another: whoever comes first gains or loses nothing by it."""
    callers = list(CALLERS.items())
    turn %= len(callers)
    return callers[turn:] + callers[:turn]


class Usage:
    """What a finished process used, in seconds."""

    def __init__(self, wall, rusage):
        self.wall = wall
        self.cpu = rusage.ru_utime + rusage.ru_stime


def upload(emulator, caller, calls, ca_file, more_environment, pair=PAIR):
    emulator.reset()
    command = [*caller, emulator.url, *pair, str(calls)]
    if ca_file:
        command.append(ca_file)
    # Nothing of the user's: no proxy, no other trust store, no access key.
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more_environment}
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment)
    _, status, rusage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        stop(f"{Path(command[0]).name} failed with {child.returncode}")
    return Usage(wall, rusage)


class Emulator:
    """cas-emulator on a free port of this machine, for the length of a `with`."""

    def __init__(self, *options):
        self.command = [RELEASE / "cas-emulator", "--listen", "127.0.0.1:0", *options]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        first_line = self.process.stdout.readline()
        if not first_line:
            stop("cas-emulator did not start")
        self.url = first_line.split()[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def reset(self):
        """Forgets what was uploaded, so that everybody meets the same server."""
        self.control("/_emulator/reset", b"")

    def upload_connections(self):
        """On how many connections the uploads came since the reset; of many uploads, the last 1,000."""
        return len({request["connection"] for request in self.control("/_emulator/requests")})

    def control(self, path, data=None):
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=WORK / "root.pem"))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
        with opener.open(self.url + path, data) as answer:
            return json.load(answer)


class Table:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def add(self, what, own, peer_value, ratio, aim, peer):
        met = aim is None or ratio < aim
        self.missed += not met
        verdict = "" if aim is None else "ok" if met else "missed"
        shown_aim = "" if aim is None else f"< {aim:.3g}"
        self.rows.append([what, own, peer_value, peer, f"{ratio:.3f}", shown_aim, verdict])

    def show(self):
        rows = [["what", "libcas", "peer", "", "ratio", "aim", ""], *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            cells = [cell.rjust(width) if 0 < at < 6 and at != 3 else cell.ljust(width)
                     for at, (cell, width) in enumerate(zip(row, widths))]
            print("  ".join(cells).rstrip())


def run(command):
    subprocess.run(command, check=True)


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def stop(why):
    print(f"bench: {why}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())

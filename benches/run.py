"""Speed and size of libcas and casctl, as ratios against peers that are measured in the same run.

    make bench                     or, after a build:  python3 benches/run.py [--quick] [--enforce]

--quick takes fewer calls and rounds, for a first impression; --enforce exits with 1 when a target
is missed. README.md beside this file says what is measured and how.
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

# The targets: ratios (and bytes) must be below these.
TARGET_SIGNING = 3.0
TARGET_WARM = 0.8
# The least that a program without deadlines, retries and wiping can spend.
TARGET_SOCKETS = {"HTTP": 1.06, "HTTPS": 1.03}
TARGET_COLD = 1 / 3
# casctl also parses its command line, and checks certificate and key.
TARGET_CASCTL = {"libcurl": 1 / 2, "Python SDK": 1 / 50}
TARGET_START = 1.0
# The work of OpenSSL's functions is more than comparing keys: they also test primes.
TARGET_INSPECTION = 1.0
TARGET_CHECKED = {"RSA-2048": 2.5, "P-256": 3.0}
TARGET_SIZE = 3_100_000

# A certificate and its key.
PAIR = [WORK / "chain.pem", WORK / "leaf.key"]
# Chains of two, by the type of their keys: what `openssl genpkey -algorithm` takes, and how many
# inspections OpenSSL does while libcas does a thousand.
CHAINS = {
    "RSA-2048": (["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], 10),
    "RSA-4096": (["RSA", "-pkeyopt", "rsa_keygen_bits:4096"], 3),
    "P-256": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], 500),
    "P-384": (["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], 200),
}
# A pair whose domain libcas searches for.
DOMAIN_PAIR = [WORK / "domain.pem", WORK / "domain.key"]
# libcas sends them without checks, as the peers do.
SKIP_CHECKS = {"SKIP_CHECKS": "1"}

LIBCAS = [WORK / "cas_upload"]
LIBCURL = [WORK / "curl_upload"]
SOCKETS = [WORK / "socket_upload"]
REPORT = WORK / "report"
INSPECT = WORK / "cas_inspect"
OPENSSL_INSPECT = WORK / "openssl_inspect"
SDK = [SDK_PYTHON, PEERS / "sdk_upload.py"]
CALLERS = {"libcas": LIBCAS, "sockets": SOCKETS, "libcurl": LIBCURL, "Python SDK": SDK}
CASCTL = RELEASE / "casctl"

# The versions of the API: the number in the C API, the actions.
VERSIONS = {
    "2018-07-13": ("1", "CreateUserCertificate", "DescribeUserCertificateList"),
    "2020-04-07": ("2", "UploadUserCertificate", "ListUserCertificateOrder"),
}


def main():
    options = argparse.ArgumentParser(description="Measures libcas against its peers.")
    options.add_argument("--quick", action="store_true", help="fewer calls and rounds")
    options.add_argument("--enforce", action="store_true", help="exit with 1 if a target is missed")
    options = options.parse_args()
    prepare()
    table = Table()
    signing(table)
    # Clients and emulators share one core. On a virtual machine the cost of waking another core
    # varies by more than the calls differ.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with_tls = ["--tls-cert", WORK / "chain.pem", "--tls-key", WORK / "leaf.key"]
    with Emulator() as plain, Emulator(*with_tls) as tls:
        calls, rounds = (1_000, 3) if options.quick else (5_000, 5)
        for title, emulator in [("HTTP", plain), ("HTTPS", tls)]:
            warm(table, title, emulator, calls, rounds)
        checks(table, plain, calls // 2, rounds)
        rounds = 5 if options.quick else 21
        for title, emulator in [("HTTP", plain), ("HTTPS", tls)]:
            cold(table, title, emulator, rounds)
        start(table, rounds)
    inspections(table, 1_000, 3 if options.quick else 7)
    size = (RELEASE / "libcas.so").stat().st_size
    ratio = size / TARGET_SIZE
    table.add("libcas.so, bytes", f"{size:,}", f"{TARGET_SIZE:,}", ratio, 1, "the target")
    table.show()
    lookups(1 if options.quick else 5)
    return 1 if options.enforce and table.missed else 0


def prepare():
    """Makes the peers, a chain, and a root store with the system's roots and the chain's."""
    headers = b"#include <curl/curl.h>\n#include <openssl/evp.h>\n"
    if subprocess.run(["cc", "-E", "-"], input=headers, capture_output=True).returncode != 0:
        stop("The headers of libcurl or OpenSSL are missing. "
             "On Debian: apt-get install libcurl4-openssl-dev libssl-dev")
    for needed, how in [
        (RELEASE / "libcas.so.0", "make build"),
        (RELEASE / "cas-emulator", "make build"),
        (CASCTL, "make build"),
        (SDK_PYTHON, "make bench"),
        (SYSTEM_ROOTS, "apt-get install ca-certificates"),
    ]:
        if not needed.exists():
            stop(f"{needed} is missing. To get it: {how}")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    # -Wl,--as-needed: the peer loads only what it uses.
    compiler = ["cc", "-std=gnu99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wl,--as-needed"]
    run([*compiler, "-o", *LIBCURL, PEERS / "curl_upload.c", "-lcurl", "-lcrypto"])
    run([*compiler, "-o", *SOCKETS, PEERS / "socket_upload.c", "-lssl", "-lcrypto"])
    against_libcas = [f"-I{ROOT}/include", f"-L{RELEASE}", "-lcas", f"-Wl,-rpath,{RELEASE}"]
    run([*compiler, "-o", *LIBCAS, PEERS / "cas_upload.c", *against_libcas])
    run([*compiler, "-o", INSPECT, PEERS / "cas_inspect.c", *against_libcas])
    run([*compiler, "-o", OPENSSL_INSPECT, PEERS / "openssl_inspect.c", "-lcrypto"])
    run([*compiler, "-o", REPORT, ROOT / "tests/fixtures/c/report.c", *against_libcas])
    run([ROOT / "examples/make-chain.sh", WORK, "localhost"])
    # Three certificates, as in earlier comparisons. The checks remove the root.
    root = (WORK / "root.pem").read_bytes()
    (WORK / "chain.pem").write_bytes((WORK / "chain.pem").read_bytes() + root)
    certificate, key = DOMAIN_PAIR
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-noenc", "-days", "90", "-subj", "/CN=bench.example",
            "-addext", "subjectAltName=DNS:bench.example",
            "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", certificate)
    for name, (algorithm, _) in CHAINS.items():
        make_chain(name, algorithm)
    (WORK / "trusted.pem").write_bytes(SYSTEM_ROOTS.read_bytes() + root)


def chain_of(name):
    """The files of a chain of two and its key."""
    return [WORK / f"{name}.pem", WORK / f"{name}.key"]


def make_chain(name, algorithm):
    """Makes a leaf and the intermediate that issued it, all with keys of one type."""
    def make(file, subject, issuer, extensions):
        openssl("genpkey", "-algorithm", *algorithm, "-out", f"{file}.key")
        openssl("req", "-new", "-key", f"{file}.key", "-subj", subject, "-out", WORK / "csr")
        (WORK / "extensions").write_text(extensions + "subjectKeyIdentifier=hash\n"
                                         "authorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", WORK / "csr", "-days", "90", "-CA", f"{issuer}.crt",
                "-CAkey", f"{issuer}.key", "-extfile", WORK / "extensions", "-out", f"{file}.crt")

    root, intermediate, leaf = WORK / f"{name}-root", WORK / f"{name}-intermediate", WORK / name
    openssl("genpkey", "-algorithm", *algorithm, "-out", f"{root}.key")
    openssl("req", "-x509", "-key", f"{root}.key", "-subj", "/CN=root", "-out", f"{root}.crt")
    make(intermediate, "/O=libcas tests/CN=intermediate", root,
         "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    make(leaf, "/CN=localhost", intermediate,
         "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
         "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost\n")
    chain = [Path(f"{file}.crt").read_text() for file in (leaf, intermediate)]
    Path(f"{leaf}.pem").write_text("".join(chain))


def signing(table):
    """Runs the Rust benchmark in several processes: memory layout changes the result by a third."""
    command = [os.environ.get("CARGO", "cargo"), "bench", "--quiet", "--locked",
               "--package", "cas-sign", "--bench", "signing"]
    found = []
    for turn in range(9):
        say(f"signing, process {turn + 1} of 9")
        process = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        printed = process.stdout
        times = re.search(r"sign ([\d.]+) us, SHA-1 ([\d.]+) us", printed)
        if not times:
            stop(f"unexpected output of the signing benchmark: {printed}")
        found.append([float(time) for time in times.groups()])
    sign, sha1 = map(statistics.median, zip(*found))
    table.add("signing 6 KB, µs", f"{sign:.1f}", f"{sha1:.1f}", sign / sha1, TARGET_SIGNING,
              "bare SHA-1")


def warm(table, title, emulator, calls, rounds):
    """CPU of one call on an open connection. libcas skips its checks; the peers have none."""
    times = {name: [] for name in CALLERS}
    for turn in range(rounds):
        for name, caller in rotated(CALLERS, turn):
            # A call of the SDK takes thirty times longer, so fewer calls are enough.
            long = 300 if name == "Python SDK" else calls
            say(f"warm {title}, round {turn + 1} of {rounds}, {name}")
            times[name].append(cpu_of_a_call(emulator, caller, long, SKIP_CHECKS))
            if emulator.upload_connections() != 1:
                stop(f"{name} did not reuse its connection")
    targets = {"sockets": TARGET_SOCKETS[title], "libcurl": TARGET_WARM}
    add_rows(table, f"warm {title}, CPU µs a call", times, 1e6, targets)


def cpu_of_a_call(emulator, caller, calls, environment, pair=PAIR):
    """A long run minus a short one, so that the start does not count."""
    short = 100
    start = upload(emulator, caller, short, WORK / "root.pem", environment, pair).cpu
    whole = upload(emulator, caller, short + calls, WORK / "root.pem", environment, pair).cpu
    return (whole - start) / calls


def checks(table, emulator, calls, rounds):
    """What the checks of certificate and key add to a warm upload, by pairs of measurements."""
    for kind, target in TARGET_CHECKED.items():
        checked, unchecked = [], []
        for turn in range(rounds):
            say(f"checks of {kind}, round {turn + 1} of {rounds}")
            checked.append(cpu_of_a_call(emulator, LIBCAS, calls, {}, chain_of(kind)))
            unchecked.append(cpu_of_a_call(emulator, LIBCAS, calls, SKIP_CHECKS, chain_of(kind)))
        add_pairs(table, f"checked {kind}, CPU µs a call", checked, unchecked, target, "unchecked")


def inspections(table, calls, rounds):
    """CPU of one inspection of a chain of two and its key, beside OpenSSL's functions."""
    for kind, (_, peer_calls) in CHAINS.items():
        own, peer = [], []
        for turn in range(rounds):
            say(f"inspection of {kind}, round {turn + 1} of {rounds}")
            own.append(cpu_of_an_inspection(INSPECT, kind, calls))
            peer.append(cpu_of_an_inspection(OPENSSL_INSPECT, kind, peer_calls))
        add_pairs(table, f"inspection {kind}, CPU µs", own, peer, TARGET_INSPECTION, "OpenSSL")


def cpu_of_an_inspection(program, kind, calls):
    """A long run minus a short one, so that the start does not count."""
    few = max(1, calls // 50)
    long, short = (usage_of([program, *chain_of(kind), str(count)]) for count in (calls + few, few))
    return (long.cpu - short.cpu) / calls


def add_pairs(table, what, own, peer, target, name):
    """The ratio is the median of the pairs: the two of a pair ran under the same load."""
    ratio = statistics.median(one / other for one, other in zip(own, peer))
    own, peer = (statistics.median(values) * 1e6 for values in (own, peer))
    table.add(what, f"{own:,.1f}", f"{peer:,.1f}", ratio, target, name)


def cold(table, title, emulator, rounds):
    """A whole process with one upload. All read the same bundle as the system's store."""
    bundle = WORK / "trusted.pem"
    # libcas finds the store through SSL_CERT_FILE, as it finds the system's store. The paths of
    # libcurl and the SDK are built in, so they get the path as an option.
    store = {"SSL_CERT_FILE": str(bundle)}
    usages = taking_turns(f"cold {title}", rounds, {
        "libcas": lambda: upload(emulator, LIBCAS, 1, None, {**store, **SKIP_CHECKS}),
        "casctl": lambda: casctl_upload(emulator, store),
        "libcurl": lambda: upload(emulator, LIBCURL, 1, bundle, {}),
        "Python SDK": lambda: upload(emulator, SDK, 1, bundle, {}),
    })
    for caller, what, cpu, wall in [
        ("libcas", f"cold {title}", {"libcurl": TARGET_COLD}, {"libcurl": TARGET_COLD}),
        ("casctl", f"casctl upload {title}", TARGET_CASCTL, {}),
    ]:
        compared = {name: usages[name] for name in (caller, "libcurl", "Python SDK")}
        add_usages(table, what, compared, cpu, wall)


def casctl_upload(emulator, more_environment):
    """The command that a renewal hook runs. It checks certificate and key before it sends them."""
    emulator.reset()
    certificate, key = PAIR
    access_key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "testid",
                  "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "testsecret"}
    command = [CASCTL, "upload", "bench", "--cert", certificate, "--key", key,
               "--endpoint", emulator.url, "--quiet"]
    return usage_of(command, {**access_key, **more_environment})


def start(table, rounds):
    """Commands that call nothing, beside those of the command line that is on most machines."""
    certificate, key = PAIR
    for what, own, peer in [
        ("casctl --version", [CASCTL, "--version"], ["openssl", "version"]),
        ("casctl check", [CASCTL, "check", "--cert", certificate, "--key", key],
         ["openssl", "x509", "-noout", "-text", "-in", certificate]),
    ]:
        usages = taking_turns(what, rounds, {
            "casctl": lambda own=own: usage_of(own),
            "openssl": lambda peer=peer: usage_of(peer),
        })
        add_usages(table, what, usages, {"openssl": TARGET_START}, {"openssl": TARGET_START})


def lookups(rounds):
    """Requests and time of a look-up, by the number of certificates in the account."""
    print()
    print(f"{'look-up':<26}{'certificates':>13}{'requests':>10}{'wall ms':>10}")
    with Emulator() as emulator:
        report(emulator, "oldest", "1", {}, PAIR)
        stored = 1
        for certificates in [100, 1_000, 10_000]:
            say(f"look-ups, {certificates:,} certificates")
            upload(emulator, LIBCAS, certificates - stored, None, SKIP_CHECKS, reset=False)
            stored = certificates
            for version, (number, create, lists) in VERSIONS.items():
                # Another certificate has the name, so the whole list is read, and nothing is sent.
                fail = {"CAS_ON_CONFLICT": "1"}
                whole = [report(emulator, "oldest", number, fail, DOMAIN_PAIR, lists, "NAME_TAKEN")
                         for _ in range(rounds)]
                show_lookup(f"whole list, {version}", certificates, whole)
            for version, (number, create, lists) in VERSIONS.items():
                found = []
                for _ in range(rounds):
                    fault = {"action": create, "kind": "drop-after", "times": 1}
                    emulator.control("/_emulator/faults", json.dumps(fault).encode())
                    stored += 1
                    found.append(report(emulator, f"new-{stored}", number, {}, DOMAIN_PAIR, lists))
                show_lookup(f"lost response, {version}", certificates, found)


def report(emulator, name, version, settings, pair, action="", status="OK"):
    """Uploads with report.c. Returns the number of requests of an action, and the seconds."""
    def requests():
        return [request["request_id"] for request in emulator.control("/_emulator/requests")
                if request["action"] == action]
    before = set(requests())
    environment = {"PATH": os.environ["PATH"], "CAS_ENDPOINT": emulator.url, "CAS_API": version,
                   "CAS_TIMEOUT_MS": "120000", "CAS_ACCESS_KEY": "testid:testsecret", **settings}
    start = time.perf_counter()
    printed = subprocess.run([REPORT, name, *pair], env=environment, stdout=subprocess.PIPE,
                             text=True).stdout
    wall = time.perf_counter() - start
    if not re.search(f"^status=CAS_(ERR_)?{status}$", printed, re.MULTILINE):
        stop(f"unexpected end of an upload:\n{printed}")
    return len(set(requests()) - before), wall


def show_lookup(what, certificates, results):
    requests = {count for count, _ in results}
    wall = statistics.median(wall for _, wall in results) * 1e3
    shown = "-".join(map(str, sorted(requests)))
    print(f"{what:<26}{certificates:>13,}{shown:>10}{wall:>10,.1f}", flush=True)


def add_rows(table, what, times, scale, targets):
    """A row for each peer of the first, whose target may be missing: it is shown for comparison."""
    (_, own), *peers = ((name, statistics.median(values) * scale)
                        for name, values in times.items())
    for peer, value in peers:
        table.add(what, f"{own:,.1f}", f"{value:,.1f}", own / value, targets.get(peer), peer)


def add_usages(table, what, usages, cpu_targets, wall_targets):
    """Rows for the processor time and for the elapsed time."""
    cpu = {name: [usage.cpu for usage in found] for name, found in usages.items()}
    add_rows(table, f"{what}, CPU ms", cpu, 1e3, cpu_targets)
    wall = {name: [usage.wall for usage in found] for name, found in usages.items()}
    add_rows(table, f"{what}, wall ms", wall, 1e3, wall_targets)


def taking_turns(what, rounds, runs):
    """The usages of each run."""
    usages = {name: [] for name in runs}
    for turn in range(rounds):
        say(f"{what}, round {turn + 1} of {rounds}")
        for name, run_once in rotated(runs, turn):
            usages[name].append(run_once())
    return usages


def rotated(runs, turn):
    """All of them, each round beginning with another one, so that the order has no effect."""
    runs = list(runs.items())
    turn %= len(runs)
    return runs[turn:] + runs[:turn]


class Usage:
    """Seconds that a finished process used."""

    def __init__(self, wall, rusage):
        self.wall = wall
        self.cpu = rusage.ru_utime + rusage.ru_stime


def upload(emulator, caller, calls, ca_file, more_environment, pair=PAIR, reset=True):
    if reset:
        emulator.reset()
    command = [*caller, emulator.url, *pair, str(calls)]
    if ca_file:
        command.append(ca_file)
    return usage_of(command, more_environment)


def usage_of(command, more_environment=None):
    """Runs a command, which must succeed."""
    # Not the user's environment: no proxy, no other root store, no access key.
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(more_environment or {})}
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, rusage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        stop(f"{Path(command[0]).name} failed with {child.returncode}")
    return Usage(wall, rusage)


class Emulator:
    """cas-emulator on a free port of this machine, stopped at the end of a `with`."""

    def __init__(self, *options):
        self.command = [RELEASE / "cas-emulator", "--quiet", "--listen", "127.0.0.1:0", *options]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        first_line = self.process.stdout.readline()
        if not first_line:
            stop("cas-emulator failed to start")
        self.url = first_line.split()[-1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def reset(self):
        """Deletes the uploads, so that every client uses the same state."""
        self.control("/_emulator/reset", b"")

    def upload_connections(self):
        """Connections used by uploads since the reset (by the last 1,000 of them)."""
        requests = self.control("/_emulator/requests")
        return len({request["connection"] for request in requests})

    def control(self, path, data=None):
        context = ssl.create_default_context(cafile=WORK / "root.pem")
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        with opener.open(self.url + path, data) as response:
            return json.load(response)


class Table:
    def __init__(self):
        self.rows = []
        self.missed = 0

    def add(self, what, own, peer_value, ratio, target, peer):
        met = target is None or ratio < target
        self.missed += not met
        verdict = "" if target is None else "ok" if met else "missed"
        shown_target = "" if target is None else f"< {target:.3g}"
        self.rows.append([what, own, peer_value, peer, f"{ratio:.3f}", shown_target, verdict])

    def show(self):
        rows = [["what", "ours", "peer", "", "ratio", "target", ""], *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            cells = [cell.rjust(width) if 0 < at < 6 and at != 3 else cell.ljust(width)
                     for at, (cell, width) in enumerate(zip(row, widths))]
            print("  ".join(cells).rstrip())


def run(command):
    subprocess.run(command, check=True)


def openssl(*arguments):
    """Runs openssl, whose progress on standard error nobody needs."""
    process = subprocess.run(["openssl", *arguments], stderr=subprocess.PIPE, text=True)
    if process.returncode != 0:
        stop(f"openssl {arguments[0]} failed: {process.stderr}")


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def stop(why):
    print(f"bench: {why}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())

"""Uploads to cas-emulator beside imports to moto's ACM, in the same run. Part of `make bench`.

    python3 benches/emulator.py [--quick]

README.md beside this file says what is measured and how.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
EMULATOR = ROOT / "target/release/cas-emulator"
MOTO = ROOT / "target/moto/bin/moto_server"
WORK = ROOT / "target/bench/emulator"
CONNECTIONS = (1, 8, 64)


def main(quick):
    for needed in (EMULATOR, MOTO):
        if not needed.exists():
            sys.exit(f"bench: {needed} is missing. To get it: make bench")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    compile_c("load", ["-D_GNU_SOURCE", ROOT / "benches/peers/load.c", "-lpthread"])
    shim = ROOT / "crates/cas-emulator/tests/data/count_syncs.c"
    compile_c("count_syncs.so", ["-shared", "-fPIC", shim, "-ldl"])
    subprocess.run([ROOT / "examples/make-chain.sh", WORK, "localhost"], check=True)
    counts = Counts(1_000, 200, 500, 20) if quick else Counts(5_000, 500, 2_000, 60)
    rounds = 1 if quick else 3
    print(f"{'uploads a second':<18}{'memory':>9}{'durable':>9}{'moto ACM':>9}{'memory':>9}"
          f"{'durable':>9}{'fsyncs':>9}{'client':>9}")
    print(f"{'connections':<18}{'':>27}{'/ moto':>9}{'/ moto':>9}{'/ 100':>9}{'µs':>9}")
    with Server([MOTO, "-p", "0"]) as moto:
        for connections in CONNECTIONS:
            measure(connections, counts, rounds, moto)


class Counts(NamedTuple):
    """How many of each are measured: some take long."""

    memory: int
    durable_alone: int
    durable: int
    imports: int


def measure(connections, counts, rounds, moto):
    """One line of the table: medians, and the ratios are medians of those of the rounds."""
    rates, syncs, client = [], [], []
    uploads = counts.durable_alone if connections == 1 else counts.durable
    for turn in range(rounds):
        print(f"bench: emulator, {connections} connections, round {turn + 1} of {rounds}",
              file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            counted = Path(folder) / "syncs"
            # In turn, so that a load from elsewhere meets all.
            with Server(emulator()) as server:
                memory, cpu = load(server, cas_uploads(counts.memory), connections)
            with Server(emulator("--data", Path(folder) / "cas.db")) as server:
                durable, _ = load(server, cas_uploads(uploads), connections)
            peer, _ = load(moto, acm_imports(counts.imports), connections)
            environment = {"LD_PRELOAD": WORK / "count_syncs.so", "COUNT_SYNCS": counted}
            with Server(emulator("--data", Path(folder) / "counted.db"), environment) as server:
                load(server, cas_uploads(uploads), connections)
                syncs.append(counted.stat().st_size * 100 / uploads)
        rates.append((memory, durable, peer, memory / peer, durable / peer))
        client.append(cpu * 1e6)
    memory, durable, peer, to_moto, durable_to_moto = map(statistics.median, zip(*rates))
    syncs, client = statistics.median(syncs), statistics.median(client)
    print(f"{connections:<18}{memory:>9,.0f}{durable:>9,.0f}{peer:>9,.0f}{to_moto:>9.1f}"
          f"{durable_to_moto:>9.1f}{syncs:>9.1f}{client:>9.1f}", flush=True)


def load(server, requests, connections):
    """Uploads a second, and the client's seconds of processor time for each."""
    file = WORK / "requests"
    file.write_bytes(b"".join(struct.pack("=I", len(one)) + one for one in requests))
    command = [WORK / "load", file, str(connections), str(server.port)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seconds = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit("bench: an upload failed")
    return len(requests) / float(seconds), (usage.ru_utime + usage.ru_stime) / len(requests)


def pair():
    return (WORK / "chain.pem").read_text(), (WORK / "leaf.key").read_text()


def cas_uploads(count):
    """CreateUserCertificate, signed with HMAC-SHA1. Only name and nonce differ."""
    certificate, key = pair()
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def encoded(text):
        return quote(text, safe="~")

    before = (f"AccessKeyId=testid&Action=CreateUserCertificate&Cert={encoded(certificate)}"
              f"&Format=JSON&Key={encoded(key)}&Name=")
    between = "&SignatureMethod=HMAC-SHA1&SignatureNonce="
    after = f"&SignatureVersion=1.0&Timestamp={encoded(now)}&Version=2018-07-13"
    signed = [encoded(part) for part in (before, between, after)]
    for_key = hmac.new(b"testsecret&", f"POST&%2F&{signed[0]}".encode(), hashlib.sha1)
    requests = []
    for number in range(count):
        name = f"bench{number}"
        mac = for_key.copy()
        mac.update(f"{name}{signed[1]}{name}{signed[2]}".encode())
        signature = encoded(base64.b64encode(mac.digest()).decode())
        body = f"{before}{name}{between}{name}{after}&Signature={signature}"
        requests.append(post("application/x-www-form-urlencoded", "", body))
    return requests


def acm_imports(count):
    """ImportCertificate with the same certificate. moto does not verify signatures."""
    certificate, key = pair()
    leaf, chain = re.match(r"(?s)(.*?-----END CERTIFICATE-----\n)(.*)", certificate).groups()
    parts = {"Certificate": leaf, "PrivateKey": key, "CertificateChain": chain}
    body = json.dumps({name: base64.b64encode(text.encode()).decode()
                       for name, text in parts.items()})
    headers = ("X-Amz-Target: CertificateManager.ImportCertificate\r\nAuthorization: "
               "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/acm/aws4_request, "
               "SignedHeaders=host, Signature=0\r\n")
    return [post("application/x-amz-json-1.1", headers, body)] * count


def post(content_type, headers, body):
    head = (f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n")
    return (head + body).encode()


def emulator(*options):
    return [EMULATOR, "--quiet", "--listen", "127.0.0.1:0", *options]


class Server:
    """A server on a free port of this machine, stopped at the end of a `with`."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = {"PATH": os.environ["PATH"], **(environment or {})}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, env=self.environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        # Both print their address, moto in colour and among other lines.
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            sys.exit(f"bench: {self.command[0]} failed to start")
        # A line for each request would stop moto if nobody read it.
        self.reader = subprocess.Popen(["cat"], stdin=self.process.stdout,
                                       stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.reader.wait()


def compile_c(name, arguments):
    command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", WORK / name, *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Measures cas-emulator beside moto's ACM.")
    options.add_argument("--quick", action="store_true", help="fewer uploads and rounds")
    main(options.parse_args().quick)

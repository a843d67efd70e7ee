"""A fixture for pytest: cas-emulator, started once and empty before each test."""

import json
import os
import subprocess
import urllib.request

import pytest


class Emulator:
    """A running emulator. `url` is the endpoint; the access key is testid, testsecret."""

    def __init__(self, url):
        self.url = url

    def control(self, method, path, body=None):
        """A call of the control interface. Returns the JSON of the response."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["error"]) from None

    def certificates(self):
        return self.control("GET", "certificates")

    def fault(self, **fault):
        """Makes calls fail: fault(kind="drop-after", action="CreateUserCertificate")."""
        return self.control("POST", "faults", fault)

    def verify(self, *calls, nothing_else=False):
        """Fails with a list of differences unless the emulator received these calls."""
        self.control("POST", "verify", {"calls": calls, "nothing_else": nothing_else})


@pytest.fixture(scope="session")
def running_emulator():
    program = os.environ.get("CAS_EMULATOR", "cas-emulator")
    command = [program, "--quiet", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[-1]
        yield Emulator(url)
        process.terminate()


@pytest.fixture
def cas_emulator(running_emulator):
    running_emulator.control("POST", "reset")
    return running_emulator

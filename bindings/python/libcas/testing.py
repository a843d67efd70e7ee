"""A local CAS for tests: the emulator that the wheel contains."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

from ._client import Client


class Emulator:
    """A running `cas-emulator` on a free port, with its options. CAS_EMULATOR is another program.

    `url` is the endpoint; `access_key_id` and `access_key_secret` are the key that it accepts.
    """

    access_key_id = "testid"
    access_key_secret = "testsecret"

    def __init__(self, *options: str) -> None:
        included = Path(__file__).with_name("bin") / "cas-emulator"
        program = os.environ.get("CAS_EMULATOR", str(included))
        command = [program, "--quiet", "--exit-with-parent", "--listen", "127.0.0.1:0", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"{program} did not start; standard error says why")
        self.url = line.split()[-1]

    def client(self, **options: Any) -> Client:
        """A client of this emulator, with these options."""
        options = {
            "endpoint": self.url,
            "access_key_id": self.access_key_id,
            "access_key_secret": self.access_key_secret,
            **options,
        }
        return Client(**options)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control interface. Returns the JSON of the response."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data, method=method)
        # Without the proxies of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                refused = json.load(error)["error"]
        raise AssertionError(refused)

    def certificates(self) -> List[Dict[str, Any]]:
        """The stored certificates."""
        found: List[Dict[str, Any]] = self.control("GET", "certificates")
        return found

    def requests(self) -> List[Dict[str, Any]]:
        """The last requests of the API, oldest first."""
        found: List[Dict[str, Any]] = self.control("GET", "requests")
        return found

    def fault(self, **fault: Any) -> None:
        """Makes calls fail: fault(kind="drop-after", action="CreateUserCertificate")."""
        self.control("POST", "faults", fault)

    def verify(self, *calls: Dict[str, Any], nothing_else: bool = False) -> None:
        """Fails with a list of differences unless the emulator received these calls."""
        self.control("POST", "verify", {"calls": calls, "nothing_else": nothing_else})

    def reset(self) -> None:
        """Removes certificates, requests and faults."""
        self.control("POST", "reset")

    def close(self) -> None:
        """Stops the emulator."""
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

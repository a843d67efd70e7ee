"""What calls take and return: constants, results and errors."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ._native import library


class Status(enum.IntEnum):
    """What a call ended with: the CAS_ERR_ constants of cas.h."""

    INVALID_ARGUMENT = 1
    CERTIFICATE = 2
    CREDENTIALS = 3
    NETWORK = 4
    TIMEOUT = 5
    SERVICE = 6
    THROTTLED = 7
    NAME_TAKEN = 8
    PROTOCOL = 9
    OUTCOME_UNKNOWN = 10
    IO = 11
    INTERNAL = 12
    NOT_FOUND = 13
    PERMISSION = 14
    CANCELLED = 15


class Api(enum.IntEnum):
    """A version of the API of the service."""

    AUTO = 0
    V2018_07_13 = 1
    V2020_04_07 = 2


class Signature(enum.IntEnum):
    """A method of signing requests."""

    HMAC_SHA1 = 0
    ACS3 = 1


class LogLevel(enum.IntEnum):
    """The importance of a log message."""

    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


class OnConflict(enum.IntEnum):
    """What to do if another certificate has the name."""

    REUSE = 0
    FAIL = 1
    RENAME = 2
    REPLACE = 3


class Outcome(enum.IntEnum):
    """What an upload did."""

    CREATED = 0
    REUSED = 1
    REPLACED = 2


class Severity(enum.IntEnum):
    """The importance of a finding."""

    NOTE = 0
    WARNING = 1
    REFUSED = 2


@dataclass(frozen=True)
class Result:
    """A stored certificate. `name` is the one at the service."""

    cert_id: int
    name: str
    cert_identifier: str
    outcome: Outcome
    request_id: Optional[str]
    attempts: int
    api: Api


@dataclass(frozen=True)
class Certificate:
    """What the service reports about a certificate; what it does not report is empty."""

    cert_id: int
    name: str
    common_name: str
    sans: Tuple[str, ...]
    issuer: str
    fingerprint: str
    not_before: str
    not_after: str
    expired: bool


@dataclass(frozen=True)
class Finding:
    """Something about a certificate or key. `id` never changes; `message` begins with it."""

    id: str
    severity: Severity
    message: str
    hint: str


@dataclass(frozen=True)
class Inspection:
    """A certificate as an upload would send it. `findings` has refusals first, notes last."""

    common_name: str
    sans: Tuple[str, ...]
    issuer: str
    serial: str
    not_before: str
    not_after: str
    sha1: str
    sha256: str
    key_type: str
    chain_len: int
    cert_pem: str
    findings: Tuple[Finding, ...]


class Error(Exception):
    """A call failed: `message` says what happened, `hint` what to do, `status` is for programs."""

    def __init__(
        self,
        status: Status,
        message: str,
        hint: Optional[str] = None,
        service_code: Optional[str] = None,
        service_message: Optional[str] = None,
        request_id: Optional[str] = None,
        http_status: int = 0,
        attempts: int = 0,
        retryable: bool = False,
    ) -> None:
        # All of them, so that an error can be pickled.
        super().__init__(status, message, hint, service_code, service_message, request_id,
                         http_status, attempts, retryable)
        self.status = status
        self.message = message
        self.hint = hint
        self.service_code = service_code
        self.service_message = service_message
        self.request_id = request_id
        self.http_status = http_status
        self.attempts = attempts
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


def string(value: Optional[bytes]) -> str:
    """A string of the library; empty for NULL."""
    return "" if value is None else value.decode("utf-8", "replace")


def optional(value: Optional[bytes]) -> Optional[str]:
    """A string of the library; None for NULL."""
    return None if value is None else string(value)


def error(handle: Any) -> Error:
    """Copies what a `cas_error` holds."""
    return Error(
        Status(library.cas_error_status(handle)),
        string(library.cas_error_message(handle)),
        optional(library.cas_error_hint(handle)),
        optional(library.cas_error_service_code(handle)),
        optional(library.cas_error_service_message(handle)),
        optional(library.cas_error_request_id(handle)),
        library.cas_error_http_status(handle),
        library.cas_error_attempts(handle),
        library.cas_error_retryable(handle),
    )

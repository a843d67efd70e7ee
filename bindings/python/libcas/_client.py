"""The client, and the inspection of certificates without one."""

from __future__ import annotations

import ctypes
import logging
import os
from types import TracebackType
from typing import Any, Callable, Iterable, List, Optional, Tuple, Type, Union

from . import _arguments
from ._arguments import Path, Text
from ._calls import call, interruptible, log_function
from ._native import Handle, library
from ._values import (
    Api, Certificate, Finding, Inspection, LogLevel, OnConflict, Outcome, Result, Severity,
    Signature, error, optional, string,
)

_logger = logging.getLogger("libcas")
_logger.addHandler(logging.NullHandler())
_LEVELS = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARN: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}

# The function of an option, what checks its value, and the value.
_Option = Tuple[Any, Callable[[str, Any], Any], Any]


def _log(level: LogLevel, message: str) -> None:
    _logger.log(_LEVELS[level], "%s", message)


def _set(handle: Handle, options: Iterable[_Option]) -> None:
    for function, check, value in options:
        if value is not None:
            option = function.__name__.split("_set_")[-1]
            function(handle, check(option, value))


class Client:
    """A client of the service. Any number of threads may use it; keep it.

    An option that is None has its default. cas.h describes the options under the same names.
    """

    def __init__(
        self,
        *,
        endpoint: Optional[str] = None,
        region: Optional[str] = None,
        vpc: Optional[bool] = None,
        allow_plaintext: Optional[bool] = None,
        access_key_id: Optional[str] = None,
        access_key_secret: Optional[str] = None,
        security_token: Optional[str] = None,
        profile: Optional[str] = None,
        ca_file: Union[str, Path, None] = None,
        ca_pem: Optional[Text] = None,
        proxy: Optional[str] = None,
        trust_environment: Optional[bool] = None,
        connect_timeout_ms: Optional[int] = None,
        timeout_ms: Optional[int] = None,
        max_attempts: Optional[int] = None,
        rate_limit: Optional[int] = None,
        api: Optional[Api] = None,
        signature: Optional[Signature] = None,
        user_agent: Optional[str] = None,
        log: Callable[[LogLevel, str], object] = _log,
        log_level: LogLevel = LogLevel.DEBUG,
    ) -> None:
        self._handle: Optional[Handle] = None
        config = Handle(library.cas_config_new(), library.cas_config_free)
        if (access_key_id is None) != (access_key_secret is None):
            raise TypeError("access_key_id and access_key_secret belong together")
        if ca_file is not None and ca_pem is not None:
            raise TypeError("pass ca_file or ca_pem, not both")
        text, flag, number = _arguments.text, _arguments.flag, _arguments.number
        if access_key_id is not None and access_key_secret is not None:
            library.cas_config_set_access_key(
                config, text("access_key_id", access_key_id),
                text("access_key_secret", access_key_secret))
        if ca_pem is not None:
            library.cas_config_set_ca_pem(config, *_arguments.data("ca_pem", ca_pem))
        log_c = log_function(log)
        library.cas_config_set_log(config, log_c, None, number("log_level", log_level, 2**31))
        _set(config, [
            (library.cas_config_set_endpoint, text, endpoint),
            (library.cas_config_set_region, text, region),
            (library.cas_config_set_vpc, flag, vpc),
            (library.cas_config_set_allow_plaintext, flag, allow_plaintext),
            (library.cas_config_set_security_token, text, security_token),
            (library.cas_config_set_profile, text, profile),
            (library.cas_config_set_ca_file, _arguments.path, ca_file),
            (library.cas_config_set_proxy, text, proxy),
            (library.cas_config_set_trust_environment, flag, trust_environment),
            (library.cas_config_set_connect_timeout_ms, number, connect_timeout_ms),
            (library.cas_config_set_timeout_ms, number, timeout_ms),
            (library.cas_config_set_max_attempts, number, max_attempts),
            (library.cas_config_set_rate_limit, number, rate_limit),
            (library.cas_config_set_api, _constant, api),
            (library.cas_config_set_signature, _constant, signature),
            (library.cas_config_set_user_agent, text, user_agent),
        ])
        _check(library.cas_config_error(config))
        out = ctypes.c_void_p()
        call(library.cas_client_new, config, ctypes.byref(out))
        self._handle = _LoggingClient(out, log_c)

    def upload(
        self,
        name: str,
        cert: Union[Text, Path, None] = None,
        key: Union[Text, Path, None] = None,
        *,
        pkcs12: Union[bytes, bytearray, Path, None] = None,
        password: Optional[str] = None,
        on_conflict: Optional[OnConflict] = None,
        reuse_any_name: Optional[bool] = None,
        allow_findings: Iterable[str] = (),
        skip_checks: Optional[bool] = None,
        sm2_encryption: Optional[Tuple[Union[Text, Path], Union[Text, Path]]] = None,
        lang: Optional[str] = None,
        source_ip: Optional[str] = None,
        timeout_ms: Optional[int] = None,
    ) -> Result:
        """Stores a certificate with its chain and key under a name, exactly once.

        `cert` and `key` are PEM text or, as a `pathlib.Path`, files with PEM text. `pkcs12` takes
        the place of both. `sm2_encryption` is the encryption pair of an SM2 double certificate.
        """
        client = self._open()
        request = Handle(library.cas_request_new(), library.cas_request_free)
        if pkcs12 is None:
            if cert is None or key is None:
                raise TypeError("pass cert and key, or pkcs12")
            _load(request, library.cas_request_load_cert_file,
                  library.cas_request_set_cert_pem, "cert", cert)
            _load(request, library.cas_request_load_key_file,
                  library.cas_request_set_key_pem, "key", key)
        else:
            if cert is not None or key is not None:
                raise TypeError("pass cert and key, or pkcs12, not both")
            _load_pkcs12(request, pkcs12, password)
        if sm2_encryption is not None:
            with _arguments.contents("sm2_encryption", sm2_encryption[0]) as encryption_cert:
                with _arguments.contents("sm2_encryption", sm2_encryption[1]) as encryption_key:
                    library.cas_request_set_sm2_encryption(
                        request, *encryption_cert, *encryption_key)
        if isinstance(allow_findings, str):
            raise TypeError("allow_findings must be an iterable of str, not a str")
        text, flag = _arguments.text, _arguments.flag
        _set(request, [
            (library.cas_request_set_name, text, name),
            (library.cas_request_set_on_conflict, _constant, on_conflict),
            (library.cas_request_set_reuse_any_name, flag, reuse_any_name),
            (library.cas_request_set_skip_checks, flag, skip_checks),
            (library.cas_request_set_lang, text, lang),
            (library.cas_request_set_source_ip, text, source_ip),
            (library.cas_request_set_timeout_ms, _arguments.number, timeout_ms),
            *((library.cas_request_allow_finding, text, finding) for finding in allow_findings),
        ])
        _check(library.cas_request_error(request))
        out = ctypes.c_void_p()
        interruptible(client, library.cas_create_user_certificate, client, request,
                      ctypes.byref(out))
        result = Handle(out, library.cas_result_free)
        return Result(
            cert_id=library.cas_result_cert_id(result),
            name=string(library.cas_result_name(result)),
            cert_identifier=string(library.cas_result_cert_identifier(result)),
            outcome=Outcome(library.cas_result_outcome(result)),
            request_id=optional(library.cas_result_request_id(result)),
            attempts=library.cas_result_attempts(result),
            api=Api(library.cas_result_api(result)),
        )

    def get(self, cert_id: int) -> Certificate:
        """Fetches what the service reports about one certificate."""
        client, out = self._open(), ctypes.c_void_p()
        interruptible(client, library.cas_get_certificate, client,
                      _arguments.number("cert_id", cert_id, 2**63), ctypes.byref(out))
        return _certificate(Handle(out, library.cas_certificate_free))

    def list(self) -> List[Certificate]:
        """Fetches the whole list: uploaded and issued certificates, including expired ones."""
        client, out = self._open(), ctypes.c_void_p()
        interruptible(client, library.cas_list_certificates, client, ctypes.byref(out))
        found = Handle(out, library.cas_certificate_list_free)
        return [
            _certificate(library.cas_certificate_list_get(found, index))
            for index in range(library.cas_certificate_list_len(found))
        ]

    def delete(self, cert_id: int) -> None:
        """Deletes a certificate and its key at the service."""
        client = self._open()
        interruptible(client, library.cas_delete_certificate, client,
                      _arguments.number("cert_id", cert_id, 2**63))

    def cancel(self) -> None:
        """Ends every call in progress on this client, from any thread. It stays usable."""
        library.cas_client_cancel(self._open())

    def close(self) -> None:
        """Gives the client up. It is freed once the calls in progress have ended."""
        self._handle = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise ValueError("the client is closed")
        return handle


class _LoggingClient(Handle):
    """A client, and the log function that must outlive it."""

    def __init__(self, pointer: Any, log: Any) -> None:
        super().__init__(pointer, library.cas_client_free)
        self._log = log


def inspect(cert: Union[Text, Path], key: Union[Text, Path, None] = None) -> Inspection:
    """Checks a certificate and, optionally, its key as an upload does, without a network."""
    if cert is None:
        raise TypeError("cert must be a str, bytes, bytearray or path, not NoneType")
    out = ctypes.c_void_p()
    with _arguments.contents("cert", cert) as cert_data:
        with _arguments.contents("key", key) as key_data:
            call(library.cas_inspect, *cert_data, *key_data, ctypes.byref(out))
    found = Handle(out, library.cas_inspection_free)
    return Inspection(
        common_name=string(library.cas_inspection_common_name(found)),
        sans=tuple(
            string(library.cas_inspection_san(found, index))
            for index in range(library.cas_inspection_san_count(found))
        ),
        issuer=string(library.cas_inspection_issuer(found)),
        serial=string(library.cas_inspection_serial(found)),
        not_before=string(library.cas_inspection_not_before(found)),
        not_after=string(library.cas_inspection_not_after(found)),
        sha1=string(library.cas_inspection_sha1(found)),
        sha256=string(library.cas_inspection_sha256(found)),
        key_type=string(library.cas_inspection_key_type(found)),
        chain_len=library.cas_inspection_chain_len(found),
        cert_pem=string(library.cas_inspection_cert_pem(found)),
        findings=tuple(
            Finding(
                id=string(library.cas_inspection_finding_id(found, index)),
                severity=Severity(library.cas_inspection_severity(found, index)),
                message=string(library.cas_inspection_finding(found, index)),
                hint=string(library.cas_inspection_hint(found, index)),
            )
            for index in range(library.cas_inspection_finding_count(found))
        ),
    )


def _check(refused: Any) -> None:
    """Raises the error of a setter that refused its value."""
    if refused:
        raise error(refused)


def _constant(what: str, value: int) -> int:
    return _arguments.number(what, value, 2**31)


def _load(request: Handle, load: Any, set_pem: Any, what: str, value: Union[Text, Path]) -> None:
    if isinstance(value, os.PathLike):
        load(request, _arguments.path(what, value), None)
    else:
        set_pem(request, *_arguments.data(what, value))


def _load_pkcs12(
    request: Handle, value: Union[bytes, bytearray, Path], password: Optional[str]
) -> None:
    secret = None if password is None else _arguments.text("password", password)
    if isinstance(value, os.PathLike):
        path = _arguments.path("pkcs12", value)
        library.cas_request_load_pkcs12_file(request, path, secret, None)
    elif isinstance(value, str):
        raise TypeError("pkcs12 must be bytes, bytearray or a path, not str")
    else:
        library.cas_request_set_pkcs12(request, *_arguments.data("pkcs12", value), secret)


def _certificate(handle: Any) -> Certificate:
    sans = string(library.cas_certificate_sans(handle))
    return Certificate(
        cert_id=library.cas_certificate_id(handle),
        name=string(library.cas_certificate_name(handle)),
        common_name=string(library.cas_certificate_common_name(handle)),
        sans=tuple(sans.split(",")) if sans else (),
        issuer=string(library.cas_certificate_issuer(handle)),
        fingerprint=string(library.cas_certificate_fingerprint(handle)),
        not_before=string(library.cas_certificate_not_before(handle)),
        not_after=string(library.cas_certificate_not_after(handle)),
        expired=library.cas_certificate_expired(handle),
    )

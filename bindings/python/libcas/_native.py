"""The functions of libcas.so, declared as cas.h declares them."""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("libcas.so.0")
if not _FILE.exists():
    raise ImportError(f"{_FILE} is missing: install libcas from its wheel", name="libcas")

# A CDLL, whose functions release the GIL.
library = ctypes.CDLL(str(_FILE))

LOG_FUNCTION = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)

_HANDLE = _OUT = _DATA = c_void_p


def _declare(result: Any, arguments: list[Any], *names: str) -> None:
    for name in names:
        function = getattr(library, f"cas_{name}")
        function.restype, function.argtypes = result, arguments


def _declare_getters(result: Any, handle: str, *names: str) -> None:
    _declare(result, [_HANDLE], *(f"{handle}_{name}" for name in names))


def _declare_setters(handle: str, arguments: list[Any], *names: str) -> None:
    _declare(c_int32, [_HANDLE, *arguments], *(f"{handle}_{name}" for name in names))


_declare(c_char_p, [], "version")
_declare(c_char_p, [c_int32], "status_name")

_declare(None, [_HANDLE], "error_free", "config_free", "client_free", "request_free",
         "result_free", "certificate_free", "certificate_list_free", "inspection_free")

_declare_getters(c_int32, "error", "status", "http_status")
_declare_getters(c_char_p, "error", "message", "hint", "service_code", "service_message",
                 "request_id")
_declare_getters(c_uint32, "error", "attempts")
_declare_getters(c_bool, "error", "retryable")

_declare(_HANDLE, [], "config_new", "request_new")
_declare_getters(_HANDLE, "config", "error")
_declare_setters("config", [c_char_p, c_char_p], "set_access_key")
_declare_setters("config", [c_char_p], "set_security_token", "set_profile", "set_region",
                 "set_endpoint", "set_ca_file", "set_proxy", "set_user_agent")
_declare_setters("config", [c_bool], "set_vpc", "set_allow_plaintext", "set_trust_environment")
_declare_setters("config", [c_uint32], "set_connect_timeout_ms", "set_timeout_ms",
                 "set_max_attempts", "set_rate_limit")
_declare_setters("config", [c_int32], "set_api", "set_signature")
_declare_setters("config", [_DATA, c_size_t], "set_ca_pem")
_declare_setters("config", [LOG_FUNCTION, c_void_p, c_int32], "set_log")

_declare(c_int32, [_HANDLE, _OUT, _OUT], "client_new", "list_certificates")
_declare(c_int32, [_HANDLE], "client_cancel")

_declare_getters(_HANDLE, "request", "error")
_declare_setters("request", [c_char_p], "set_name", "set_lang", "set_source_ip", "allow_finding")
_declare_setters("request", [_DATA, c_size_t], "set_cert_pem", "set_key_pem")
_declare_setters("request", [c_char_p, _OUT], "load_cert_file", "load_key_file")
_declare_setters("request", [_DATA, c_size_t, c_char_p], "set_pkcs12")
_declare_setters("request", [c_char_p, c_char_p, _OUT], "load_pkcs12_file")
_declare_setters("request", [_DATA, c_size_t, _DATA, c_size_t], "set_sm2_encryption")
_declare_setters("request", [c_int32], "set_on_conflict")
_declare_setters("request", [c_bool], "set_reuse_any_name", "set_skip_checks")
_declare_setters("request", [c_uint32], "set_timeout_ms")

_declare(c_int32, [_HANDLE, c_char_p, c_char_p, c_char_p, _OUT, _OUT], "upload_certificate")
_declare(c_int32, [_HANDLE, _HANDLE, _OUT, _OUT], "create_user_certificate")
_declare(c_int32, [_HANDLE, c_int64, _OUT, _OUT], "get_certificate")
_declare(c_int32, [_HANDLE, c_int64, _OUT], "delete_certificate")

_declare_getters(c_int64, "result", "cert_id")
_declare_getters(c_char_p, "result", "name", "cert_identifier", "request_id")
_declare_getters(c_int32, "result", "outcome", "api")
_declare_getters(c_uint32, "result", "attempts")

_declare(c_size_t, [_HANDLE], "certificate_list_len")
_declare(_HANDLE, [_HANDLE, c_size_t], "certificate_list_get")
_declare_getters(c_int64, "certificate", "id")
_declare_getters(c_char_p, "certificate", "name", "common_name", "sans", "issuer", "fingerprint",
                 "not_before", "not_after")
_declare_getters(c_bool, "certificate", "expired")

_declare(c_int32, [_DATA, c_size_t, _DATA, c_size_t, _OUT, _OUT], "inspect")
_declare_getters(c_char_p, "inspection", "common_name", "sans", "issuer", "serial", "not_before",
                 "not_after", "sha1", "sha256", "key_type", "cert_pem")
_declare_getters(c_size_t, "inspection", "san_count", "chain_len", "finding_count")
_declare(c_char_p, [_HANDLE, c_size_t], "inspection_san", "inspection_finding",
         "inspection_finding_id", "inspection_hint")
_declare(c_int32, [_HANDLE, c_size_t], "inspection_severity")


class Handle:
    """Owns a handle, and frees it with the last reference: a call in progress holds one."""

    def __init__(self, pointer: Any, free: Any) -> None:
        self._as_parameter_ = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self._as_parameter_)

"""Uploads TLS certificates to Alibaba Cloud's Certificate Management Service (CAS)."""

from ._client import Client, inspect
from ._native import library as _library
from ._values import (
    Api, Certificate, Error, Finding, Inspection, LogLevel, OnConflict, Outcome, Result, Severity,
    Signature, Status,
)

__version__: str = _library.cas_version().decode()

__all__ = [
    "Api", "Certificate", "Client", "Error", "Finding", "Inspection", "LogLevel", "OnConflict",
    "Outcome", "Result", "Severity", "Signature", "Status", "inspect",
]

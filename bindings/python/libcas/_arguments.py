"""Values of Python as arguments of C. An error names the argument and never quotes its value."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Tuple, Union

from ._values import Error, Status

Text = Union[str, bytes, bytearray]
Path = Union["os.PathLike[str]", "os.PathLike[bytes]"]

# One byte more than libcas accepts, so that it refuses what is longer.
_FILE_LIMIT = 2 * 1024 * 1024 + 1


def text(what: str, value: str) -> bytes:
    """A string that ends in NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    return _without_nul(what, _encoded(what, value))


def path(what: str, value: Union[str, Path]) -> bytes:
    """The path of a file."""
    return _without_nul(what, os.fsencode(value))


def flag(what: str, value: bool) -> bool:
    """A truth value."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be a bool, not {type(value).__name__}")
    return value


def number(what: str, value: int, limit: int = 2**32) -> int:
    """A number below a limit, which ctypes would cut off."""
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {type(value).__name__}")
    if not 0 <= value < limit:
        raise ValueError(f"{what} must be from 0 to {limit - 1}")
    return value


def data(what: str, value: Text) -> Tuple[Any, int]:
    """A pointer and a length. bytes and bytearray are not copied."""
    if isinstance(value, str):
        value = _encoded(what, value)
    if isinstance(value, bytearray):
        return (ctypes.c_char * len(value)).from_buffer(value), len(value)
    if isinstance(value, bytes):
        return value, len(value)
    raise TypeError(f"{what} must be a str, bytes or bytearray, not {type(value).__name__}")


@contextmanager
def contents(what: str, value: Union[Text, Path, None]) -> Iterator[Tuple[Any, int]]:
    """As `data`; a path is read, and what was read is wiped afterwards."""
    if value is None:
        yield None, 0
    elif isinstance(value, os.PathLike):
        buffer = bytearray(_FILE_LIMIT)
        pointer = (ctypes.c_char * _FILE_LIMIT).from_buffer(buffer)
        try:
            yield pointer, _read(value, buffer)
        finally:
            ctypes.memset(pointer, 0, _FILE_LIMIT)
    else:
        yield data(what, value)


def _read(file_path: Path, buffer: bytearray) -> int:
    length = 0
    try:
        with open(file_path, "rb", buffering=0) as file, memoryview(buffer) as view:
            while length < len(buffer):
                read = file.readinto(view[length:])
                if not read:
                    break
                length += read
    except OSError as failed:
        message = f'Failed to read the file "{os.fsdecode(file_path)}": {failed.strerror}.'
        raise Error(Status.IO, message, "Give the path of a PEM file that this program may read.")
    return length


def _encoded(what: str, value: str) -> bytes:
    encoded: Optional[bytes] = None
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        pass  # this exception would hold the text
    if encoded is None:
        raise ValueError(f"{what} cannot be encoded as UTF-8")
    return encoded


def _without_nul(what: str, value: bytes) -> bytes:
    if b"\0" in value:
        raise ValueError(f"{what} contains a NUL")
    return value

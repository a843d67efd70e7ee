"""Calls of the library: what log functions raise, failures, and signals."""

from __future__ import annotations

import contextvars
import ctypes
import threading
from typing import Any, Callable, List, Optional

from ._native import LOG_FUNCTION, Handle, library
from ._values import LogLevel, error, string

# `raised` is what log functions have raised in the call that this thread makes.
_running = threading.local()

# How long to wait before a call that has not begun yet is cancelled again.
_CANCEL_AGAIN = 0.02


def log_function(log: Callable[[LogLevel, str], object]) -> Any:
    """`log` as a function of C. What it raises is kept: it must not enter the library."""

    def receive(_: Any, level: int, message: bytes) -> None:
        try:
            log(LogLevel(level), string(message))
        except BaseException as exception:
            raised = getattr(_running, "raised", None)
            if raised is not None and not raised:
                raised.append(exception)

    return LOG_FUNCTION(receive)


def call(function: Any, *arguments: Any) -> None:
    """Calls a function whose last argument is `err`. Raises what a log function raised first, or
    else the error of the call."""
    failed = ctypes.c_void_p()
    raised: List[BaseException] = []
    outer = getattr(_running, "raised", None)
    _running.raised = raised
    try:
        function(*arguments, ctypes.byref(failed))
    finally:
        _running.raised = outer
    handle = Handle(failed, library.cas_error_free) if failed else None
    if raised:
        raise raised[0]
    if handle:
        raise error(handle)


def interruptible(client: Handle, function: Any, *arguments: Any) -> None:
    """As `call`, for a function that takes long.

    Python runs signal handlers on the main thread, between instructions of Python. There, another
    thread makes the call. If a handler raises an exception, the call is cancelled.
    """
    if threading.current_thread() is not threading.main_thread():
        return call(function, *arguments)
    context = contextvars.copy_context()
    done = threading.Event()
    begun = abandoned = False
    raised: Optional[BaseException] = None

    def run() -> None:
        nonlocal begun, raised
        begun = True
        try:
            if not abandoned:
                context.run(call, function, *arguments)
        except BaseException as exception:
            raised = exception
        finally:
            done.set()

    try:
        try:
            threading.Thread(target=run, name="libcas", daemon=True).start()
        except RuntimeError:  # threads have run out, or the interpreter exits
            if begun:
                raise
            return call(function, *arguments)
        done.wait()
    except BaseException:
        abandoned = True
        while begun and not done.is_set():
            library.cas_client_cancel(client)
            done.wait(_CANCEL_AGAIN)
        raise
    try:
        if raised is not None:
            raise raised
    finally:
        raised = None  # an exception refers to this frame

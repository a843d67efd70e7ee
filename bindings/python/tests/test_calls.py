"""Threads, cancellation, signals, forks, and log functions that raise."""

import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import libcas
import pytest
from libcas import Status

SLOW = 120_000
LIMIT = 60


class Failed(Exception):
    pass


def hold(emulator, **more):
    """The next calls wait for minutes, so that only a cancelled one ends in time."""
    emulator.fault(kind="delay", ms=SLOW, **more)


def wait_for(condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_for_fault(emulator):
    """Until the calls are inside the service: it counts a fault when it begins."""
    wait_for(lambda: all(one["left"] == 0 for one in emulator.control("GET", "faults")))


def test_two_calls_run_at_once_and_python_runs_meanwhile(cas_emulator, chain, key):
    """Both calls are inside the service at the same time, which a held GIL would not allow."""
    client = cas_emulator.client()
    hold(cas_emulator, times=2)
    outcomes = []

    def upload(name):
        try:
            client.upload(name, chain, key)
        except libcas.Error as error:
            outcomes.append(error.status)

    threads = [threading.Thread(target=upload, args=(f"site-{n}",), daemon=True) for n in (1, 2)]
    for thread in threads:
        thread.start()
    wait_for_fault(cas_emulator)
    assert [thread.is_alive() for thread in threads] == [True, True]
    client.cancel()
    for thread in threads:
        thread.join(LIMIT)
    assert len(outcomes) == 2 and set(outcomes) <= {Status.CANCELLED, Status.OUTCOME_UNKNOWN}
    # The client stays usable.
    client.list()


def test_many_threads_share_a_client(cas_emulator, chain, key):
    client = cas_emulator.client()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: client.upload(f"site-{n}", chain, key).cert_id, range(40)))
    assert len(set(ids)) == 40
    assert {one.cert_id for one in client.list()} == set(ids)


def test_close_during_a_call_waits_for_its_end(cas_emulator):
    messages = []

    def log(level, message):
        messages.append(message)
        client.close()

    client = cas_emulator.client(log=log)
    assert client.list() == [] and messages
    with pytest.raises(ValueError):
        client.list()


def test_the_first_exception_of_a_log_function_is_raised_after_the_call(cas_emulator, chain, key):
    raised = []

    def log(level, message):
        raised.append(Failed(len(raised)))
        raise raised[-1]

    client = cas_emulator.client(log=log)

    def in_thread(function):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function).result()

    for run in (lambda function: function(), in_thread):
        raised.clear()
        with pytest.raises(Failed) as failed:
            run(lambda: client.upload("www", chain, key))
        assert failed.value is raised[0] and len(raised) > 1
    # The certificate is stored all the same.
    assert len(cas_emulator.certificates()) == 1
    # It takes precedence over an error.
    with pytest.raises(Failed):
        client.get(1)
    for stop in (SystemExit, KeyboardInterrupt):
        def leave(level, message, stop=stop):
            raise stop
        with pytest.raises(stop):
            cas_emulator.client(log=leave).list()


def test_a_log_function_calls_other_clients(cas_emulator):
    def inner_log(level, message):
        raise Failed("inner")

    inner = cas_emulator.client(log=inner_log)
    caught = []
    variable = contextvars.ContextVar("variable", default="unset")

    def log(level, message):
        try:
            inner.list()
        except Failed as failed:
            caught.append((str(failed), variable.get()))
        try:
            outer.list()
        except libcas.Error as error:
            caught.append((error.status, variable.get()))

    outer = cas_emulator.client(log=log)
    variable.set("set")
    assert outer.list() == []
    assert set(caught) == {("inner", "set"), (Status.INVALID_ARGUMENT, "set")}


def test_cancel_ends_a_call_of_another_thread(cas_emulator, chain, key):
    client = cas_emulator.client()
    hold(cas_emulator, times=1)

    def cancel():
        wait_for_fault(cas_emulator)
        client.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    with pytest.raises(libcas.Error) as cancelled:
        client.upload("www", chain, key)
    assert cancelled.value.status in (Status.CANCELLED, Status.OUTCOME_UNKNOWN)
    thread.join(LIMIT)


def test_ctrl_c_ends_a_call(cas_emulator, chain, key):
    program = textwrap.dedent("""
        import pathlib, sys
        import libcas
        client = libcas.Client(endpoint=sys.argv[1], access_key_id="testid",
                               access_key_secret="testsecret", timeout_ms=600000)
        try:
            client.upload("www", pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
        except KeyboardInterrupt:
            print("interrupted", len(client.list()))
        """)
    hold(cas_emulator, times=1)
    command = [sys.executable, "-c", program, cas_emulator.url, chain, key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        wait_for_fault(cas_emulator)
        process.send_signal(signal.SIGINT)
        # Far less than the delay of the emulator.
        printed, _ = process.communicate(timeout=LIMIT)
    assert printed.startswith("interrupted") and process.returncode == 0


def test_a_handler_that_returns_does_not_end_a_call(cas_emulator):
    client = cas_emulator.client()
    cas_emulator.fault(kind="delay", ms=300, times=1)
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert client.list() == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [1]


def test_an_upload_at_exit(cas_emulator):
    program = textwrap.dedent("""
        import atexit, sys
        import libcas
        client = libcas.Client(endpoint=sys.argv[1], access_key_id="testid",
                               access_key_secret="testsecret")
        atexit.register(lambda: print(client.list()))
        """)
    command = [sys.executable, "-c", program, cas_emulator.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_client_is_usable_on_both_sides_of_a_fork(cas_emulator, chain, key):
    client = cas_emulator.client()
    client.list()
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.upload(f"child-{number}", chain, key)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    client.upload("parent", chain, key)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(cas_emulator.certificates()) == 5

"""The binding against cas.h, which CAS_HEADER names, and against docs/python.md."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import libcas
from libcas import _native

HEADER = Path(os.environ["CAS_HEADER"]).read_text()
DOCUMENT = Path(os.environ["CAS_PYTHON_MD"]).read_text()
PACKAGE = Path(libcas.__file__).parent

# What others say as well: create_user_certificate with options, and lists name by name.
UNUSED = {"cas_upload_certificate", "cas_inspection_sans", "cas_status_name"}

# Every other type is a number of constants.
BY_VALUE = {
    "bool": ctypes.c_bool, "uint32_t": ctypes.c_uint32, "int64_t": ctypes.c_int64,
    "size_t": ctypes.c_size_t, "cas_log_fn": _native.LOG_FUNCTION,
}


def functions():
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    return set(re.findall(r"\b(cas_\w+)\(", code))


def test_every_function_is_declared_and_used():
    assert len(functions()) > 90
    for name in functions():
        assert getattr(_native.library, name).argtypes is not None, name
    sources = "".join(path.read_text() for path in PACKAGE.glob("*.py")
                      if path.name != "_native.py")
    used = set(re.findall(r"library\.(cas_\w+)", sources))
    assert used == functions() - UNUSED


def test_arguments_have_the_types_of_the_header():
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    for name, arguments in re.findall(r"\b(cas_\w+)\(([^)]*)\);", code):
        declared = getattr(_native.library, name).argtypes
        parts = [] if arguments == "void" else arguments.split(",")
        assert len(declared) == len(parts), name
        for given, part in zip(declared, parts):
            if "*" in part:
                assert given in (ctypes.c_char_p, ctypes.c_void_p), (name, part)
            else:
                assert given is BY_VALUE.get(part.split()[0], ctypes.c_int32), (name, part)


def test_constants_are_those_of_the_header():
    kinds = {
        "ERR": libcas.Status, "API": libcas.Api, "SIGNATURE": libcas.Signature,
        "LOG": libcas.LogLevel, "ON_CONFLICT": libcas.OnConflict, "OUTCOME": libcas.Outcome,
        "SEVERITY": libcas.Severity,
    }
    pattern = rf"#define CAS_({'|'.join(kinds)})_(\w+) (\d+)"
    defined = {(kinds[kind], name.lstrip("V"), int(number))
               for kind, name, number in re.findall(pattern, HEADER)}
    ours = {(kind, one.name.lstrip("V"), one.value) for kind in kinds.values() for one in kind}
    assert ours == defined
    for status in libcas.Status:
        assert _native.library.cas_status_name(status).decode() == f"CAS_ERR_{status.name}"


def test_options_are_those_of_the_header():
    annotations = libcas.Client.__init__.__annotations__, libcas.Client.upload.__annotations__
    for prefix, names, other in [
        ("cas_config_set_", annotations[0], {"access_key"}),
        ("cas_request_set_", annotations[1], {"cert_pem", "key_pem"}),
    ]:
        options = {name[len(prefix):] for name in functions() if name.startswith(prefix)}
        assert options - other <= set(names)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version
    assert libcas.__version__ == version("libcas")


def test_the_documented_programs_run(cas_emulator, chain, key, tmp_path):
    (tmp_path / "chain.pem").write_bytes(chain.read_bytes())
    (tmp_path / "leaf.key").write_bytes(key.read_bytes())
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    tests = [block for block in blocks if block.startswith("# test_")]
    program = "".join(block for block in blocks if block not in tests)
    assert len(blocks) == 7 and len(tests) == 1
    # The document calls the real service.
    program = program.replace('region="cn-hangzhou"', f"endpoint={cas_emulator.url!r}")
    program = program.replace("Client(log=", f"Client(endpoint={cas_emulator.url!r}, log=")
    environment = {**os.environ, "ALIBABA_CLOUD_ACCESS_KEY_ID": "testid",
                   "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "testsecret"}

    def run(*command):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "CREATED" in run("-c", program)
    (tmp_path / "test_upload.py").write_text(tests[0])
    assert "2 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_upload.py")

"""Uploads, look-ups and errors."""

import copy
import logging
import os
import pickle
import subprocess
import sys
import textwrap

import libcas
import pytest
from libcas import Api, OnConflict, Outcome, Severity, Status


def refusal(function, *arguments, **options):
    with pytest.raises(libcas.Error) as failed:
        function(*arguments, **options)
    return failed.value


def test_every_form_of_a_certificate_is_uploaded(client, cas_emulator, chain, key):
    forms = [
        (chain, key),
        (chain.read_text(), key.read_text()),
        (chain.read_bytes(), key.read_bytes()),
        (bytearray(chain.read_bytes()), bytearray(key.read_bytes())),
    ]
    for number, (cert, secret) in enumerate(forms):
        before = copy.copy(secret)
        result = client.upload(f"form-{number}", cert, secret)
        assert secret == before
        assert result.name == f"form-{number}"
        assert result.outcome is Outcome.CREATED
        assert result.cert_identifier == f"{result.cert_id}-cn-hangzhou"
        assert (result.attempts, result.api) == (1, Api.V2018_07_13)
        assert result.request_id
    assert len(cas_emulator.certificates()) == len(forms)


def test_pkcs12(client, chain, key, tmp_path):
    file = tmp_path / "site.pfx"
    subprocess.run(["openssl", "pkcs12", "-export", "-in", chain, "-inkey", key, "-out", file,
                    "-passout", "pass:pässword"], check=True)
    password = "pässword"
    first = client.upload("file", pkcs12=file, password=password)
    data = bytearray(file.read_bytes())
    second = client.upload("data", pkcs12=data, password=password)
    assert first.cert_id != second.cert_id
    wrong = refusal(client.upload, "wrong", pkcs12=bytes(data), password="canary-password")
    assert wrong.status is Status.CERTIFICATE and "canary" not in repr(wrong) + str(wrong)


def test_options_of_an_upload(client, chain, key):
    first = client.upload("www", chain, key, lang="en", source_ip="192.0.2.1", timeout_ms=50_000)
    assert client.upload("www", chain, key).outcome is Outcome.REUSED
    reused = client.upload("other", chain, key, reuse_any_name=True)
    assert (reused.cert_id, reused.name, reused.outcome) == (first.cert_id, "www", Outcome.REUSED)
    taken = refusal(client.upload, "www", chain, key, on_conflict=OnConflict.FAIL)
    assert taken.status is Status.NAME_TAKEN
    assert taken.hint and taken.message in str(taken) and taken.hint in str(taken)
    client.upload("allowed", chain, key, allow_findings=["expired", "ca-as-leaf"])
    client.upload("unread", chain, key, skip_checks=True)
    sm2 = refusal(client.upload, "sm2", chain, key, sm2_encryption=(chain, key.read_bytes()))
    assert "encryption certificate" in sm2.message


def test_options_of_a_client(cas_emulator, chain, key):
    with cas_emulator.client(
        region="ap-southeast-1", vpc=False, allow_plaintext=False, ca_file=chain, proxy="",
        trust_environment=False, connect_timeout_ms=5000, timeout_ms=30000, max_attempts=2,
        rate_limit=50, api=Api.V2020_04_07, signature=libcas.Signature.ACS3, user_agent="suite/1",
    ) as client:
        result = client.upload("www", chain, key)
    assert result.api is Api.V2020_04_07
    assert result.cert_identifier.endswith("-ap-southeast-1")
    [request] = [one for one in cas_emulator.requests()
                 if one["action"] == "UploadUserCertificate"]
    assert request["version"] == "2020-04-07"
    cas_emulator.client(ca_pem=chain.read_bytes(), security_token="token").close()
    refused = refusal(cas_emulator.client, profile="does-not-exist", access_key_id=None,
                      access_key_secret=None, region="not a region")
    assert refused.status is Status.INVALID_ARGUMENT


def test_list_get_and_delete(client, chain, key):
    assert client.list() == []
    result = client.upload("www", chain, key)
    [listed] = client.list()
    assert (listed.cert_id, listed.name, listed.expired) == (result.cert_id, "www", False)
    found = client.get(result.cert_id)
    assert found.fingerprint == libcas.inspect(chain).sha1 == listed.fingerprint
    assert "demo.example" in found.sans and found.issuer and found.not_before < found.not_after
    client.delete(result.cert_id)
    for function in (client.get, client.delete):
        missing = refusal(function, result.cert_id)
        assert missing.status is Status.NOT_FOUND and not missing.retryable


def test_an_error_holds_what_the_service_says(client, cas_emulator, chain, key):
    cas_emulator.fault(kind="error", status=403, code="Forbidden.RAM")
    error = refusal(client.upload, "www", chain, key)
    assert error.status is Status.PERMISSION
    assert (error.service_code, error.http_status, error.attempts) == ("Forbidden.RAM", 403, 1)
    assert error.service_message and error.request_id and error.hint and not error.retryable
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error) and str(again) == str(error)


def test_inspect(chain, key):
    for cert, secret in [(chain, key), (chain.read_text(), key.read_bytes()),
                         (bytearray(chain.read_bytes()), bytearray(key.read_bytes()))]:
        inspection = libcas.inspect(cert, secret)
        assert inspection.common_name == "demo.example"
        assert "demo.example" in inspection.sans and "127.0.0.1" in inspection.sans
        assert inspection.chain_len == 2
        assert inspection.cert_pem.count("BEGIN CERTIFICATE") == 2
        assert inspection.key_type == "RSA-2048"
        assert len(inspection.sha1) == 40 and len(inspection.sha256) == 64
        assert inspection.serial and inspection.issuer
        assert inspection.not_before < inspection.not_after
        assert all(one.severity is not Severity.REFUSED for one in inspection.findings)
    [refused] = [one for one in libcas.inspect("chain.pem").findings
                 if one.severity is Severity.REFUSED]
    assert refused.id == "reference" and refused.message.startswith("reference: ")
    assert refused.hint


def test_files_that_cannot_be_read(client, chain, key, tmp_path):
    missing = tmp_path / "missing.pem"
    for function, arguments in [
        (client.upload, ("www", missing, key)),
        (client.upload, ("www", chain, missing)),
        (libcas.inspect, (missing,)),
        (libcas.inspect, (chain, missing)),
        (libcas.inspect, (tmp_path,)),
    ]:
        error = refusal(function, *arguments)
        unread = missing if missing in arguments else tmp_path
        assert error.status is Status.IO and str(unread) in error.message and error.hint
    empty = tmp_path / "empty.pem"
    empty.touch()
    assert libcas.inspect(empty).findings[0].severity is Severity.REFUSED


def test_refused_values_name_the_argument_and_quote_nothing(client, cas_emulator, chain, key):
    secret = "canary-secret"
    cases = [
        (TypeError, "name", lambda: client.upload(7, chain, key)),
        (TypeError, "key", lambda: client.upload("www", chain, 7)),
        (TypeError, "pkcs12", lambda: client.upload("www", chain)),
        (TypeError, "pkcs12", lambda: client.upload("www", chain, key, pkcs12=b"x")),
        (TypeError, "pkcs12", lambda: client.upload("www", pkcs12=secret)),
        (TypeError, "iterable", lambda: client.upload("www", chain, key, allow_findings="expired")),
        (TypeError, "skip_checks", lambda: client.upload("www", chain, key, skip_checks=1)),
        (ValueError, "password", lambda: client.upload("w", pkcs12=b"", password=secret + "\0")),
        (ValueError, "key", lambda: client.upload("www", chain, secret + "\udc80")),
        (ValueError, "timeout_ms", lambda: client.upload("www", chain, key, timeout_ms=2**32)),
        (ValueError, "cert_id", lambda: client.get(-1)),
        (ValueError, "cert_id", lambda: client.delete(2**63)),
        (TypeError, "cert_id", lambda: client.delete("1")),
        (TypeError, "cert", lambda: libcas.inspect(None)),
        (TypeError, "access_key_secret", lambda: libcas.Client(access_key_secret=secret)),
        (ValueError, "access_key_secret",
         lambda: libcas.Client(access_key_id="id", access_key_secret=secret + "\0x")),
        (ValueError, "access_key_secret",
         lambda: libcas.Client(access_key_id="id", access_key_secret=secret + "\udc80")),
        (TypeError, "ca_file", lambda: libcas.Client(ca_file="x", ca_pem="x")),
        (ValueError, "max_attempts", lambda: libcas.Client(max_attempts=-1)),
    ]
    for kind, part, function in cases:
        with pytest.raises(kind) as refused:
            function()
        texts = [repr(refused.value), str(refused.value), repr(refused.value.__context__)]
        assert part in texts[0], texts
        assert "canary" not in "".join(texts), texts
    for options in [{"timeout_ms": 0}, {"endpoint": "ftp://x"}, {"api": 9}, {"log_level": 9},
                    {"access_key_id": "id", "access_key_secret": secret + " "}]:
        error = refusal(cas_emulator.client, **options)
        assert error.status is Status.INVALID_ARGUMENT and "canary" not in str(error)
    for options in [{"on_conflict": 9}, {"allow_findings": ["no-such"]}, {"lang": "xx"},
                    {"source_ip": "x"}]:
        assert refusal(client.upload, "w", chain, key, **options).status is Status.INVALID_ARGUMENT
    assert cas_emulator.requests() == []


def test_no_key_is_shown(cas_emulator, chain, key, caplog):
    caplog.set_level(logging.DEBUG, "libcas")
    body = "".join(key.read_text().splitlines()[1:-1])
    marks = {body[at:at + 24] for at in range(0, len(body) - 24, 24)}
    client = cas_emulator.client(access_key_secret="canary-secret")
    shown = [repr(refusal(client.upload, "www", chain, key))]
    client = cas_emulator.client()
    for fault in [{"kind": "error", "status": 400, "code": "Key.Invalid"}, {"kind": "drop-before"}]:
        cas_emulator.fault(**fault, times=1)
        try:
            shown.append(repr(client.upload("www", chain, key.read_bytes())))
        except libcas.Error as error:
            shown += [repr(error), str(error), str(vars(error))]
    # A key in the place of the certificate or the name.
    for arguments in [("x", key, key), (key.read_text(), chain, key)]:
        shown += [repr(refusal(client.upload, *arguments))]
    shown += [repr(libcas.inspect(key, key)), repr(client), repr(client.list()), caplog.text]
    text = "".join("".join(shown).split())
    assert "DEBUG" in caplog.text and "canary" not in text
    assert not [mark for mark in marks if mark in text]


def test_logging(cas_emulator, caplog):
    caplog.set_level(logging.DEBUG, "libcas")
    client = cas_emulator.client()
    client.list()
    refusal(client.get, 1)
    levels = {record.levelname for record in caplog.records if record.name == "libcas"}
    assert {"DEBUG", "ERROR"} <= levels, levels


def test_nothing_is_printed_without_logging(cas_emulator):
    program = textwrap.dedent("""
        import libcas, sys
        try:
            libcas.Client(endpoint=sys.argv[1], access_key_id="x", access_key_secret="y").list()
        except libcas.Error as error:
            assert error.service_code, error
        """)
    command = [sys.executable, "-c", program, cas_emulator.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={
        name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_closed_client(client, chain, key):
    client.close()
    client.close()
    for function in (client.list, client.cancel, lambda: client.upload("www", chain, key)):
        with pytest.raises(ValueError, match="closed"):
            function()

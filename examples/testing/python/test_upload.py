"""Uploads with the official SDK. CAS_TEST_CERT and CAS_TEST_KEY are files for the test."""

import json
import os
import pathlib

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest


def upload(emulator, name):
    request = CommonRequest(
        domain=emulator.url.removeprefix("http://"),
        version="2018-07-13",
        action_name="CreateUserCertificate",
    )
    request.set_protocol_type("http")
    request.set_method("POST")
    request.add_body_params("Name", name)
    request.add_body_params("Cert", pathlib.Path(os.environ["CAS_TEST_CERT"]).read_text())
    request.add_body_params("Key", pathlib.Path(os.environ["CAS_TEST_KEY"]).read_text())
    client = AcsClient("testid", "testsecret", auto_retry=False)
    return json.loads(client.do_action_with_exception(request))["CertId"]


def test_a_certificate_is_stored_once(cas_emulator):
    cert_id = upload(cas_emulator, "www")
    assert [one["cert_id"] for one in cas_emulator.certificates()] == [cert_id]
    cas_emulator.verify({"action": "CreateUserCertificate", "times": 1}, nothing_else=True)


def test_a_service_that_is_down_stores_nothing(cas_emulator):
    cas_emulator.fault(kind="error", status=503, code="ServiceUnavailable")
    with pytest.raises(ServerException):
        upload(cas_emulator, "www")
    assert cas_emulator.certificates() == []


def test_a_missing_call_is_explained(cas_emulator):
    with pytest.raises(AssertionError, match="Expected 1 call of CreateUserCertificate"):
        cas_emulator.verify({"action": "CreateUserCertificate", "times": 1})

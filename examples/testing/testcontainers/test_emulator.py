"""The emulator in a container, for pytest. CAS_TEST_CERT and CAS_TEST_KEY are files for the test.

The image is that of the Dockerfile: docker build --tag cas-emulator .
"""

import json
import os
import pathlib
import urllib.request

import pytest
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy


@pytest.fixture(scope="session")
def container():
    image = os.environ.get("CAS_EMULATOR_IMAGE", "cas-emulator")
    emulator = DockerContainer(image).with_exposed_ports(8480)
    with emulator.waiting_for(HttpWaitStrategy(8480, "/_emulator/health")):
        yield f"{emulator.get_container_host_ip()}:{emulator.get_exposed_port(8480)}"


def control(address, method, path, body=None):
    """A call of the control interface. Returns the JSON of the response."""
    data = None if body is None else json.dumps(body).encode()
    url = f"http://{address}/_emulator/{path}"
    request = urllib.request.Request(url, data=data, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


@pytest.fixture
def address(container):
    """Host and port of an empty emulator. The access key is testid, testsecret."""
    control(container, "POST", "reset")
    return container


def upload(address, name):
    request = CommonRequest(
        domain=address, version="2018-07-13", action_name="CreateUserCertificate"
    )
    request.set_protocol_type("http")
    request.set_method("POST")
    request.add_body_params("Name", name)
    request.add_body_params("Cert", pathlib.Path(os.environ["CAS_TEST_CERT"]).read_text())
    request.add_body_params("Key", pathlib.Path(os.environ["CAS_TEST_KEY"]).read_text())
    client = AcsClient("testid", "testsecret", auto_retry=False)
    return json.loads(client.do_action_with_exception(request))["CertId"]


def test_a_certificate_is_stored_once(address):
    cert_id = upload(address, "www")
    assert [one["cert_id"] for one in control(address, "GET", "certificates")] == [cert_id]
    calls = [{"action": "CreateUserCertificate", "times": 1}]
    control(address, "POST", "verify", {"calls": calls, "nothing_else": True})


def test_a_lost_response_can_be_simulated(address):
    fault = {"kind": "drop-after", "action": "CreateUserCertificate", "times": 1}
    control(address, "POST", "faults", fault)
    with pytest.raises(Exception):
        upload(address, "www")
    assert len(control(address, "GET", "certificates")) == 1

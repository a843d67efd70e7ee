"""sdk_upload.py ENDPOINT CERT KEY CALLS [CAFILE]: the same loop on the official Python SDK.

It uses one client and so one session: the SDK keeps its connection open as well. Without CAFILE it
uses the SDK's own root store.
"""

import json
import os
import sys
import time
from pathlib import Path

from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.request import CommonRequest

endpoint, cert_file, key_file, calls = sys.argv[1:5]
ca_file = sys.argv[5] if len(sys.argv) == 6 else None
scheme, _, address = endpoint.partition("://")
host, _, port = address.partition(":")
cert, key = Path(cert_file).read_text(), Path(key_file).read_text()
# The service requires unique names, also between runs.
prefix = f"bench-{int(time.time()):x}-{os.getpid():x}-"

client = AcsClient(
    "testid", "testsecret", "cn-hangzhou", port=int(port), verify=ca_file, timeout=60
)
for number in range(1, int(calls) + 1):
    request = CommonRequest()
    request.set_domain(host)
    request.set_version("2018-07-13")
    request.set_action_name("CreateUserCertificate")
    request.set_method("POST")
    # The SDK compares with `is`: only its own constant turns TLS on.
    request.set_protocol_type(protocol_type.HTTPS if scheme == "https" else protocol_type.HTTP)
    request.set_accept_format("JSON")
    request.add_body_params("Name", f"{prefix}{number}")
    request.add_body_params("Cert", cert)
    request.add_body_params("Key", key)
    response = json.loads(client.do_action_with_exception(request))
    if not response["CertId"] > 0:
        sys.exit(f"sdk_upload: no CertId in {response}")

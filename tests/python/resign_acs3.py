"""resign_acs3.py HEAD BODY ID SECRET: computes the signature of a captured request with the official SDK's own
functions, and says whether it is equal to the one in its head."""

import hashlib
import re
import sys

from alibabacloud_openapi_util.client import Client
from Tea.request import TeaRequest

with open(sys.argv[1]) as file:
    first, *lines = file.read().strip().splitlines()
with open(sys.argv[2], "rb") as file:
    body = file.read()
headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
sent = headers["authorization"]
request = TeaRequest()
request.method, request.pathname, _ = first.split()
request.query = {}
request.headers = {name: headers[name] for name in re.search("SignedHeaders=([^,]*)", sent)[1].split(";")}
payload = hashlib.sha256(body).hexdigest()
assert headers["x-acs-content-sha256"] == payload
computed = Client.get_authorization(request, "ACS3-HMAC-SHA256", payload, sys.argv[3], sys.argv[4])
print("equal" if computed == sent else f"sent {sent}, the SDK computes {computed}")

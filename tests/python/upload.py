"""upload.py ENDPOINT CERT KEY: the official SDK uploads by POST and by GET; then a signed request is sent
with one byte changed. Prints what came of each."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

from aliyunsdkcore.auth.composer import rpc_signature_composer as composer
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

endpoint, cert_file, key_file = sys.argv[1:]
domain = endpoint.removeprefix("http://")
with open(cert_file) as file:
    cert = file.read()
with open(key_file) as file:
    key = file.read()


def request(name, method):
    request = CommonRequest(domain=domain, version="2018-07-13", action_name="CreateUserCertificate")
    request.set_protocol_type("http")
    request.set_method(method)
    add = request.add_body_params if method == "POST" else request.add_query_param
    add("Name", name)
    add("Cert", cert)
    add("Key", key)
    return request


client = AcsClient("testid", "testsecret", "cn-hangzhou")
print("post:", json.loads(client.do_action_with_exception(request("from the SDK + by POST", "POST")))["CertId"])
print("get:", json.loads(client.do_action_with_exception(request("from the SDK + by GET", "GET")))["CertId"])


# Signed by the SDK's own composer, then one byte of the name is another.
params = {"Version": "2018-07-13", "Action": "CreateUserCertificate", "RegionId": "cn-hangzhou"}
body = {"Name": "one byte", "Cert": cert, "Key": key}
path, _ = composer.get_signed_url(params, "testid", "testsecret", "JSON", "POST", body)
form = urllib.parse.urlencode(body | {"Name": "one bytf"}).encode()
try:
    urllib.request.urlopen(endpoint + path, data=form)
    print("changed: accepted")
except urllib.error.HTTPError as error:
    print("changed:", json.load(error)["Code"])

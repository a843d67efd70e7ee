"""sdk_2018_07_13.py ENDPOINT CERT KEY SIGNATURE: the official SDK of version 2018-07-13 uploads, lists, shows and deletes.
Prints what came of each."""

import sys

from alibabacloud_cas20180713 import models
from alibabacloud_cas20180713.client import Client
from alibabacloud_tea_openapi.models import Config
from Tea.exceptions import TeaException

endpoint, cert_file, key_file, signature = sys.argv[1:]
with open(cert_file) as file:
    cert = file.read()
with open(key_file) as file:
    key = file.read()
client = Client(
    Config(
        access_key_id="testid",
        access_key_secret="testsecret",
        endpoint=endpoint.removeprefix("http://"),
        protocol="http",
        signature_algorithm=signature or None,
    )
)

upload = models.CreateUserCertificateRequest(name="n 1+名", cert=cert, key=key)
cert_id = client.create_user_certificate(upload).body.cert_id
print("uploaded:", cert_id)
page = client.describe_user_certificate_list(
    models.DescribeUserCertificateListRequest(show_size=10, current_page=1)
).body
print("listed:", page.total_count, *(f"{item.id} {item.name} {item.expired}" for item in page.certificate_list))
detail = client.describe_user_certificate_detail(
    models.DescribeUserCertificateDetailRequest(cert_id=cert_id)
).body
print("shown:", detail.name, detail.common, detail.expired, detail.cert == cert, detail.key == key)
delete = models.DeleteUserCertificateRequest(cert_id=cert_id)
print("deleted:", len(client.delete_user_certificate(delete).body.request_id))
try:
    client.delete_user_certificate(delete)
except TeaException as error:
    print("again:", error.code)

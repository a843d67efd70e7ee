"""sdk_2020_04_07.py ENDPOINT CERT KEY SIGNATURE: the official SDK of version 2020-04-07 uploads twice with one client token,
lists, shows and deletes. Prints what came of each."""

import sys

from alibabacloud_cas20200407 import models
from alibabacloud_cas20200407.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config

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


def upload(name):
    return client.upload_user_certificate(
        models.UploadUserCertificateRequest(
            name=name,
            cert=cert,
            key=key,
            client_token="the token",
            resource_group_id="rg-1",
            tags=[
                models.UploadUserCertificateRequestTags(key="a", value="1"),
                models.UploadUserCertificateRequestTags(key="b", value="名"),
            ],
        )
    ).body


def refused(call, *arguments):
    try:
        return call(*arguments)
    except ClientException as error:
        return f"{error.code} {error.status_code}"


for _ in range(2):
    uploaded = upload("n 1+名")
    print("uploaded:", uploaded.cert_id, uploaded.resource_id)
print("changed:", refused(upload, "n 2"))

for order_type in [None, "UPLOAD"]:
    page = client.list_user_certificate_order(models.ListUserCertificateOrderRequest(order_type=order_type)).body
    items = (f"{item.certificate_id} {item.name} {item.status}" for item in page.certificate_order_list)
    print(f"listed as {order_type}:", page.total_count, *items)

for cert_filter in [False, True]:
    request = models.GetUserCertificateDetailRequest(cert_id=uploaded.cert_id, cert_filter=cert_filter)
    detail = client.get_user_certificate_detail(request).body
    tags = [(tag.tag_key, tag.tag_value) for tag in detail.tags]
    print("shown:", detail.name, detail.common, detail.cert_identifier, len(detail.cert_chain), *tags)
    print("with cert and key:", detail.cert == cert, detail.key == key)

delete = models.DeleteUserCertificateRequest(cert_id=uploaded.cert_id)
print("deleted:", client.delete_user_certificate(delete).status_code)
print("again:", refused(client.delete_user_certificate, delete))

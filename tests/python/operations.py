"""operations.py ENDPOINT CERT KEY: the official core SDK uploads a certificate in each version, then lists,
shows and deletes it with both. Prints what came of each."""

import json
import sys

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

endpoint, cert_file, key_file = sys.argv[1:]
domain = endpoint.removeprefix("http://")
with open(cert_file) as file:
    cert = file.read()
with open(key_file) as file:
    key = file.read()
client = AcsClient("testid", "testsecret", "cn-hangzhou")


def call(version, action, **parameters):
    request = CommonRequest(domain=domain, version=version, action_name=action)
    request.set_protocol_type("http")
    request.set_method("POST")
    for name, value in parameters.items():
        request.add_body_params(name, value)
    try:
        return json.loads(client.do_action_with_exception(request))
    except ServerException as error:
        return error.get_error_code()


first, second = "2018-07-13", "2020-04-07"
uploaded = [
    call(first, "CreateUserCertificate", Name="of the first", Cert=cert, Key=key)["CertId"],
    call(second, "UploadUserCertificate", Name="of the second", Cert=cert, Key=key)["CertId"],
]
print("uploaded:", *uploaded)

listed = call(first, "DescribeUserCertificateList", ShowSize=50, CurrentPage=1)
print("listed by the first:", *(f"{item['id']} {item['name']}," for item in listed["CertificateList"]))
listed = call(second, "ListUserCertificateOrder", OrderType="UPLOAD", Keyword="demo.example")
print("listed by the second:", *(f"{item['CertificateId']} {item['Name']}," for item in listed["CertificateOrderList"]))

for cert_id in uploaded:
    shown = [
        call(first, "DescribeUserCertificateDetail", CertId=cert_id),
        call(second, "GetUserCertificateDetail", CertId=cert_id),
    ]
    print("shown:", *(detail["Cert"] == cert and detail["Key"] == key for detail in shown))


def outcome(answer):
    return answer if isinstance(answer, str) else "done"


for word in ["deleted", "again"]:
    print(f"{word}:", outcome(call(first, "DeleteUserCertificate", CertId=uploaded[1])))
    print(f"{word}:", outcome(call(second, "DeleteUserCertificate", CertId=uploaded[0])))

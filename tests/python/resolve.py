"""resolve.py: says which access key the official package's default chain finds in the environment it is given, and
by which provider."""

import sys

from alibabacloud_credentials.client import Client

try:
    credential = Client().get_credential()
except Exception as error:
    print("error=" + " ".join(str(error).split()))
    sys.exit(1)
print(f"access_key_id={credential.access_key_id}")
print(f"provider={credential.provider_name}")

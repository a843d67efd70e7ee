"""resign.py FILE SECRET: computes the signature of a captured form body with the official SDK's own
functions, and says whether it is equal to the one in the body."""

import sys
import urllib.parse

from aliyunsdkcore.auth.composer import rpc_signature_composer as composer

compose_string_to_sign = getattr(composer, "__compose_string_to_sign")
get_signature = getattr(composer, "__get_signature")

with open(sys.argv[1]) as file:
    pairs = urllib.parse.parse_qsl(file.read(), keep_blank_values=True, strict_parsing=True)
params = dict(pairs)
assert len(params) == len(pairs), "a parameter stands twice"
sent = params.pop("Signature")
computed = get_signature(compose_string_to_sign("POST", params), sys.argv[2])
print("equal" if computed == sent else f"sent {sent}, the SDK computes {computed}")

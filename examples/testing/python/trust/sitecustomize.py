"""Lets Python programs trust the file in SSL_CERT_FILE, if this folder is in PYTHONPATH.

The SDKs of Alibaba Cloud for Python trust the certificates of certifi alone when they use a proxy,
whatever SSL_CERT_FILE or REQUESTS_CA_BUNDLE say.
"""

import os

try:
    import certifi
except ImportError:
    certifi = None

file = os.environ.get("SSL_CERT_FILE")
if certifi and file:
    certifi.where = lambda: file

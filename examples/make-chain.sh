#!/bin/bash
# Creates a certificate chain for tests and demonstrations in the directory $1: a root, an
# intermediate, and a leaf for the host names that follow (by default demo.example). Writes
# chain.pem (leaf, intermediate), leaf.pem, leaf.key, intermediate.pem and root.pem. Do not use
# these keys for anything else.
set -euo pipefail
directory=$1
shift
names=("${@:-demo.example}")
command -v openssl >/dev/null || {
    echo "openssl is missing: install it, or set CERT and KEY." >&2
    exit 1
}
cd "$directory"

key() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null ||
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null; }
authority="basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash"
san=$(printf ',DNS:%s' "${names[@]}")
leaf="basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth
subjectAltName=${san#,},IP:127.0.0.1"

key root.key
key intermediate.key
key leaf.key
openssl req -new -key root.key -subj "/O=libcas tests/CN=libcas test root" -out root.csr
openssl x509 -req -in root.csr -signkey root.key -days 3650 -sha256 \
    -extfile <(echo "$authority") -out root.pem 2>/dev/null
openssl req -new -key intermediate.key -subj "/O=libcas tests/CN=libcas test intermediate" \
    -out intermediate.csr
openssl x509 -req -in intermediate.csr -CA root.pem -CAkey root.key -set_serial 2 \
    -days 1825 -sha256 -extfile <(echo "$authority") -out intermediate.pem 2>/dev/null
openssl req -new -key leaf.key -out leaf.csr \
    -subj "/C=CN/ST=Zhejiang/L=Hangzhou/O=libcas tests/CN=${names[0]}"
openssl x509 -req -in leaf.csr -CA intermediate.pem -CAkey intermediate.key -set_serial 3 \
    -days 90 -sha256 -extfile <(echo "$leaf") -out leaf.pem 2>/dev/null
cat leaf.pem intermediate.pem >chain.pem
rm -f ./*.csr root.key intermediate.key

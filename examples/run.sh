#!/usr/bin/env bash
# Run by `make run`: a C program uploads a certificate and prints its CertId.
#
# NAME, CERT, KEY   your own certificate; by default a chain of three is generated
# ENDPOINT          the service to upload to; by default an emulator is started
set -euo pipefail
cd "$(dirname "$0")/.."
release=target/release
work=$(mktemp -d)
emulator=
cleanup() {
    [ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

if [ -n "${CERT:-}" ] || [ -n "${KEY:-}" ]; then
    : "${CERT:?set CERT and KEY}" "${KEY:?set CERT and KEY}" "${NAME:?set NAME too}"
    echo "Certificate: $CERT (yours)"
elif [ -n "${ENDPOINT:-}" ]; then
    echo "set NAME, CERT and KEY: ENDPOINT requires your own certificate" >&2
    exit 2
else
    name=${NAME:-libcas-demo}
    examples/make-chain.sh "$work"
    NAME=$name CERT=$work/chain.pem KEY=$work/leaf.key
    echo "Certificate: demo.example, generated with an intermediate and a root (RSA-2048)"
fi

if [ -n "${ENDPOINT:-}" ]; then
    echo "Service:     $ENDPOINT, with your own access key (docs/credentials.md)"
else
    : >"$work/emulator"
    "$release/cas-emulator" --listen 127.0.0.1:0 >"$work/emulator" &
    emulator=$!
    until line=$(head -n 1 "$work/emulator") && [ -n "$line" ]; do
        kill -0 "$emulator" 2>/dev/null || { echo "cas-emulator failed to start" >&2; exit 1; }
        sleep 0.05
    done
    ENDPOINT=${line##* }
    export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
    unset ALIBABA_CLOUD_SECURITY_TOKEN
    echo "Service:     $line"
fi

cc -Wall -Wextra -Iinclude examples/c/upload.c -o "$work/upload" -L"$release" -lcas -Wl,-rpath,"$PWD/$release"
echo "Program:     examples/c/upload.c, linked with libcas.so"
echo
"$work/upload" "$NAME" "$CERT" "$KEY" "$ENDPOINT"

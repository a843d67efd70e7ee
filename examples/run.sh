#!/usr/bin/env bash
# Uploads a certificate with a C program that is linked with libcas.so, and prints its CertId
# (`make run`).
#
# NAME, CERT, KEY   your own certificate; by default a chain of three is created for this run
# ENDPOINT          the service to upload to; by default an emulator that is started for this run
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
    : "${CERT:?set CERT as well as KEY}" "${KEY:?set KEY as well as CERT}"
    : "${NAME:?set NAME, the name of the certificate at the service}"
    echo "Certificate: $CERT (yours)"
elif [ -n "${ENDPOINT:-}" ]; then
    echo "Set NAME, CERT and KEY: an ENDPOINT needs a certificate of your own." >&2
    exit 2
else
    name=${NAME:-libcas-demo}
    examples/make-chain.sh "$work"
    NAME=$name CERT=$work/chain.pem KEY=$work/leaf.key
    echo "Certificate: demo.example, created for this run (RSA-2048; leaf, intermediate, root)"
fi

if [ -n "${ENDPOINT:-}" ]; then
    echo "Service:     $ENDPOINT, with your own access key (docs/credentials.md)"
else
    : >"$work/emulator"
    "$release/cas-emulator" --quiet --listen 127.0.0.1:0 >"$work/emulator" &
    emulator=$!
    until line=$(head -n 1 "$work/emulator") && [ -n "$line" ]; do
        kill -0 "$emulator" 2>/dev/null || { echo "The emulator did not start." >&2; exit 1; }
        sleep 0.05
    done
    ENDPOINT=${line##* }
    export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
    unset ALIBABA_CLOUD_SECURITY_TOKEN
    echo "Service:     $line"
fi

cc -Wall -Wextra -Iinclude examples/c/upload.c -o "$work/upload" \
    -L"$release" -lcas -Wl,-rpath,"$PWD/$release"
echo "Program:     examples/c/upload.c, linked with $release/libcas.so"
echo
"$work/upload" "$NAME" "$CERT" "$KEY" "$ENDPOINT"

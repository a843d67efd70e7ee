#!/usr/bin/env bash
# Assembles the root file system of the Dockerfile's last stage, without a container tool.
#
#   tools/package/container-root.sh EMULATOR ROOT
#
# A program that is not static gets the libraries that it needs.
set -euo pipefail
emulator=${1:?the path of cas-emulator} root=${2:?the folder to make}
mkdir -p "$root/data" "$root/ca"
install -m 755 "$emulator" "$root/cas-emulator"
# A static program has none, and ldd says so with a failure.
libraries=$(ldd "$emulator" 2>&1 | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p') || true
for library in $libraries; do
    install -D "$library" "$root$library"
done
chmod 755 "$root"
chown -R 65532:65532 "$root/data" "$root/ca"

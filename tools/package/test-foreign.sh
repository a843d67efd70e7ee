#!/usr/bin/env bash
# Runs the release for another architecture under qemu-user, with the C library of Debian 11:
# programs that are linked with libcas.so and with libcas.a upload to its emulator.
#
#   tools/package/test-foreign.sh aarch64 arm64     the names of Rust and of Debian
#
# MIRROR    of Debian; http://deb.debian.org/debian by default
#
# Needs mmdebstrap, qemu-user-static, openssl, target/zig and the archive in target/dist.
set -euo pipefail
cd "$(dirname "$0")/../.."
architecture=$1
debian=$2
top=$PWD
work=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null || true; rm -rf "$work"' EXIT

mmdebstrap --quiet --variant=extract "--architectures=$debian" --include=libc6 bullseye \
    "$work/root" "${MIRROR:-http://deb.debian.org/debian}"
tar -xzf target/dist/libcas-*-"$architecture"-linux-gnu.tar.gz -C "$work"
tree=$(echo "$work"/libcas-*)
# Always in a subshell, which becomes the program: `kill` reaches it.
emulate() { exec "qemu-$architecture-static" -L "$work/root" "$@"; }
compile() {
    ZIG_GLOBAL_CACHE_DIR=$top/target/zig/cache ZIG_LOCAL_CACHE_DIR=$top/target/zig/cache \
        "$top/target/zig/bin/python" -m ziglang cc -target "$architecture-linux-gnu.2.17" \
        "-I$tree/include" "$tree/share/doc/libcas/examples/c/upload.c" "$@"
}
compile "-L$tree/lib" -lcas -o "$work/shared"
compile "$tree/lib/libcas.a" -lunwind -lm -ldl -lpthread -o "$work/static"

examples/make-chain.sh "$work"
export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
# Starts an emulator with these options and sets `url`.
start() {
    : >"$work/emulator"
    emulate "$tree/bin/cas-emulator" --listen 127.0.0.1:0 "$@" >"$work/emulator" &
    started="$started $!"
    until url=$(sed -n 's/.* listening on //p' "$work/emulator") && [ -n "$url" ]; do
        kill -0 $! || { echo "the emulator did not start" >&2; exit 1; }
        sleep 0.05
    done
}
upload() {
    local printed
    printed=$(emulate -E "LD_LIBRARY_PATH=$tree/lib" -E "SSL_CERT_FILE=$work/root.pem" \
        "$work/$1" "$2" "$work/chain.pem" "$work/leaf.key" "$url")
    case $printed in
    *"CertId: "*) echo "ok: $architecture, $1, ${url%%:*}" ;;
    *) echo "FAILED: $1: $printed" >&2 && exit 1 ;;
    esac
}
start
upload shared web
upload static web2
start --tls-cert "$work/chain.pem" --tls-key "$work/leaf.key"
upload shared web
upload static web2

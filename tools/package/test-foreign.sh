#!/usr/bin/env bash
# Runs the release for another architecture, or for musl, under qemu-user: programs that are linked
# with libcas.so and with libcas.a upload to its emulator, with the C library of Debian 11.
#
#   tools/package/test-foreign.sh aarch64-linux-gnu     or another of target/dist
#
# MIRROR    of Debian; http://deb.debian.org/debian by default
#
# Needs mmdebstrap, qemu-user-static, openssl, target/zig and the archive in target/dist.
set -euo pipefail
cd "$(dirname "$0")/../.."
platform=$1
top=$PWD
work=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null || true; rm -rf "$work"' EXIT

case $platform in
aarch64-*) cpu=aarch64 debian=arm64 zig=aarch64 ;;
i686-*) cpu=i386 debian=i386 zig=x86 ;;
x86_64-*) cpu=x86_64 debian=amd64 zig=x86_64 ;;
esac
case $platform in
*-gnu) zig=$zig-linux-gnu.2.17 package=libc6 libraries='-lunwind -lm -ldl -lpthread' ;;
*-musl) zig=$zig-linux-musl package=musl libraries=-lunwind ;;
esac
mmdebstrap --quiet --variant=extract "--architectures=$debian" "--include=$package" bullseye \
    "$work/root" "${MIRROR:-http://deb.debian.org/debian}"
tar -xzf target/dist/libcas-*-"$platform".tar.gz -C "$work"
tree=$(echo "$work"/libcas-*)
# Always in a subshell, which becomes the program: `kill` reaches it.
emulate() { exec "qemu-$cpu-static" -L "$work/root" "$@"; }
compile() {
    ZIG_GLOBAL_CACHE_DIR=$top/target/zig/cache ZIG_LOCAL_CACHE_DIR=$top/target/zig/cache \
        "$top/target/zig/bin/python" -m ziglang cc -target "$zig" \
        "-I$tree/include" "$tree/share/doc/libcas/examples/c/upload.c" "$@"
}
compile -dynamic -O2 -fno-sanitize=all "$tree/lib/libcas.so" -o "$work/shared"
# shellcheck disable=SC2086
compile -O2 -fno-sanitize=all "$tree/lib/libcas.a" $libraries -o "$work/static"

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
    *"CertId: "*) echo "ok: $platform, $1, ${url%%:*}" ;;
    *) echo "FAILED: $1: $printed" >&2 && exit 1 ;;
    esac
}
start
upload shared web
upload static web2
case $(emulate "$tree/bin/casctl" upload web3 --endpoint "$url" --cert "$work/chain.pem" \
    --key "$work/leaf.key") in
*[!0-9]* | "") echo "FAILED: casctl" >&2 && exit 1 ;;
*) echo "ok: $platform, casctl, http" ;;
esac
start --tls-cert "$work/chain.pem" --tls-key "$work/leaf.key"
upload shared web
upload static web2

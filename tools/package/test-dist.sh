#!/usr/bin/env bash
# Installs the release of target/dist by DESTDIR in empty Debian systems, where nothing of this
# directory can be reached, and builds and runs C programs there: `make test-dist`.
#
#   tools/package/test-dist.sh [SUITE...]     bullseye (glibc 2.31) and bookworm (2.36) by default
#
# MIRROR    of Debian; http://deb.debian.org/debian by default
#
# Needs root, mmdebstrap, and access to Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- bullseye bookworm
[ "$(id -u)" = 0 ] || { echo "test-dist needs root" >&2; exit 1; }
for tool in mmdebstrap unshare; do
    type -P "$tool" >/dev/null || { echo "test-dist needs $tool" >&2; exit 1; }
done
archive=$(echo target/dist/libcas-*-"$(uname -m)"-linux-gnu.tar.gz)
[ -e "$archive" ] || { echo "target/dist has no archive: run \`make dist\`" >&2; exit 1; }
bare=$PWD/target/bare-dist

# Mounts end with the namespace, and then the directory can be removed.
if [ -z "${NAMESPACE:-}" ]; then
    trap 'rm -rf --one-file-system "$bare"' EXIT
    NAMESPACE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
    exit
fi
trap 'exit 130' INT TERM

try() {
    local suite=$1 root=$bare/$1 name=${archive##*/}
    name=${name%.tar.gz}
    printf '=== %s (%s s)\n' "$suite" "$SECONDS"
    rm -rf --one-file-system "$root"
    mkdir -p "$bare"
    mmdebstrap --quiet --variant=minbase \
        --include=ca-certificates,cmake,gcc,libc6-dev,make,meson,openssl,pkg-config \
        "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}"
    mount -t proc proc "$root/proc"
    tar -xzf "$archive" -C "$root/opt"
    # As a package is built: the files move to / afterwards.
    chroot "$root" env DESTDIR=/package PREFIX=/usr "LIBDIR=/usr/lib/$(uname -m)-linux-gnu" \
        "/opt/$name/install.sh"
    cp -a "$root/package/." "$root/"
    rm -rf "$root/package" "$root/opt/$name"
    chroot "$root" ldconfig
    mkdir "$root/cloud"
    cp tests/fixtures/python/cloud*.py tests/fixtures/c/redirect_connect.c "$root/cloud"
    cp tools/package/test-installed.sh "$root/"
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C CLOUD=/cloud \
        /test-installed.sh /usr pkg-config static cmake meson https sources cloud
}
for suite; do
    try "$suite"
done
echo "=== everything passed ($SECONDS s)"

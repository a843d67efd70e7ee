#!/usr/bin/env bash
# Checks the packages of target/dist, and installs, upgrades, removes and reinstalls them in empty
# Debian systems, where nothing of this directory can be reached: `make test-packages`.
#
#   tools/package/test-packages.sh [SUITE...]     bullseye and bookworm by default
#
# MIRROR    of Debian; http://deb.debian.org/debian by default
#
# Needs root, mmdebstrap, lintian, rpmlint, and access to Debian. Debian has no RPM system to
# bootstrap: the RPM packages are installed into one of these, without what they depend on.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- bullseye bookworm
[ "$(id -u)" = 0 ] || { echo "test-packages needs root" >&2; exit 1; }
for tool in mmdebstrap unshare lintian rpmlint; do
    type -P "$tool" >/dev/null || { echo "test-packages needs $tool" >&2; exit 1; }
done
PACKAGES=${PACKAGES:-target/dist}
bare=$PWD/target/bare-packages

if [ -z "${NAMESPACE:-}" ]; then
    trap 'rm -rf --one-file-system "$bare"' EXIT
    NAMESPACE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
    exit
fi
trap 'exit 130' INT TERM
debian=$(dpkg --print-architecture)
machine=$(uname -m)
libdir=usr/lib/$machine-linux-gnu

lintian --allow-root --fail-on error "$PACKAGES"/*.deb
rpmlint --config tools/package/rpmlint.toml "$PACKAGES"/*.rpm

# A made-up release, for upgrades.
version=$(sed -n '/^\[workspace.package\]/,/^version/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
next=$version.99
rm -rf "$bare"
mkdir -p "$bare/next"
tree=$bare/libcas-$version-$machine-linux-gnu
tar -xzf "$PACKAGES/libcas-$version-$machine-linux-gnu.tar.gz" -C "$bare"
mv "$tree/lib/libcas.so.$version" "$tree/lib/libcas.so.$next"
ln -sf "libcas.so.$next" "$tree/lib/libcas.so.0"
VERSION=$next python3 -B tools/package/packages.py "$tree" "$machine" "$bare/next"

# Fails if a link below this directory leads nowhere that did so not before.
no_dangling_link() {
    find "$1/usr" "$1/lib" -xtype l | grep -i cas && { echo "a link leads nowhere" >&2; exit 1; }
    return 0
}
# The links of the library, where programs look.
links_to() { [ "$(readlink "$1/libcas.so.0")" = "libcas.so.$2" ]; }

try_deb() {
    local suite=$1 root=$bare/$1
    printf '=== %s (%s s)\n' "$suite" "$SECONDS"
    mmdebstrap --quiet --variant=minbase \
        --include=ca-certificates,clang,cmake,g++,gcc,libc6-dev,make,meson,openssl,pkg-config \
        "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}"
    mount -t proc proc "$root/proc"
    mkdir "$root/old" "$root/next"
    cp "$PACKAGES"/*_"$debian.deb" "$root/old"
    cp "$bare"/next/*.deb "$root/next"
    cp tools/package/test-installed.sh "$root/"
    inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
    inside sh -c 'apt-get install -y -qq --no-install-recommends /old/*.deb >/dev/null'
    links_to "$root/$libdir" "$version"
    inside /test-installed.sh /usr casctl pkg-config static cpp cmake meson https
    no_dangling_link "$root"
    # A program that was built before an upgrade runs after it.
    inside sh -c 'cc /usr/share/doc/libcas/examples/c/inspect.c -lcas -o /inspect'
    inside sh -c 'apt-get install -y -qq --no-install-recommends /next/*.deb >/dev/null'
    links_to "$root/$libdir" "$next"
    [ ! -e "$root/$libdir/libcas.so.$version" ]
    inside ldd /inspect | grep -q "libcas.so.0 => /"
    inside /test-installed.sh /usr casctl pkg-config
    no_dangling_link "$root"
    inside sh -c 'dpkg -l libcas0 libcas-dev casctl cas-emulator | grep -c "^ii"' | grep -qx 4
    inside sh -c 'dpkg --purge libcas-dev casctl cas-emulator libcas0 >/dev/null'
    if find "$root/usr" "$root/lib" "$root/etc" | grep -E 'libcas|casctl|cas-emulator' |
        grep -v libcas-test; then # a root certificate of the test
        echo "a purge leaves files" >&2
        exit 1
    fi
    inside sh -c 'apt-get install -y -qq --no-install-recommends /old/*.deb >/dev/null'
    links_to "$root/$libdir" "$version"
    no_dangling_link "$root"
    inside /test-installed.sh /usr casctl pkg-config
    inside sh -c 'dpkg --purge libcas-dev casctl cas-emulator libcas0 >/dev/null'
}

# In the last Debian system, whose own packages rpm does not know.
try_rpm() {
    local root=$bare/$1
    printf '=== rpm (%s s)\n' "$SECONDS"
    inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
    with_rpm() { rpm --root "$root" --dbpath /var/lib/rpm --nodeps --ignorearch "$@"; }
    with_rpm -i "$PACKAGES"/*."$machine.rpm"
    links_to "$root/usr/lib64" "$version"
    inside /test-installed.sh /usr casctl pkg-config static cpp
    no_dangling_link "$root"
    with_rpm -U "$bare"/next/*.rpm
    links_to "$root/usr/lib64" "$next"
    [ ! -e "$root/usr/lib64/libcas.so.$version" ]
    inside /test-installed.sh /usr casctl pkg-config
    no_dangling_link "$root"
    with_rpm -V libcas0 libcas-devel casctl cas-emulator
    with_rpm -e libcas-devel casctl cas-emulator libcas0
    if find "$root/usr" "$root/lib" | grep -E 'libcas|casctl|cas-emulator' |
        grep -v libcas-test; then
        echo "a removal leaves files" >&2
        exit 1
    fi
}
for suite; do
    try_deb "$suite"
done
try_rpm "${!#}"
echo "=== everything passed ($SECONDS s)"

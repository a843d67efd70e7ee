#!/usr/bin/env bash
# Runs `make run` and `make test` in an empty Debian system: a fresh root file system with nothing
# but what the README asks for (Rust, gcc, make, Python 3), and a clean clone of the last commit.
#
#   tools/test-bare.sh [run]        with `run`, `make test` is left out
#
# MIRROR    of Debian; http://deb.debian.org/debian by default
# SUITE     of Debian; bookworm by default
#
# Needs root, git, mmdebstrap, and access to Debian, crates.io, PyPI and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
bare=$PWD/target/bare
root=$bare/root

# The system is mounted in a namespace of its own: when that ends, nothing is mounted any more and
# the directory can be removed.
if [ -z "${NAMESPACE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "test-bare needs root" >&2; exit 1; }
    for tool in git mmdebstrap unshare; do
        type -P "$tool" >/dev/null || { echo "test-bare needs $tool" >&2; exit 1; }
    done
    trap 'rm -rf --one-file-system "$bare"' EXIT
    rm -rf --one-file-system "$bare"
    mkdir -p "$bare"
    NAMESPACE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
    exit
fi

# The first process of a namespace ignores signals that it does not handle.
trap 'exit 130' INT TERM
until_goal=${1:-test}
step() { printf '\n=== %s (%s s)\n' "$1" "$SECONDS"; }
fail() { echo "FAILED: $1" >&2; exit 1; }

# inside USER COMMAND...: runs a command in the clone, in an environment of its own.
inside() {
    local home=/home name roots=/etc/ssl/certs/ca-certificates.crt
    [ "$1" = user ] || home=/root
    local environment=(HOME=$home PIP_CERT=$roots NODE_EXTRA_CA_CERTS=$roots
        PATH=/opt/rust/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin)
    for name in http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || environment+=("$name=${!name}")
    done
    chroot "$root" setpriv --reuid "$1" --regid "$1" --init-groups \
        env --chdir=/home/libcas -i "${environment[@]}" "${@:2}"
}
# stops_with PREFIX COMMAND...: the command fails before it builds anything,
# and prints one line to run, with PREFIX before each command in it.
stops_with() {
    if inside user "${@:2}" >"$bare/log" 2>&1; then fail "${*:2} succeeded"; fi
    cat "$bare/log"
    [ "$(grep -c 'apt-get install' "$bare/log")" = 1 ] || fail 'not one command'
    grep -q "^  $1apt-get update && $1apt-get install" "$bare/log" || fail 'another command'
    [ ! -e "$root/home/libcas/target" ] || fail 'something was built'
}
# uploads USER COMMAND...: the command ends with a CertId.
uploads() {
    inside "$@" 2>&1 | tee "$bare/log"
    [[ $(tail -n 1 "$bare/log") =~ ^'CertId: '[0-9]+$ ]] || fail 'no CertId'
}

# A function, because bash reads a script while it runs: it may be edited in the meantime.
main() {
    step 'creating the system'
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,gcc,make,python3 \
        "${SUITE:-bookworm}" "$root" "${MIRROR:-http://deb.debian.org/debian}"
    # Rust as rustup installs it.
    mkdir "$root/opt/rust"
    mount --bind "$(rustc --print sysroot)" "$root/opt/rust"
    mount -o remount,bind,ro "$root/opt/rust"
    # The way from this machine to the registries.
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    git clone --quiet --no-hardlinks . "$root/home/libcas"
    chroot "$root" useradd --no-create-home --home-dir /home user
    chroot "$root" chown -R user:user /home
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir -m 1777 "$root/dev/shm"
    for device in null zero full random urandom tty; do
        cp -a "/dev/$device" "$root/dev/"
    done
    ln -s /proc/self/fd "$root/dev/fd"

    step 'a user without sudo: make run and make test stop before the build'
    stops_with '' make run
    stops_with '' make test

    step 'a user with sudo: make run stops, make run INSTALL=1 uploads'
    inside root sh -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends sudo' \
        >/dev/null 2>&1
    echo 'user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"
    stops_with 'sudo ' make run
    stops_with 'sudo ' make test
    uploads user make run INSTALL=1
    [ "$until_goal" = test ] || exit 0

    step 'root: make test installs what is missing'
    inside root make setup-test

    step 'make test passes'
    inside user make test
    step 'everything passed'
    exit
}
main

#!/usr/bin/env bash
# Tests tools/setup.sh on simulated systems: every tool, package manager, sudo and the user are
# scripts that log how they are called. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
basics='awk bash cat cut dirname env grep head mktemp rm sed sort touch'
tools='cargo cc gcc g++ openssl valgrind tinyproxy squid microsocks sockd danted localedef python3
    chromium node npm pebble lego dpkg-deb rpmbuild pkg-config curl kill abidiff
    luajit perl cobc cmake meson ninja'
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

# A system with every tool; $1 is its package manager, $2 the ID and $3 the version in os-release.
system() {
    bin=$work/bin
    rm -rf "$bin"
    mkdir "$bin"
    : >"$work/calls"
    for tool in $basics; do ln -s "$(type -P "$tool")" "$bin/$tool"; done
    # A tool works unless a test has broken it. A package manager repairs what is listed in
    # "$work/packages": a package and the tool that it brings.
    for tool in $tools; do script "$tool" 'exit 0'; done
    script cargo "echo cargo $needed.0"
    script id 'echo 1000'
    script sudo 'echo "sudo $*" >>"$WORK/calls"; exec "$@"'
    for manager in $1; do
        script "$manager" 'echo "${0##*/} $*" >>"$WORK/calls"
            while read -r package tool; do
                case " $* " in *" $package "*) rm -f "$WORK/broken.$tool" ;; esac
            done <"$WORK/packages"'
    done
    rm -f "$work"/broken.*
    : >"$work/packages"
    printf 'ID=%s\nVERSION_ID="%s"\n' "$2" "$3" >"$work/os-release"
}
script() {
    printf '#!%s\n[ ! -e "$WORK/broken.%s" ] || exit 1\n%s\n' "$(type -P bash)" "$1" "$2" \
        >"$bin/$1"
    chmod +x "$bin/$1"
}
broken() { for tool; do touch "$work/broken.$tool"; done; }
removed() { for tool; do rm "$bin/$tool"; done; }

# setup EXPECTED-STATUS GOAL [NAME=VALUE...]; leaves what it prints in $output.
setup() {
    local status=0
    output=$(env -i PATH="$bin" WORK="$work" OS_RELEASE="$work/os-release" "${@:3}" \
        "$bin/bash" tools/setup.sh "$2" 2>&1) || status=$?
    [ "$status" = "$1" ] || fail "exit status $status instead of $1"
}
fail() {
    printf '%s: %s\nIt printed:\n%s\nIt called:\n' "$name" "$1" "$output" >&2
    cat "$work/calls" >&2
    exit 1
}
prints() { case $output in *"$1"*) ;; *) fail "does not print: $1" ;; esac; }
prints_not() { case $output in *"$1"*) fail "prints: $1" ;; esac; }
calls() { [ "$(cat "$work/calls")" = "$1" ] || fail "other calls than: $1"; }

name='complete system'
system apt-get debian 12
setup 0 test
setup 0 run
[ -z "$output" ] || fail 'prints something'
calls ''

name='make check'
system apt-get debian 12
broken abidiff valgrind
setup 1 check
prints '--no-install-recommends abigail-tools'
prints_not valgrind

name='a user without INSTALL=1 gets one command'
system apt-get debian 12
broken g++ valgrind
removed kill
setup 1 test
prints 'valgrind               memory errors and leaks'
prints "Run this command, or \`make test INSTALL=1\`:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ procps valgrind"
prints_not openssl
calls ''

name='make run needs less'
setup 0 run
broken openssl
setup 1 run
prints 'sudo apt-get install -y --no-install-recommends openssl'
setup 0 run CERT=my.pem
broken cc
setup 1 run CERT=my.pem
prints '--no-install-recommends gcc libc6-dev'

name='each package is named once'
system apt-get debian 12
broken gcc
setup 1 test
[[ $output == *'--no-install-recommends gcc libc6-dev libssl-dev' ]] || fail 'other packages'

name='a user without sudo'
system apt-get debian 12
removed sudo
broken tinyproxy
for install in 0 1; do
    setup 1 test INSTALL=$install
    prints "Run this command as root:
  apt-get update && apt-get install -y --no-install-recommends tinyproxy-bin"
done
calls ''

name='INSTALL=1 installs with sudo'
system apt-get debian 12
broken python3
removed microsocks
script microsocks-new 'exit 0'
echo 'python3-venv python3' >"$work/packages"
script apt-get 'echo "apt-get $*" >>"$WORK/calls"
    case $1 in install) rm -f "$WORK/broken.python3"
        mv "${0%/*}/microsocks-new" "${0%/*}/microsocks" ;; esac'
ln -s "$(type -P mv)" "$bin/mv"
setup 0 test INSTALL=1
install='apt-get install -y --no-install-recommends microsocks python3 python3-venv'
calls "sudo env DEBIAN_FRONTEND=noninteractive apt-get update
apt-get update
sudo env DEBIAN_FRONTEND=noninteractive $install
$install"

name='root installs without sudo'
system apt-get debian 12
script id 'echo 0'
broken valgrind
echo 'valgrind valgrind' >"$work/packages"
setup 0 test
calls 'apt-get update
apt-get install -y --no-install-recommends valgrind'

name='what is missing after the installation stops make'
system apt-get debian 12
script id 'echo 0'
broken valgrind microsocks g++
removed microsocks
printf 'g++ g++\nvalgrind valgrind\n' >"$work/packages"
setup 1 test
prints 'make test cannot start. These tools are still missing or do not work:
  microsocks '
prints 'https://github.com/rofl0r/microsocks'

name='a failing apt-get update does not matter when the tools are found'
system apt-get debian 12
script id 'echo 0'
broken openssl
script apt-get '[ "$1" = install ] && rm "$WORK/broken.openssl"'
setup 0 run
prints '`apt-get update` failed'

name='Python without ensurepip or ssl'
system apt-get debian 12
script python3 'case $* in *ensurepip*) exit 1 ;; esac'
setup 1 test
prints '--no-install-recommends python3 python3-venv'
setup 0 run

name='Node.js without npm'
system apt-get debian 12
removed npm
setup 1 test
prints '--no-install-recommends nodejs npm'
setup 0 run

name='the tools of the examples'
system apt-get debian 12
broken perl cobc ninja
setup 1 test
prints '--no-install-recommends gnucobol3 libffi-platypus-perl meson ninja-build'
prints_not luajit
setup 0 run
system dnf fedora 42
broken luajit perl cobc cmake meson
setup 0 test

name='daemons are not started'
system apt-get debian 12
broken sockd
setup 0 test
broken danted
setup 1 test
prints 'sudo apt-get update && sudo apt-get install -y --no-install-recommends dante-server'
script systemctl 'exit 0'
broken squid
setup 1 test
prints 'sudo apt-get update && sudo systemctl mask danted squid && sudo apt-get install -y'

name='the Python of the Makefile'
system apt-get debian 12
script other 'exit 1'
setup 1 test PYTHON=other
prints 'runs the official SDKs (other)'

name='sanitizers that do not link'
for flag in address thread; do
    system dnf fedora 42
    script gcc "case \$* in *sanitize=$flag*) exit 1 ;; esac"
    setup 1 test
    prints 'sudo dnf install -y libasan libtsan libubsan'
    setup 0 run
done

name='Red Hat families'
for case in 'dnf fedora 42 ' \
    'dnf rhel 9.4 https://dl.fedoraproject.org/pub/epel/epel-release-latest-9.noarch.rpm' \
    'dnf rocky 9.4 epel-release' 'yum centos 9 epel-release' \
    'microdnf ol 9.4 oracle-epel-release-el9'; do
    read -r manager id version epel <<<"$case"
    system "$manager" "$id" "$version"
    broken cc gcc g++ tinyproxy
    removed microsocks
    [ -z "$epel" ] || epel="sudo $manager install -y $epel && "
    setup 1 test
    install="sudo $manager install -y"
    prints "  $install gcc gcc-c++ glibc-devel libasan libtsan libubsan openssl-devel \
&& $epel$install tinyproxy && $install microsocks"
    setup 1 run
    prints "  sudo $manager install -y gcc glibc-devel"
    prints_not tinyproxy
    calls ''
done

name='a package that Red Hat does not have does not stop the others'
system dnf rhel 9.4
script id 'echo 0'
broken valgrind tinyproxy
removed microsocks
printf 'valgrind valgrind\ntinyproxy tinyproxy\n' >"$work/packages"
setup 1 test
prints_not 'These tools are still missing or do not work:
  valgrind'
prints 'These tools are still missing or do not work:
  microsocks '

name='another system'
system '' arch ''
broken valgrind
setup 1 test INSTALL=1
prints "Install them with your system's package manager."

name='Rust'
system apt-get debian 12
script id 'echo 0'
broken valgrind
removed cargo
setup 1 run
prints "libcas needs Rust $needed or newer. Install it from https://rustup.rs"
script cargo 'echo cargo 1.63.0'
setup 1 test
prints 'Rust 1.63.0 is too old.'
calls ''
script cargo 'exit 1'
script newer 'echo cargo 1.100.0'
setup 0 run CARGO=newer

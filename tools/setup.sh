#!/usr/bin/env bash
# Checks that the tools of `make run`, `make test`, `make check` or `make dist` work, and installs
# those that are missing.
#
#   tools/setup.sh run|test|check|dist
#
# It installs packages as root, or through sudo with INSTALL=1. Otherwise it prints the command to
# run and fails, so that a build never starts which cannot be used.
#
# CARGO, PYTHON     as in the Makefile
# CERT              with a certificate of your own, `make run` needs no openssl
# OS_RELEASE        used instead of /etc/os-release (for tools/test-setup.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
goal=${1:?run, test, check or dist}
cargo=${CARGO:-cargo}
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# --- The tools -----------------------------------------------------------------------------------

# need NAME PURPOSE DEB-PACKAGES RPM-PACKAGES CHECK...
# A tool counts as missing unless CHECK succeeds: an installed tool may still not work.
need() {
    if ! "${@:5}" >"$scratch/log" 2>&1 </dev/null; then
        missing+=("$(printf '  %-22s %s' "$1" "$2")")
        debs+=($3)
        rpms+=($4)
    fi
}

# The compiler $1 turns a program in the language $2 into an executable, with the flags that follow.
links() {
    printf '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' >"$scratch/main.$2"
    "$1" -x "$2" "$scratch/main.$2" -o "$scratch/main" "${@:3}"
}
c_compiler() { links cc c && links gcc c; }
sanitizers() { links gcc c -fsanitize=address,undefined && links gcc c -fsanitize=thread; }
# The function is from OpenSSL 3.
openssl_library() {
    printf '#include <openssl/ssl.h>\nint main(void) { return EVP_PKEY_get_bits(NULL); }\n' \
        >"$scratch/main.c"
    gcc -x c "$scratch/main.c" -o "$scratch/main" -lssl -lcrypto
}
# Not every user's search path has /usr/sbin.
daemon() { PATH=$PATH:/usr/sbin "$@"; }
# Debian renames it.
dante() { daemon sockd -v || daemon danted -v; }
# Fedora renames it.
chromium_browser() { chromium --version || chromium-browser --version; }
# `type -P` ignores what the shell has built in: the tests start /bin/kill.
on_path() { type -P "$1"; }
chinese_locale() {
    localedef --no-archive --charmap=GBK --inputfile=zh_CN "$scratch/zh_CN.GBK"
}
python_with_venv() { python3 -c 'import ssl' && "$python" -c 'import ensurepip, ssl, venv'; }

meson_with_ninja() { meson --version && ninja --version; }
node_with_npm() { node --version && npm --version; }

check_tools() {
    missing=() debs=() rpms=()
    need gcc 'compiles C; with the headers of the C library' \
        'gcc libc6-dev' 'gcc glibc-devel' c_compiler
    if [ "$goal" = check ]; then
        need abidiff 'compares the binary interface with that of the release' \
            abigail-tools libabigail abidiff --version
        return
    fi
    if [ "$goal" = dist ]; then
        need dpkg-deb 'makes packages for Debian' dpkg dpkg dpkg-deb --version
        need rpmbuild 'makes packages for RPM systems' rpm rpm-build rpmbuild --version
        for cpu in aarch64 i686; do
            need "$cpu-linux-gnu-ld" 'links the release for another architecture' \
                "binutils-$cpu-linux-gnu" "binutils-$cpu-linux-gnu" "$cpu-linux-gnu-ld" --version
        done
        return
    fi
    if [ "$goal" = test ] || [ -z "${CERT:-}" ]; then
        need openssl 'creates certificates' openssl openssl openssl version
    fi
    [ "$goal" = test ] || return 0
    need g++ 'compiles include/cas.h as C++' g++ gcc-c++ links g++ c++
    need sanitizers 'memory errors, data races: libasan, libubsan, libtsan of gcc' \
        gcc 'libasan libubsan libtsan' sanitizers
    need libssl "OpenSSL 3's server: the headers" \
        libssl-dev openssl-devel openssl_library
    need valgrind 'memory errors and leaks' valgrind valgrind valgrind --quiet true
    # On Debian the package tinyproxy would also start a service.
    need tinyproxy 'HTTP proxy (https://tinyproxy.github.io)' \
        tinyproxy-bin tinyproxy tinyproxy -v
    need squid 'HTTP proxy (https://www.squid-cache.org)' \
        squid squid daemon squid -v
    need microsocks 'SOCKS proxy (https://github.com/rofl0r/microsocks)' \
        microsocks microsocks on_path microsocks
    need sockd 'SOCKS proxy (https://www.inet.no/dante)' \
        dante-server dante-server dante
    need 'zh_CN.GBK' 'a locale that is not UTF-8: localedef and its sources' \
        locales 'glibc-common glibc-locale-source' chinese_locale
    need 'Python 3 with venv' "runs the official SDKs ($python)" \
        'python3 python3-venv' python3 python_with_venv
    need 'Node.js with npm' 'runs the official package for Node.js' \
        'nodejs npm' 'nodejs npm' node_with_npm
    need chromium 'a browser, for the page of the emulator' \
        chromium chromium chromium_browser
    # Other distributions may not have a package of it; the tests say that they do without. So they
    # do without Go everywhere: it takes 460 MB.
    if on_path apt-get >/dev/null; then
        need pebble 'an ACME server, for certbot and lego' pebble '' on_path pebble
        need lego 'a renewal client that calls casctl' lego '' lego --version
        need luajit 'runs the example in Lua' luajit '' luajit -v
        need FFI::Platypus 'runs the example in Perl' libffi-platypus-perl '' \
            perl -MFFI::Platypus -e 1
        need cobc 'compiles the example in COBOL: GnuCOBOL 3' gnucobol3 '' cobc --version
        need CMake 'builds a project that uses libcas' cmake '' cmake --version
        need Meson 'builds a project that uses libcas; with ninja' 'meson ninja-build' '' \
            meson_with_ninja
    fi
    need pkg-config 'what an installed libcas says of itself' \
        pkg-config pkgconf-pkg-config pkg-config --version
    need dpkg-deb 'makes packages for Debian' dpkg dpkg dpkg-deb --version
    need rpmbuild 'makes packages for RPM systems' rpm rpm-build rpmbuild --version
    need curl 'calls the emulator, as the manual says' curl curl curl --version
    need kill 'stops the emulator' procps util-linux on_path kill
}

# --- Rust: rustup installs it for a user, so no package does -------------------------------------

check_rust() {
    local required found
    required=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$($cargo --version 2>/dev/null | cut -d ' ' -f 2) || true
    if [ -z "$found" ]; then
        echo "Rust is missing: \`$cargo --version\` failed."
    elif [ "$(printf '%s\n' "$required" "$found" | sort -V | head -n 1)" != "$required" ]; then
        echo "Rust $found is too old."
    else
        return 0
    fi
    echo "libcas needs Rust $required or newer. Install it from https://rustup.rs"
    return 1
}

# --- The system's packages -----------------------------------------------------------------------

# Sets `commands` to what installs the missing tools here, or to nothing on an unknown system.
find_commands() {
    local manager package base=() epel=() services=()
    commands=()
    mapfile -t debs < <(printf '%s\n' "${debs[@]}" | sort -u)
    mapfile -t rpms < <(printf '%s\n' "${rpms[@]}" | sort -u)
    if on_path apt-get >/dev/null; then
        commands=('apt-get update')
        # Debian starts what a package serves, now and whenever the system starts.
        for package in "${debs[@]}"; do
            case $package in
            dante-server) services+=(danted) ;;
            squid) services+=(squid) ;;
            esac
        done
        [ ${#services[@]} -eq 0 ] || ! on_path systemctl >/dev/null ||
            commands+=("systemctl mask ${services[*]}")
        commands+=("apt-get install -y --no-install-recommends ${debs[*]}")
        return
    fi
    for package in "${rpms[@]}"; do
        case $package in
        chromium | tinyproxy) epel=("$package" "${epel[@]}") ;;
        dante-server | microsocks) epel+=("$package") ;;
        *) base+=("$package") ;;
        esac
    done
    for manager in dnf microdnf yum; do
        on_path "$manager" >/dev/null || continue
        [ ${#base[@]} -eq 0 ] || commands+=("$manager install -y ${base[*]}")
        [ ${#epel[@]} -eq 0 ] || enable_epel "$manager"
        # One command each, because an unknown package stops the installation of all others.
        # dante-server and microsocks come last: they are missing from some releases.
        for package in "${epel[@]}"; do
            commands+=("$manager install -y $package")
        done
        return
    done
}

# Fedora has these packages itself. Its relatives have them in EPEL, a repository of its own.
enable_epel() {
    local id version url=https://dl.fedoraproject.org/pub/epel
    id=$(os_release ID) version=$(os_release VERSION_ID)
    case $id in
    fedora) ;;
    rhel) commands+=("$1 install -y $url/epel-release-latest-${version%%.*}.noarch.rpm") ;;
    ol) commands+=("$1 install -y oracle-epel-release-el${version%%.*}") ;;
    *) commands+=("$1 install -y epel-release") ;;
    esac
}
os_release() { (. "${OS_RELEASE:-/etc/os-release}" && echo "${!1:-}"); }

# Prints the line that installs the tools, and gives up.
print_command() {
    local line
    line=$(printf " && $sudo%s" "${commands[@]}")
    printf '%s\n  %s\n' "$1" "${line# && }" >&2
    exit 1
}

# --- What happens --------------------------------------------------------------------------------

check_rust >&2
check_tools
[ ${#missing[@]} -gt 0 ] || exit 0

echo "make $goal needs tools that are missing or do not work:" >&2
printf '%s\n' "${missing[@]}" >&2
find_commands
if [ ${#commands[@]} -eq 0 ]; then
    echo "Install them with your system's package manager." >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    sudo=
elif on_path sudo >/dev/null; then
    sudo='sudo '
    [ "${INSTALL:-}" = 1 ] || print_command "Run this command, or \`make $goal INSTALL=1\`:"
else
    sudo=
    print_command 'Run this command as root:'
fi

for command in "${commands[@]}"; do
    echo "+ $sudo$command" >&2
    # One repository may be out of reach although the others are enough: the check below decides.
    ${sudo}env DEBIAN_FRONTEND=noninteractive $command || echo "\`$command\` failed" >&2
done
check_tools
[ ${#missing[@]} -gt 0 ] || exit 0
echo "make $goal cannot start. These tools are still missing or do not work:" >&2
printf '%s\n' "${missing[@]}" >&2
exit 1

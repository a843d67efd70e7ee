#!/bin/sh
# Brings the compiler of the release to target/rust-web: Debian's rustc for web browsers, and the
# sources of the standard library.
#
# Needs apt-get with the sources of Debian 12 and its security updates, on x86_64. Installs nothing
# in the system.
set -eu
if ! command -v apt-get >/dev/null; then
    echo "The compiler of the release comes from Debian 12. Set RUSTC= to one of your own:" \
        "see tools/package/dist.py" >&2
    exit 1
fi
cd "$(dirname "$0")/../.."
rm -rf target/rust-web
mkdir -p target/rust-web/apt/lists/partial target/rust-web/apt/cache/archives/partial
cd target/rust-web
get() {
    apt-get -qq -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" \
        -o APT::Sandbox::User=root "$@"
}
get update
get download rustc-web libstd-rust-web-dev rust-web-src
# The compiler's own libraries have their version in the name of the package.
depends() { dpkg-deb --field "$1" Depends | tr -d ' ' | tr ',' '\n' | sed 's/(.*//' | grep "^$2"; }
get download "$(depends "$(echo libstd-rust-web-dev_*.deb)" libstd-rust-web-)"
get download "$(depends "$(echo libstd-rust-web-[0-9]*.deb)" libllvm)"
for package in *.deb; do
    dpkg-deb --extract "$package" root
done
rm -rf apt ./*.deb
cat >rustc <<END
#!/bin/sh
export LD_LIBRARY_PATH="$(find "$PWD/root/usr/lib" -name '*.so*' -exec dirname {} + | sort -u |
    paste -sd :)"
exec "$PWD/root/usr/bin/rustc" "\$@"
END
chmod +x rustc
./rustc --version

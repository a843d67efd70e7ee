#!/bin/sh
# Brings Debian's compiler for web browsers, with the standard library of arm64, to target/rust-web,
# for the release on aarch64 where rustup has no such target:
#
#   tools/package/rust-web.sh
#   RUSTC=$PWD/target/rust-web/rustc DIST_RUST=1.96.0 make dist \
#       DIST_TARGETS=aarch64-unknown-linux-gnu
#
# Needs Debian 12 on x86_64 and binutils-aarch64-linux-gnu. Installs nothing in the system.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p target/rust-web/apt/lists/partial target/rust-web/apt/cache/archives/partial
cd target/rust-web
get() {
    apt-get -qq -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" \
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 "$@"
}
get update
rm -f ./*.deb
get download rustc-web libstd-rust-web-dev:amd64 libstd-rust-web-dev:arm64
# The compiler's own libraries have their version in the name of the package.
depends() { dpkg-deb --field "$1" Depends | tr -d ' ' | tr ',' '\n' | sed 's/(.*//' | grep "^$2"; }
get download "$(depends "$(echo libstd-rust-web-dev_*_amd64.deb)" libstd-rust-web-):amd64"
get download "$(depends "$(echo libstd-rust-web-[0-9]*.deb)" libllvm):amd64"
for package in *.deb; do
    dpkg-deb --extract "$package" root
done
cat >rustc <<END
#!/bin/sh
export LD_LIBRARY_PATH="$(find "$PWD/root/usr/lib" -name '*.so*' -exec dirname {} + | sort -u |
    paste -sd :)"
exec "$PWD/root/usr/bin/rustc" "\$@"
END
chmod +x rustc
./rustc --version

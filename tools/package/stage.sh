#!/bin/sh
# Lays out what is installed: bin, include, lib and share, and install.sh beside them.
#
#   tools/package/stage.sh TREE TARGET LIBCAS.SO LIBCAS.A CAS-EMULATOR CASCTL
#
# TARGET    is one of Rust's, such as x86_64-unknown-linux-gnu
# RUNS      a casctl that runs here, if CASCTL is for another machine: it prints its own manual
# PYTHON, RUSTC  are used if they are set
set -eu
umask 022
tree=$1 target=$2 shared=$3 static=$4 emulator=$5 casctl=$6
top=$(dirname "$0")/../..
version=$(sed -n '/^\[workspace.package\]/,/^version/ s/^version = "\(.*\)"/\1/p' "$top/Cargo.toml")
doc=$tree/share/doc/libcas

# put MODE FILE DESTINATION
put() { mkdir -p "${3%/*}" && cp "$2" "$3" && chmod "$1" "$3"; }
# fill TEMPLATE DESTINATION
fill() { mkdir -p "${2%/*}" && sed "s/@VERSION@/$version/" "$top/tools/package/$1" >"$2"; }

rm -rf "$tree"
put 755 "$top/tools/package/install.sh" "$tree/install.sh"
put 755 "$emulator" "$tree/bin/cas-emulator"
put 755 "$casctl" "$tree/bin/casctl"
for header in cas.h cas.hpp; do
    put 644 "$top/include/$header" "$tree/include/$header"
done
put 755 "$shared" "$tree/lib/libcas.so.$version"
# Programs are linked with libcas.so and load libcas.so.0.
ln -s "libcas.so.$version" "$tree/lib/libcas.so.0"
ln -s libcas.so.0 "$tree/lib/libcas.so"
put 644 "$static" "$tree/lib/libcas.a"
fill libcas.pc.in "$tree/lib/pkgconfig/libcas.pc"
for file in libcasConfig libcasConfigVersion; do
    fill "$file.cmake.in" "$tree/lib/cmake/libcas/$file.cmake"
done
put 644 "$top/examples/valgrind.supp" "$tree/share/libcas/valgrind.supp"
put 755 "$top/packaging/hooks/ali_cas.sh" "$tree/share/libcas/hooks/ali_cas.sh"
for unit in casctl-sync.service casctl-sync.timer; do
    put 644 "$top/packaging/systemd/$unit" "$tree/share/libcas/systemd/$unit"
done

put 644 "$top/packaging/man/cas-emulator.1" "$tree/share/man/man1/cas-emulator.1"
"${PYTHON:-python3}" -B "$top/tools/manual/man.py" functions "$tree/share/man/man3"
chmod 644 "$tree/share/man/man3"/*

# The manual and the completions of casctl, in English whoever installs.
runs=${RUNS:-$casctl}
export LC_ALL=C
print() { mkdir -p "${1%/*}" && "$runs" $2 >"$1" && chmod 644 "$1"; }
print "$tree/share/man/man1/casctl.1" man
for command in $("$runs" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'); do
    print "$tree/share/man/man1/casctl-$command.1" "man $command"
done
print "$tree/share/bash-completion/completions/casctl" 'completions bash'
print "$tree/share/zsh/site-functions/_casctl" 'completions zsh'
print "$tree/share/fish/vendor_completions.d/casctl.fish" 'completions fish'

for file in README.md README.zh-CN.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT; do
    put 644 "$top/$file" "$doc/$file"
done
for file in $(cd "$top/docs" && find . -name '*.md' ! -name SUMMARY.md | LC_ALL=C sort); do
    put 644 "$top/docs/$file" "$doc/docs/${file#./}"
done
for file in "$top"/examples/c/*.c "$top"/examples/cpp/*.cpp "$top"/examples/cobol/*.cob \
    "$top"/examples/go/go.mod "$top"/examples/go/*.go "$top"/examples/lua/*.lua \
    "$top"/examples/perl/*.pl "$top"/examples/shell/*.sh "$top"/examples/build/make/Makefile \
    "$top"/examples/build/cmake/CMakeLists.txt "$top"/examples/build/meson/meson.build; do
    put 644 "$file" "$doc${file#"$top"}"
done
put 755 "$top/examples/make-chain.sh" "$doc/examples/make-chain.sh"
"${PYTHON:-python3}" "$top/tools/package/components.py" notices "$target" "$doc/THIRD-PARTY.txt"
"${PYTHON:-python3}" "$top/tools/package/components.py" sbom "$target" "$doc/libcas.cdx.json"
# The Rust project's, or Debian's. Some builds of Rust come without it.
rust=$("${RUSTC:-rustc}" --print sysroot)/share/doc
if [ -e "$rust/rust/COPYRIGHT-library.html" ]; then
    put 644 "$rust/rust/COPYRIGHT-library.html" "$doc/RUST-COPYRIGHT.html"
elif [ -e "$rust/libstd-rust-web-dev/copyright" ]; then
    put 644 "$rust/libstd-rust-web-dev/copyright" "$doc/RUST-COPYRIGHT.txt"
fi

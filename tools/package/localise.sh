#!/bin/sh
# Makes one object of libcas.a whose only global symbols are the functions of cas.h, so that another
# Rust library can be linked into the same program.
#
#   tools/package/localise.sh libcas.a OUT.a        LD, OBJCOPY and AR name the binutils
set -eu
map=$(dirname "$0")/../../crates/cas-ffi/libcas.map
object=${2%.a}.o
keep=${2%.a}.keep
trap 'rm -f "$object" "$keep"' EXIT
sed -n 's/^ *\(cas_[a-z0-9_]*\);$/\1/p' "$map" >"$keep"
# Symbols of a group that is not resolved here would be global to the next linker.
# shellcheck disable=SC2046
"${LD:-ld}" -r --gc-sections --force-group-allocation $(sed 's/^/-u /' "$keep") "$1" -o "$object"
# .llvmbc is std's own bitcode, which makes other linkers take the object for one of LTO. The names
# of local functions stay: the valgrind suppressions and debuggers use them.
"${OBJCOPY:-objcopy}" --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd \
    "--keep-global-symbols=$keep" "$object"
rm -f "$2"
(cd "$(dirname "$2")" && "${AR:-ar}" rcD "$(basename "$2")" "$(basename "$object")")

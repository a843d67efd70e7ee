#!/bin/sh
# Links libcas.so from libcas.a, with versions of its symbols. rustc's own link would lose them.
#
#   tools/package/link.sh LIBCAS.A LIBCAS.SO [TARGET]
#
# TARGET    is one of zig's, such as x86_64-linux-gnu.2.17: the library needs no newer glibc.
#           `make target/zig/.ready` installs zig. Without TARGET, $CC links for this system.
# STRIP=    keeps the symbols that are not exported.
set -eu
top=$(dirname "$0")/../..
map=$top/crates/cas-ffi/libcas.map
archive=$1
library=$2
# The unwinder is linked in, so that the library needs glibc alone.
if [ $# = 3 ]; then
    export ZIG_GLOBAL_CACHE_DIR="$top/target/zig/cache" ZIG_LOCAL_CACHE_DIR="$top/target/zig/cache"
    set -- "$top/target/zig/bin/python" -m ziglang cc -target "$3"
    unwinder=-lunwind
else
    set -- "${CC:-cc}"
    unwinder='-lgcc_eh -lgcc'
fi
# Each function is a root of the search in the archive and of --gc-sections. The library stays
# mapped after dlclose: a thread that used it runs its thread-local destructors later.
# shellcheck disable=SC2046,SC2086
"$@" -shared -o "$library" -Wl,-soname,libcas.so.0 -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro \
    -Wl,--gc-sections -Wl,--build-id=none -Wl,--hash-style=both \
    ${STRIP--s} "-Wl,--version-script=$map" \
    $(sed -n 's/^ *\(cas_[a-z0-9_]*\);$/-Wl,-u,\1/p' "$map") \
    "$archive" $unwinder -Wl,--as-needed -lm -ldl -lpthread

#!/bin/sh
# Installs libcas from the directory of this script, or removes an installed one.
#
#   ./install.sh [uninstall]
#
# PREFIX    where it is used; /usr/local by default
# LIBDIR    of the libraries; $PREFIX/lib by default
# DESTDIR   is put before both, to build a package; empty by default
#
# The list of installed files is $PREFIX/share/libcas/files. An installation removes the files of
# the one before it that it does not have any more.
set -eu
umask 022
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
root=${DESTDIR:-}
list=$prefix/share/libcas/files
case "$prefix $libdir" in
/*' '/*) ;;
*) echo "PREFIX and LIBDIR must be absolute paths" >&2 && exit 1 ;;
esac

# Removes the files whose paths are read, and the directories that only libcas has.
remove() {
    while read -r path; do
        rm -f "$root$path"
        directory=${path%/*}
        while case $directory in */libcas | */libcas/*) ;; *) false ;; esac; do
            rmdir "$root$directory" 2>/dev/null || break
            directory=${directory%/*}
        done
    done
}

# Tells the loader of this system about a new library.
update_loader() {
    if [ -z "$root" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then
        ldconfig
    fi
}

if [ "${1:-install}" = uninstall ]; then
    [ -e "$root$list" ] || { echo "libcas is not installed in $root$prefix" >&2 && exit 1; }
    files=$(cat "$root$list")
    echo "$files" | remove
    update_loader
    exit
fi

cd "$(dirname "$0")"
new=$root$list.new
mkdir -p "$root$prefix/share/libcas"
: >"$new"
find bin include lib share ! -type d | LC_ALL=C sort | while read -r file; do
    case $file in
    lib/*) path=$libdir/${file#lib/} ;;
    *) path=$prefix/$file ;;
    esac
    mkdir -p "$root${path%/*}"
    case $file in
    # These find their files relative to themselves, which LIBDIR may make wrong.
    *.pc | *Config.cmake)
        sed "s|^prefix=.*|prefix=$prefix|; s|^libdir=.*|libdir=$libdir|
            s|^get_filename_component.*|set(_cas_prefix \"$prefix\")|
            s|^set(_cas_libdir.*|set(_cas_libdir \"$libdir\")|" "$file" >"$root$path.new" ;;
    *) cp -P "$file" "$root$path.new" ;;
    esac
    # A program that uses the old file keeps it.
    mv -f "$root$path.new" "$root$path"
    echo "$path" >>"$new"
done
echo "$list" >>"$new"
[ ! -e "$root$list" ] || grep -vxFf "$new" "$root$list" | remove
mv -f "$new" "$root$list"
update_loader

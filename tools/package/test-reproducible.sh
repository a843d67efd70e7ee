#!/usr/bin/env bash
# Builds the release a second time, from a clone of the last commit in another folder and with
# another CARGO_HOME, and compares it with target/dist: `make test-reproducible`.
set -euo pipefail
cd "$(dirname "$0")/../.."
first=$PWD/target/dist/SHA256SUMS
[ -z "$(git status --porcelain)" ] || { echo "commit first: a clone is compared" >&2; exit 1; }
other=$PWD/target/reproduced
trap 'rm -rf "$other"' EXIT
rm -rf "$other"
mkdir -p "$other/cargo"
git clone --quiet . "$other/in/another/folder"
config=${CARGO_HOME:-$HOME/.cargo}/config.toml
[ ! -e "$config" ] || cp "$config" "$other/cargo"
CARGO_HOME=$other/cargo make --no-print-directory -C "$other/in/another/folder" dist
cd "$other/in/another/folder/target/dist"
diff "$first" SHA256SUMS
echo "The same bytes twice:"
cat SHA256SUMS

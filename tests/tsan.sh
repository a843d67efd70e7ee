#!/usr/bin/env bash
# Threads that share a client, under ThreadSanitizer, with a library that is instrumented too (`make tsan`
# builds it). Rust's own standard library comes compiled without instrumentation, so the sanitizer cannot
# see that std::sync::Once orders what it guards: that one name is suppressed.
set -euo pipefail
cd "$(dirname "$0")/.."
library=$PWD/target/tsan/x86_64-unknown-linux-gnu/debug
ln -sf libcas.so "$library/libcas.so.0"
work=$(mktemp -d)
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true; rm -rf "$work"' EXIT

examples/make-chain.sh "$work"
target/release/cas-emulator --listen 127.0.0.1:0 >"$work/emulator" &
emulator=$!
until endpoint=$(awk '{ print $4 }' "$work/emulator") && [ -n "$endpoint" ]; do
    kill -0 "$emulator"
    sleep 0.05
done

gcc -std=gnu99 -g -fsanitize=thread -Iinclude tests/c/threads.c tests/c/tsan_names.c -o "$work/threads" \
    -L"$library" -lcas -pthread -Wl,-rpath,"$library"
echo 'race:3std3sys4sync4once5futex' >"$work/suppressions"
TSAN_OPTIONS="suppressions=$work/suppressions halt_on_error=0" \
    "$work/threads" "$endpoint" "$work/chain.pem" "$work/leaf.key" 8 50
echo "ThreadSanitizer: no race"

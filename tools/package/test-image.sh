#!/usr/bin/env bash
# Builds the image of the Dockerfile with podman, runs it as compose.yaml does, and runs the recipes
# of examples/testing/testcontainers with it. Needs root, and for podman's network also netavark and
# iptables.
#
#   tools/package/test-image.sh EMULATOR
#
# The first stage of the Dockerfile needs images from a registry. EMULATOR takes the place of what
# it builds; the last stage is taken as it is. `make test-image` installs what the recipes need in
# target/testcontainers; without it they are skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
emulator=$(realpath "${1:?the path of cas-emulator}")
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 0; }
type -P podman >/dev/null || { echo "skipped: needs podman"; exit 0; }
if [ -z "${INSIDE_NAMESPACE:-}" ]; then
    # crun refuses to run where a hierarchy of cgroup2 stands beside those of version 1: hide it.
    exec env INSIDE_NAMESPACE=1 unshare --mount --propagation private "$0" "$emulator"
fi
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified

work=$(mktemp -d)
service=
cleanup() {
    podman rm --all --force >/dev/null 2>&1 || true
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    # Unmounts what is left, in this namespace alone.
    umount --recursive "$work/storage" "$work/run" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
fail() {
    echo "test-image: $*" >&2
    [ ! -s "$work/log" ] || sed 's/^/  /' "$work/log" >&2
    exit 1
}

# Images and containers of this run alone. Without systemd, which would schedule them, podman
# reports that it cannot schedule health checks.
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/run"
END
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END

tools/package/container-root.sh "$emulator" "$work/image/root"
sed -n '/^FROM scratch/,$p' Dockerfile |
    sed '/^COPY/{s/--from=build //; s| /root-file-system | root |}' >"$work/image/Dockerfile"
podman build --quiet --format docker --tag cas-emulator "$work/image" >"$work/log" 2>&1 ||
    fail "the image cannot be built"
echo "podman built the last stage of the Dockerfile around the program given."

# As compose.yaml does.
podman run --detach --name plain --publish 127.0.0.1::8480 --read-only --cap-drop all \
    --security-opt no-new-privileges --volume data:/data --env CAS_EMULATOR_DATA=/data/cas.db \
    cas-emulator >"$work/log" 2>&1 || fail "it does not start"
address=$(podman port plain 8480)
tries=0
until python3 - "http://$address" >"$work/log" 2>&1 <<'END'
import sys, urllib.request
call = lambda *request: urllib.request.urlopen(urllib.request.Request(*request), timeout=5).read()
print(call(sys.argv[1] + "/_emulator/health"))
# The control interface accepts the network of the containers.
print(call(sys.argv[1] + "/_emulator/reset", b""))
END
do
    [ $((tries += 1)) -le 100 ] || {
        podman logs plain >>"$work/log" 2>&1
        fail "it does not respond"
    }
    sleep 0.1
done
podman healthcheck run plain >"$work/log" 2>&1 || fail "it is not healthy"
podman stop plain >"$work/log" 2>&1
status=$(podman inspect plain --format '{{.State.ExitCode}}')
[ "$status" -eq 0 ] || fail "it ended with $status"
echo "The container ran, was healthy and ended with status 0."

recipes=target/testcontainers
if [ ! -e "$recipes/.ready" ]; then
    echo "The recipes of examples/testing/testcontainers were not run: \`make test-image\` does."
    echo "ok"
    exit 0
fi
podman system service --time=0 "unix://$work/podman.sock" >"$work/service" 2>&1 &
service=$!
tries=0
until [ -S "$work/podman.sock" ]; do
    [ $((tries += 1)) -le 100 ] || fail "podman does not serve"
    sleep 0.1
done
examples/make-chain.sh "$work" localhost
# The container that removes the others is an image of a registry. The last two are for machines
# that are containers themselves: published ports are on this machine.
export DOCKER_HOST=unix://$work/podman.sock TESTCONTAINERS_RYUK_DISABLED=true \
    TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 TESTCONTAINERS_CONNECTION_MODE=docker_host \
    CAS_TEST_CERT=$work/chain.pem CAS_TEST_KEY=$work/leaf.key \
    CAS_EMULATOR_IMAGE=localhost/cas-emulator NODE_PATH=$recipes/node_modules
"$recipes/bin/python" -B -m pytest -q -p no:cacheprovider examples/testing/testcontainers \
    >"$work/log" 2>&1 || fail "the recipe for pytest fails"
grep -q '2 passed' "$work/log" || fail "the recipe for pytest did not run"
node --test --test-reporter=tap examples/testing/testcontainers/emulator.test.mjs \
    >"$work/log" 2>&1 || fail "the recipe for node:test fails"
grep -q '^# pass 2$' "$work/log" || fail "the recipe for node:test did not run"
echo "testcontainers for Python and for Node.js ran the recipes."
echo "ok"

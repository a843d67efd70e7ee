#!/usr/bin/env bash
# Runs the emulator as the Dockerfile does: as process 1 of a root file system with nothing else,
# as another user, and with the Dockerfile's environment. Needs root.
#
#   tools/package/test-container.sh EMULATOR [LOG]
#
# It assembles the root file system itself and says so: no container tool is needed. LOG receives
# what the container prints. test-image.sh does the same with podman.
set -euo pipefail
cd "$(dirname "$0")/../.."
emulator=${1:?the path of cas-emulator}
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 0; }
work=$(mktemp -d)
container=
cleanup() {
    [ -z "$container" ] || kill -KILL "$container" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "test-container: $*" >&2; sed 's/^/  /' "$work/log" >&2; exit 1; }

root=$work/root
tools/package/container-root.sh "$emulator" "$root"
chmod 755 "$work"
echo "The root file system is assembled from the Dockerfile's last stage, without a container tool."

chroot=$(PATH=$PATH:/usr/sbin type -P chroot)
# The lines of ENV, with a free port instead of 8480.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
mapfile -t environment < <(sed -n '/^ENV /,/[^\\]$/p' Dockerfile |
    sed 's/^ENV//; s/\\$//; s/^ *//; s/ *$//' | sed "s/:8480/:$port/")
[ ${#environment[@]} -eq 3 ] || fail "unexpected ENV in the Dockerfile"
inside=(env -i "${environment[@]}" CAS_EMULATOR_DATA=/data/cas.db CAS_EMULATOR_TLS_CA=/ca
    CAS_EMULATOR_QUIET=true)
"${inside[@]}" "$(type -P unshare)" --fork --pid --kill-child \
    "$chroot" --userspec=65532:65532 "$root" /cas-emulator >"$work/log" 2>&1 &
container=$!
healthy() { "${inside[@]}" "$chroot" --userspec=65532:65532 "$root" /cas-emulator --check-health; }
tries=0
until healthy 2>/dev/null; do
    kill -0 "$container" 2>/dev/null || fail "it ended"
    [ $((tries += 1)) -le 200 ] || fail "it is not healthy"
    sleep 0.05
done
grep -q "^cas-emulator listening on http://0.0.0.0:$port$" "$work/log" || fail "no first line"
[ -s "$root/data/cas.db" ] || fail "no data file"

# A program outside trusts the certificate of the volume, and uses the container as its proxy.
python3 - "$port" "$root/ca/ca.pem" <<'END' || fail "no tunnel"
import http.client, ssl, sys
port, file = sys.argv[1:]
context = ssl.create_default_context(cafile=file)
connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=30, context=context)
connection.set_tunnel("cas.aliyuncs.com", 443)
connection.request("GET", "/")
sys.exit(b"MissingAction" not in connection.getresponse().read())
END

# SIGTERM reaches it although it is process 1, which has no default action for signals.
process=$(cat "/proc/$container/task/$container/children")
kill -TERM ${process% }
status=0
wait "$container" || status=$?
container=
[ "$status" -eq 0 ] || fail "SIGTERM ended it with $status"
! healthy 2>/dev/null || fail "it still runs"
[ -z "${2:-}" ] || cp "$work/log" "$2"
echo "ok"

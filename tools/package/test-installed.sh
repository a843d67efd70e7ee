#!/bin/sh
# Builds C programs with an installed libcas, in each way that docs and build systems know, and
# uploads with each to the emulator that was installed with it.
#
#   tools/package/test-installed.sh PREFIX [WAY...]
#
# A WAY is casctl, pkg-config, static, cpp, cmake, meson, https, sources or cloud; all but `cloud`
# by default.
# The last three add certificates to the system's root store: for a system made for the test.
#
# CLOUD     the directory of a cloud that gives out access keys, for `cloud`: cloud.py and
#           redirect_connect.c of tests/fixtures, and what they use
set -eu
prefix=$1
shift
[ $# -gt 0 ] || set -- casctl pkg-config static cpp cmake meson https sources
doc=$prefix/share/doc/libcas
example=$doc/examples/c/upload.c
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name libcas.pc)")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir libcas)
work=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null || true; rm -rf "$work"' EXIT
# Nothing of the caller's own may be used as an access key or a proxy.
for name in $(env | sed -n 's/^\(ALIBABA_[A-Z_]*\|[a-zA-Z_]*_proxy\|[A-Z_]*_PROXY\)=.*/\1/p'); do
    unset "$name"
done
export HOME="$work" ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret

# Starts an emulator with these options and sets `url`.
start() {
    : >"$work/emulator"
    "$prefix/bin/cas-emulator" --listen 127.0.0.1:0 "$@" >"$work/emulator" &
    started="$started $!"
    until url=$(sed -n 's/.* listening on //p' "$work/emulator") && [ -n "$url" ]; do
        kill -0 $! || { echo "the emulator did not start" >&2; exit 1; }
        sleep 0.05
    done
}
# uploads WAY PROGRAM: uploads under the name WAY, and says so.
uploads() {
    printed=$("$2" "$1" "$work/chain.pem" "$work/leaf.key" "$url")
    case $printed in
    *"CertId: "*) echo "ok: $1" ;;
    *) echo "FAILED: $1: $printed" >&2 && exit 1 ;;
    esac
}
# casctl uploads under a name of its own, and prints the CertId alone.
with_casctl() {
    printed=$("$prefix/bin/casctl" upload casctl --endpoint "$url" --cert "$work/chain.pem" \
        --key "$work/leaf.key")
    case $printed in
    *[!0-9]* | "") echo "FAILED: casctl: $printed" >&2 && exit 1 ;;
    *) echo "ok: casctl" ;;
    esac
}
needs() { ! readelf -d "$1" | grep -q '(NEEDED).*\[libcas.so.0\]' || echo yes; }
expect() { [ "$2" = "$3" ] || { echo "FAILED: $1: $2 instead of $3" >&2; exit 1; }; }

with_pkg_config() {
    # shellcheck disable=SC2046
    cc "$example" $(pkg-config --cflags --libs libcas) "-Wl,-rpath,$libdir" -o "$work/shared"
    expect "the library of a program by pkg-config" "$(needs "$work/shared")" yes
    uploads pkg-config "$work/shared"
}
with_static() {
    # shellcheck disable=SC2046
    cc -static "$example" $(pkg-config --static --cflags --libs libcas) -o "$work/static" \
        2>"$work/warnings" || { cat "$work/warnings" >&2; exit 1; }
    expect "the libraries of a static program" "$(readelf -d "$work/static" | grep -c NEEDED)" 0
    uploads static "$work/static"
}
# With each standard that each compiler has.
with_cpp() {
    for compiler in g++ clang++; do
        command -v "$compiler" >/dev/null || { echo "left out: $compiler"; continue; }
        for standard in 11 14 17 20 23; do
            echo 'int main() {}' | "$compiler" "-std=c++$standard" -x c++ - -o "$work/none" \
                2>/dev/null || { echo "left out: $compiler -std=c++$standard"; continue; }
            # shellcheck disable=SC2046
            "$compiler" "-std=c++$standard" -Wall -Wextra -Wpedantic -Werror \
                "$doc/examples/cpp/upload.cpp" $(pkg-config --cflags --libs libcas) \
                "-Wl,-rpath,$libdir" -o "$work/$compiler-$standard"
            uploads "cpp-$compiler-$standard" "$work/$compiler-$standard"
            # shellcheck disable=SC2046
            echo '#include <cas.hpp>
int main() { cas::client client; return cas::client::create(client) == CAS_OK ? 0 : 1; }' |
                "$compiler" "-std=c++$standard" -fno-exceptions -Wall -Wextra -Wpedantic -Werror \
                    -x c++ - $(pkg-config --cflags --libs libcas) "-Wl,-rpath,$libdir" \
                    -o "$work/none"
            "$work/none"
        done
    done
}
with_cmake() {
    set -- "-DCMAKE_PREFIX_PATH=$prefix" "-Dlibcas_DIR=$libdir/cmake/libcas"
    cmake -S "$doc/examples/build/cmake" -B "$work/cmake" "$@" >"$work/log" &&
        cmake --build "$work/cmake" >>"$work/log" || { cat "$work/log" >&2; exit 1; }
    expect "the library of cas::cas" "$(needs "$work/cmake/upload")" yes
    expect "the library of cas::static" "$(needs "$work/cmake/upload-static")" ""
    uploads cmake "$work/cmake/upload"
    uploads cmake-static "$work/cmake/upload-static"
    mkdir "$work/newer"
    sed 's/find_package(libcas 0.1 /find_package(libcas 0.99 /' \
        "$doc/examples/build/cmake/CMakeLists.txt" >"$work/newer/CMakeLists.txt"
    grep -q 'libcas 0.99 ' "$work/newer/CMakeLists.txt"
    if cmake -S "$work/newer" -B "$work/newer/build" "$@" >/dev/null 2>"$work/log"; then
        echo "FAILED: CMake takes this library for a newer one" >&2
        exit 1
    fi
    grep -q 'requested version "0.99"' "$work/log" || { cat "$work/log" >&2; exit 1; }
}
with_meson() {
    meson setup "$work/meson" "$doc/examples/build/meson" >"$work/log" 2>&1 &&
        ninja -C "$work/meson" >>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    uploads meson "$work/meson/upload"
    uploads meson-static "$work/meson/upload-static"
}
with_https() {
    [ -x "$work/shared" ] || with_pkg_config
    cp "$work/root.pem" /usr/local/share/ca-certificates/libcas-test.crt
    update-ca-certificates >/dev/null 2>&1
    http=$url
    start --tls-cert "$work/chain.pem" --tls-key "$work/leaf.key" --sts id:secret:token
    https=$url
    uploads https "$work/shared"
    url=$http
}
# The same access key from each source that needs no cloud, over HTTPS.
with_sources() {
    [ -n "${https:-}" ] || with_https
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    url=$https
    ! "$work/shared" none "$work/chain.pem" "$work/leaf.key" "$url" >/dev/null 2>&1 ||
        { echo "FAILED: an upload without an access key" >&2; exit 1; }

    mkdir -p "$work/.aliyun" "$work/.alibabacloud"
    echo '{"current": "p", "profiles": [{"name": "p", "mode": "AK", "access_key_id": "testid",
        "access_key_secret": "testsecret"}]}' >"$work/.aliyun/config.json"
    uploads config-json "$work/shared"

    echo '{"mode": "AK", "access_key_id": "testid", "access_key_secret": "testsecret"}' \
        >"$work/answer"
    echo "{\"current\": \"p\", \"profiles\": [{\"name\": \"p\", \"mode\": \"External\",
        \"process_command\": \"cat $work/answer\"}]}" >"$work/.aliyun/config.json"
    uploads process "$work/shared"
    rm "$work/.aliyun/config.json"

    printf '%s\n' '[default]' 'type = access_key' 'access_key_id = testid' \
        'access_key_secret = testsecret' >"$work/.alibabacloud/credentials"
    uploads credentials-file "$work/shared"
    rm "$work/.alibabacloud/credentials"

    cat >"$work/answer" <<END
{"Code": "Success", "AccessKeyId": "id", "AccessKeySecret": "secret", "SecurityToken": "token",
 "Expiration": "2099-01-01T00:00:00Z"}
END
    : >"$work/server"
    python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work" >"$work/server" 2>/dev/null &
    started="$started $!"
    until port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/server") && [ -n "$port" ]; do
        kill -0 $! || { echo "the server of access keys did not start" >&2; exit 1; }
        sleep 0.05
    done
    export ALIBABA_CLOUD_CREDENTIALS_URI="http://127.0.0.1:$port/answer"
    uploads credentials-uri "$work/shared"
}

# The access keys of services, which come from one of this machine, over HTTPS.
with_cloud() {
    [ -n "${https:-}" ] || with_https
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_CREDENTIALS_URI
    mkdir -p "$work/cloud" "$work/.aliyun"
    bash "$doc/examples/make-chain.sh" "$work/cloud" sts.aliyuncs.com oauth.aliyun.com \
        signin.example.alibabacloudsso.com
    cp "$work/cloud/root.pem" /usr/local/share/ca-certificates/libcas-cloud.crt
    update-ca-certificates >/dev/null 2>&1
    cc -shared -fPIC "$CLOUD/redirect_connect.c" -o "$work/redirect.so" -ldl
    # It serves until its standard input ends.
    mkfifo "$work/open"
    exec 9<>"$work/open"
    python3 -B "$CLOUD/cloud.py" --cert "$work/cloud/chain.pem" --key "$work/cloud/leaf.key" \
        <"$work/open" >"$work/ports" &
    started="$started $!"
    until [ -s "$work/ports" ]; do
        kill -0 $! || { echo "the cloud did not start" >&2; exit 1; }
        sleep 0.05
    done
    port() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/ports"; }
    cat >"$work/in-cloud" <<END
#!/bin/sh
LD_PRELOAD=$work/redirect.so REDIRECT_HTTP=$(port http) REDIRECT_HTTPS=$(port https) \
    REDIRECT_CLOCK=$work/clock exec "$work/shared" "\$@"
END
    chmod +x "$work/in-cloud"
    set -- --tls-cert "$work/chain.pem" --tls-key "$work/leaf.key"
    for service in ecs oidc sts sso oauth; do
        set -- "$@" --sts "STS.$service-1:canary-secret-$service-1:canary-token-$service-1"
    done
    start "$@"

    uploads instance-role "$work/in-cloud"
    export ALIBABA_CLOUD_ECS_METADATA_DISABLED=true
    role=acs:ram::1234567890123456:role/uploader
    provider=acs:ram::1234567890123456:oidc-provider/cluster
    echo canary-oidc-token >"$work/token"
    ALIBABA_CLOUD_ROLE_ARN=$role ALIBABA_CLOUD_OIDC_PROVIDER_ARN=$provider \
        ALIBABA_CLOUD_OIDC_TOKEN_FILE=$work/token uploads oidc "$work/in-cloud"
    # profile NAME FIELDS: uploads with the access key of a profile with these fields.
    profile() {
        echo "{\"current\": \"p\", \"profiles\": [{\"name\": \"p\", $2}]}" \
            >"$work/.aliyun/config.json"
        uploads "$1" "$work/in-cloud"
    }
    profile assumed-role "\"mode\": \"RamRoleArn\", \"ram_role_arn\": \"$role\",
        \"access_key_id\": \"staticid\", \"access_key_secret\": \"canary-secret-static\""
    profile cloud-sso '"mode": "CloudSSO",
        "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/start/login",
        "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1",
        "access_token": "canary-sso-access", "cloud_sso_access_token_expire": 4000000000'
    profile oauth '"mode": "OAuth", "oauth_site_type": "CN",
        "oauth_access_token": "canary-oauth-access-0", "oauth_access_token_expire": 4000000000,
        "oauth_refresh_token": "canary-oauth-refresh-0"'
}

bash "$doc/examples/make-chain.sh" "$work"
start
for way in "$@"; do
    "with_$(echo "$way" | tr - _)"
done

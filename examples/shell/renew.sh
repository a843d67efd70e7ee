#!/bin/sh
# renew.sh NAME CERT.pem KEY.pem [ENDPOINT]
#
# Uploads a renewed certificate with casctl and prints the CertId. Retries later what a later
# attempt can cure, and says what to do about everything else.
#
# casctl finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
#
# TRIES     how often to run casctl, which retries by itself for a minute each time (3)
# PAUSE     seconds between them (60)
set -u

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
    echo "usage: $0 NAME CERT.pem KEY.pem [ENDPOINT]" >&2
    exit 2
fi
name=$1 cert=$2 key=$3 endpoint=${4:-}
tries=${TRIES:-3}

while :; do
    # Standard output has the CertId alone; message and hint are on standard error. A repeated
    # upload of the same certificate returns the CertId that it has.
    cert_id=$(casctl upload "$name" --cert "$cert" --key "$key" \
        ${endpoint:+--endpoint "$endpoint"})
    status=$?
    tries=$((tries - 1))
    case $status in
    0)
        echo "CertId: $cert_id"
        exit 0
        ;;
    14 | 15 | 17) again="nothing was stored" ;;     # network, time, throttling
    20) again="it may be stored" ;;                 # the same command finds out
    12) echo "$name: renew the certificate, or fix its files." >&2 && exit $status ;;
    13) echo "$name: configure an access key: casctl whoami" >&2 && exit $status ;;
    18) echo "$name: the name is taken: give the renewal its own name." >&2 && exit $status ;;
    *) exit $status ;;
    esac
    if [ "$tries" -le 0 ]; then
        echo "$name: giving up: $again. Run the same command again." >&2
        exit $status
    fi
    echo "$name: $again: trying again in ${PAUSE:-60} seconds" >&2
    sleep "${PAUSE:-60}"
done

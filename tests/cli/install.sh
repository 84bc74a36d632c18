#!/bin/sh
# Make sure that there is a PKCS#11 token for the tests: SoftHSM, installed or Debian's.
set -eu

[ -z "${SOFTHSM2_MODULE:-}" ] || exit 0
command -v softhsm2-util >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "Installing SoftHSM"
    if $as_root apt-get update -qq >/dev/null 2>&1 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            softhsm2 >/dev/null 2>&1 && command -v softhsm2-util >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "The tests of keys in a PKCS#11 token need SoftHSM: install softhsm2 and try again." >&2
exit 1

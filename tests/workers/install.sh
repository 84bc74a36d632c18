#!/bin/sh
# Make sure that there is a Redis for the tests: one that is installed, or Debian's.
set -eu

command -v redis-server >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "Installing Redis"
    if $as_root apt-get update -qq >/dev/null 2>&1 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            redis-server >/dev/null 2>&1 && command -v redis-server >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "The tests of the shared single-use store need redis-server: install it and try again." >&2
exit 1

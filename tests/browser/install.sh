#!/bin/sh
# Make sure that there is a browser for the tests: one that is installed, Debian's, or Playwright's own.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -z "${CHROMIUM:-}" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    echo "Installing Chromium"
    if $as_root apt-get update -qq >/dev/null 2>&1 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium fonts-dejavu-core >/dev/null 2>&1 && command -v chromium >/dev/null 2>&1; then
        exit 0
    fi
fi
.venv/bin/python -m playwright install chromium || {
    echo "The browser tests need Chromium: install it, or set CHROMIUM to one, and try again." >&2
    exit 1
}

#!/bin/sh
# Get the browser that the tests drive: Debian's Chromium where one may install it, else the
# one that Playwright brings.
set -e
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium
else
    "$1" -m playwright install chromium
fi

#!/bin/sh
# What the tests need besides Python: a browser for JupyterLab, bubblewrap to turn the network off,
# openssl for the key of a cluster, a font with Chinese characters for the browser, access lists for an
# exchange, npm for a hub's proxy. Installs what is missing where it may (Debian and
# Ubuntu, as root or with sudo that asks nothing), and says what to do where it may not.
set -u

missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v bwrap >/dev/null || missing="$missing bubblewrap"
command -v openssl >/dev/null || missing="$missing openssl"
command -v setfacl >/dev/null || missing="$missing acl"
command -v npm >/dev/null || missing="$missing npm"
if ! command -v fc-list >/dev/null || [ -z "$(fc-list :lang=zh family)" ]; then
    missing="$missing fontconfig fonts-noto-cjk"
fi
[ -z "$missing" ] && exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
    echo "Installing$missing (once)"
    # shellcheck disable=SC2086  # words, and no words at all
    {
        $sudo apt-get update -qq &&
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
    } </dev/null >/dev/null && exit 0
fi
cat <<EOF
Not here:$missing. The tests that need them are skipped (in CI they fail).
On Debian and Ubuntu: sudo apt-get install$missing
EOF

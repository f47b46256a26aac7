#!/bin/sh
# A hub: JupyterLab for people who log in with a browser, and ngshare as their exchange.
#   sh course/classroom/hub.sh INSTRUCTOR STUDENT...
# As root, in a clone of the course; it serves until it is stopped. docs/classroom.md says more.
set -eu

PLACE=/srv/llm-put-to-the-test
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$PLACE/cache}" # where everybody may read the environment
cd "$(dirname "$0")/../.."
classroom=$(pwd)/course/classroom

stop() {
    echo "$*" >&2
    exit 1
}

[ $# -gt 1 ] || stop "Who? sh course/classroom/hub.sh INSTRUCTOR STUDENT..."
[ "$(id -u)" = 0 ] || stop "Only root can start programs for others: put sudo in front."
for user in "$@"; do
    id "$user" >/dev/null 2>&1 || stop "$user has no account here: useradd --create-home $user, then passwd $user"
    home=$(getent passwd "$user" | cut -d: -f6)
    [ "$(stat -c %U "$home" 2>/dev/null)" = "$user" ] || stop "$user has no home of its own ($home)."
done
for user in "$@"; do
    chmod 700 "$(getent passwd "$user" | cut -d: -f6)"
done
chmod 700 . # the solutions are here
umask 022
bin=$(sh course/environment.sh hub)
people=$(sh course/environment.sh)
mkdir -p $PLACE/settings
cp "$classroom/hub/nbgrader_config.py" "$classroom/jupyter_config.py" course/jupyter_server_config.py $PLACE/settings/
# Terminals of JupyterLab are login shells, which begin with a PATH of their own.
echo "[ -z \"\${JUPYTERHUB_USER:-}\" ] || PATH=\"$people:\$PATH\"" >/etc/profile.d/llm-put-to-the-test-hub.sh

umask 077 # what the hub keeps, others do not see
mkdir -p $PLACE/hub
cd $PLACE/hub
export INSTRUCTOR="$1" COURSE_BIN="$people" SETTINGS="$PLACE/settings" PATH="$bin:$PATH"
shift
export STUDENTS="$*"
exec jupyterhub --config "$classroom/jupyterhub_config.py"

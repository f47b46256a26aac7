#!/bin/sh
# Open JupyterLab on a notebook; where there is no display, print the address and keep serving.
set -u

options=""
if [ "$(uname -s)" != Darwin ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${WSL_DISTRO_NAME:-}" ]; then
    options="--no-browser"
    echo "No display: open the address printed below in a browser. Ctrl+C ends it."
fi
[ "$(id -u)" = 0 ] && options="$options --allow-root"
# Where Jupyter looks for settings besides the user's own: jupyter_server_config.py is here.
JUPYTER_CONFIG_PATH="$(cd "$(dirname "$0")" && pwd)${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
export JUPYTER_CONFIG_PATH
# Given the notebook's name itself, JupyterLab would show its folder alone, without exercises/.
exec jupyter lab $options --LabApp.default_url="/lab/tree/$1"

#!/bin/sh
# Install PyTorch without its CUDA libraries, which are several gigabytes that a CPU course never loads.
#   PYTHON       the Python whose environment gets it
#   TORCH        the requirement: another one than below
#   TORCH_INDEX  where CPU builds are published: another place than below
set -u
TORCH=${TORCH:-torch==2.13.0}
TORCH_INDEX=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}

pip() { "$PYTHON" -m pip install --quiet --disable-pip-version-check "$@"; }

if [ "$(uname -s)" = Darwin ]; then # what everyone gets there is the CPU (and Metal) build
    pip "$TORCH"
    exit
fi
# A wheel that lies at hand (pip's find-links setting) needs no index.
if pip --no-index --no-deps "$TORCH" 2>/dev/null; then
    pip "$TORCH"
    exit
fi
pip "$TORCH" --index-url "$TORCH_INDEX" && exit 0

cat <<EOF
PyTorch's CPU build could not be installed from $TORCH_INDEX.
Behind a mirror, say where it is:    make lab TORCH_INDEX=https://your.mirror/whl/cpu
For the default build on Linux, with CUDA and several gigabytes:
                                     make lab TORCH_INDEX=https://pypi.org/simple
EOF
exit 1

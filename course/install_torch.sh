#!/bin/sh
# Install PyTorch without its CUDA libraries, which are several gigabytes that a CPU course never loads.
#   PIP          the pip to use
#   TORCH        the requirement, torch==2.13.0
#   TORCH_INDEX  where CPU builds are published
set -u

if [ "$(uname -s)" = Darwin ]; then # what everyone gets there is the CPU (and Metal) build
    exec $PIP install --quiet "$TORCH"
fi
# A wheel that lies at hand (pip's find-links setting) needs no index.
$PIP install --quiet --no-index --no-deps "$TORCH" 2>/dev/null &&
    exec $PIP install --quiet "$TORCH"
$PIP install --quiet "$TORCH" --index-url "$TORCH_INDEX" && exit 0

cat <<EOF
PyTorch's CPU build could not be installed from $TORCH_INDEX.
Behind a mirror, say where it is:    make lab TORCH_INDEX=https://your.mirror/whl/cpu
For the default build on Linux, with CUDA and several gigabytes:
    $PIP install "$TORCH", then make lab again
EOF
exit 1

#!/usr/bin/env bash
# What the terminal tests need besides deploy/setup.sh: a terminal, and shells that complete.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/../../deploy/debian-packages.sh" tmux zsh fish

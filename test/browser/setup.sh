#!/usr/bin/env bash
# What the browser tests need besides deploy/setup.sh: Debian's Chromium, and a font.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/../../deploy/debian-packages.sh" chromium fonts-dejavu-core

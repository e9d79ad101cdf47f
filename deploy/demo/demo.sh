#!/usr/bin/env bash
# Sets this machine up and bisects Debian's own Linux package: see main.ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash deploy/setup.sh
exec node deploy/dist/demo/main.js

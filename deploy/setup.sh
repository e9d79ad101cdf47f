#!/usr/bin/env bash
# All that a fresh Debian machine with Node 20 and npm needs to build, test and run kbisect from a clone:
# Debian packages, npm packages, generated code, compiled code. Does only what is still to be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/retry.sh

packages=(
  ca-certificates git                                          # fetching
  gcc libc6-dev make flex bison bc libelf-dev libssl-dev xz-utils # building a kernel
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross                  # for arm64
  bubblewrap ccache                                            # containing builds, compiling no file twice
  cpio busybox-static qemu-system-x86 qemu-system-arm          # booting it
  zstd lz4 e2fsprogs                                           # initramfs and disks of a user's own
  nats-server                                                  # a cache in JetStream, in tests
  dpkg-dev                                                     # the demo's source package
)

install_node_modules() {
  node deploy/lock-is-installed.js && return
  echo 'setup: npm ci'
  retry npm ci --include=dev --no-audit --no-fund --loglevel=error
}

exec </dev/null
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; then
  echo 'setup: Node 20 or newer is needed (https://nodejs.org)' >&2
  exit 1
fi
bash deploy/debian-packages.sh "${packages[@]}"
install_node_modules
npm run --silent build

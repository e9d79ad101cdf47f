#!/usr/bin/env bash
# All that a fresh Debian machine with Node 20 and npm needs to build, test and run kbisect from a clone:
# Debian packages, npm packages, generated code, compiled code. Does only what is still to be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

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

# Tries a command three times: mirrors and networks have bad minutes.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return
    echo "setup: '$*' failed (attempt $attempt of 3)" >&2
    sleep $((attempt * 5))
  done
  return 1
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: not root, and these Debian packages are missing: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "setup: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local options=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  retry apt-get "${options[@]}" update
  retry apt-get "${options[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
}

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
install_packages
install_node_modules
npm run --silent build

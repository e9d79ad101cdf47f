#!/usr/bin/env bash
# Installs the Debian packages that are named, where they are missing: deploy/debian-packages.sh PACKAGE...
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/retry.sh"

missing=()
for package in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit
if [ "$(id -u)" -ne 0 ]; then
  echo "setup: not root, and these Debian packages are missing: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
options=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
retry apt-get "${options[@]}" update
retry apt-get "${options[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null

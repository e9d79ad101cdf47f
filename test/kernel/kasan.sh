#!/bin/sh
# Passes as protected_hardlinks.sh does, in a kernel that looks for memory errors; in any other it never passes.
dmesg | grep -q 'KernelAddressSanitizer initialized' || exit 1
exec sh "$(dirname "$0")/protected_hardlinks.sh"

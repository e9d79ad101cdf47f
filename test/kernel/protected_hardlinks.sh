#!/bin/sh
# Is /proc/sys/fs/protected_hardlinks 0 by default?
read -r value < /proc/sys/fs/protected_hardlinks
echo "protected_hardlinks is $value"
[ "$value" = 0 ]

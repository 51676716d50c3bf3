#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kind of worker a device gets unless told otherwise, by module parameter.
# Run it in the lab, as root; prints TAP.
set -euo pipefail

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

tests=${RINGSIDE_TOP:-.}/build/selftests/vhost
parameter=/sys/module/vhost/parameters/fork_from_owner_default

unload()
{
	local m
	for m in vhost_vsock vhost_scsi vhost_net vhost; do
		grep -q "^$m " /proc/modules || continue
		rmmod "$m" || return 1
	done
}

# The programs read the parameter to know what to expect.
devices_do()
{
	"$tests/workers" -t fault_148_fork_from_owner -t gone_with_reset_owner | sed 's/^/# /'
}

# Where the kernel has threads for owners they are the default.
want=Y
[ "${RINGSIDE_KERNEL:-}" = 6.1 ] && want=N
tap_begin 3
status=0
unload && modprobe vhost_net && [ "$(cat "$parameter")" = "$want" ] && devices_do || status=1
verdict $status "default is $want"
for value in N Y; do
	status=0
	unload && modprobe vhost fork_from_owner_default=$value && modprobe vhost_net || status=1
	[ "$(cat "$parameter")" = $value ] && devices_do || status=1
	verdict $status "with fork_from_owner_default=$value"
done
unload || tap_failed=1
tap_end

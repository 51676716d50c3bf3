#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Modules of the distribution that were built for its own vhost or vdpa must not bind
# to ours: the loader refuses them and nothing else happens.
set -uo pipefail

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

# check NAME COMMAND...
check()
{
	local status=0
	"${@:2}" || status=1
	verdict "$status" "$1"
}

# shellcheck disable=SC2317 # called through check
ours()
{
	[ "$(modinfo -F author "$1")" = "Ringside developers" ]
}

# shellcheck disable=SC2317
refused()
{
	! modprobe "$1" 2>/dev/null && ! grep -q "^$1 " /proc/modules
}

# shellcheck disable=SC2317
reason_logged()
{
	dmesg | tail -n "+$1" | grep -qE "$2: .*(Unknown symbol|namespace|disagrees about version)"
}

# shellcheck disable=SC2317
unloads()
{
	# Our own that use it go first.
	modprobe -rq vhost_net vhost_vsock vhost_scsi vhost_vdpa virtio_vdpa vdpa_sim_net vdpa_sim_blk vdpa_sim || true
	modprobe -r "$1"
}

foreign=()
for module in vhost_vsock vhost_scsi vduse; do
	if modinfo "$module" >/dev/null 2>&1 && ! ours "$module"; then
		foreign+=("$module")
	fi
done
[ ${#foreign[@]} -gt 0 ] || tap_skip 'this kernel has no other such modules'

tap_begin $((4 + 2 * ${#foreign[@]}))
modprobe -a vhost vdpa
check 'vhost is ours' ours vhost
check 'vdpa is ours' ours vdpa
for module in "${foreign[@]}"; do
	before=$(($(dmesg | wc -l) + 1))
	check "$module is refused" refused "$module"
	check "$module: the log says why" reason_logged "$before" "$module"
done
check 'vhost can be unloaded afterwards' unloads vhost
check 'vdpa can be unloaded afterwards' unloads vdpa
tap_end

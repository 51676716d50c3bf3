#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Modules of the distribution that were built for its own vhost or vdpa must not bind
# to ours: the loader refuses them and nothing else happens.
set -uo pipefail

case_number=0 failed=0
check()
{
	case_number=$((case_number + 1))
	if "${@:2}"; then
		printf 'ok %d - %s\n' "$case_number" "$1"
	else
		printf 'not ok %d - %s\n' "$case_number" "$1"
		failed=1
	fi
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
if [ ${#foreign[@]} -eq 0 ]; then
	echo '1..0 # SKIP this kernel has no other such modules'
	exit 4
fi

printf 'TAP version 13\n1..%d\n' $((4 + 2 * ${#foreign[@]}))
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
exit "$failed"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# libblkio on simulated disks: user and physical addresses, one queue and several.
# To be called inside a lab kernel, as root.
set -euo pipefail

usage()
{
	cat <<'USAGE'
Usage: blkio.sh
Output is TAP. Wants build/clients/blkio (make -C tools/testing/clients).
USAGE
}

case ${1:-} in
'') ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

program=${RINGSIDE_TOP:-$(cd "$(dirname "$0")/../../.." && pwd)}/build/clients/blkio
number=0
# Devices go to the driver that is there, and whoever was here before may have loaded
# the simulators with other parameters.
modprobe -rq virtio_vdpa vdpa_sim_net vdpa_sim_blk vdpa_sim || true
modprobe vhost_vdpa

# disk USE_VA MAX_VQP: a disk of its own for each.
disk()
{
	local node path
	modprobe vdpa_sim "use_va=$1"
	modprobe vdpa_sim_blk
	vdpa dev add name b0 mgmtdev vdpasim_blk ${2:+max_vqp "$2"}
	node=$(echo /sys/bus/vdpa/devices/b0/vhost-vdpa-*)
	path=/dev/${node##*/}
	number=$((number + 1))
	if "$program" "$path" 2>&1; then
		echo "ok $number - use_va=$1, queues=${2:-1}"
	else
		echo "not ok $number - use_va=$1, queues=${2:-1}"
		status=1
	fi
	vdpa dev del b0
	modprobe -r vdpa_sim_blk vdpa_sim
}

echo TAP version 13
status=0
{ disk 1 4; disk 0 ''; exit "$status"; } | sed '/^\(not \)\?ok/!s/^/# /' || status=$?
echo 1..2
exit "$status"

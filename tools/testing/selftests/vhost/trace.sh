#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The trace events say what programs do that are known to do it. Run it in the lab,
# as root; prints TAP.
set -euo pipefail

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

tests=${RINGSIDE_TOP:-.}/build/selftests
tracefs=/sys/kernel/tracing

modprobe vhost_net
mountpoint -q "$tracefs" || mount -t tracefs tracefs "$tracefs" 2>/dev/null || true
[ -d "$tracefs/events/vhost" ] || tap_skip 'a kernel without trace events'
modprobe -aq vhost_vdpa vdpa_sim_net || true

# Each change of one patches the kernel, so it is done once for all.
events()
{
	local system
	for system in vhost vdpa; do
		[ ! -d "$tracefs/events/$system" ] || echo "$1" >"$tracefs/events/$system/enable"
	done
}

# says NAME PATTERN PROGRAM ARGUMENT...: an event of this name and text while it runs.
says()
{
	local name=$1 pattern=$2 said='' status=0
	shift 2
	echo >"$tracefs/trace"
	"$tests/$1" "${@:2}" >/dev/null 2>&1 || status=1
	said=$(grep "${name#*:}:" "$tracefs/trace") || true
	grep -qE "${name#*:}: $pattern" <<<"$said" || status=1
	verdict "$status" "$name, by $1" "$(tail -n 5 <<<"$said")"
}

tap_begin 0
events 1
says vhost:vhost_mem_table 'SET_MEM_TABLE: 0 regions to remove, [1-9][0-9]* in all, error 0' \
	vhost/mem_table -t fault_012_moved_region_may_be_unmapped_tx
says vhost:vhost_mem_table 'UPDATE_MEM_REGIONS: 0 regions to remove, 1 to add, error -22' \
	vhost/update_regions -t overlap_refused
says vhost:vhost_vq_start 'virtqueue 1 of [0-9]+, features 0x[0-9a-f]+, base 0' \
	vhost/bad_ring -t fault_067_next_out_of_range
says vhost:vhost_vq_stop 'virtqueue 1 ' vhost/bad_ring -t fault_067_next_out_of_range
says vhost:vhost_vq_error 'virtqueue 1 stopped at base 0.*: next index out of range' \
	vhost/bad_ring -t fault_067_next_out_of_range
says vhost:vhost_vq_backend 'virtqueue 1 ' \
	vhost/backend -t swap_under_traffic
says vhost:vhost_iotlb_ask 'virtqueue [01], MISS, iova 0x[0-9a-f]+, perm 1' \
	vhost/iotlb -v v1 -t fault_100_miss_is_what_it_should_be
says vhost:vhost_iotlb_message 'UPDATE, iova 0x[0-9a-f]+, size 0x[0-9a-f]+, perm 3, error 0' \
	vhost/iotlb -v v1 -t misses_one_after_another
says vhost:vhost_worker_create 'worker 1, thread [0-9]+' vhost/workers -t fault_019_answers
says vhost:vhost_worker_destroy 'worker 1, thread [0-9]+' vhost/workers -t fault_019_answers
says vhost:vhost_worker_attach 'virtqueue [01] from worker 0 to worker 1' \
	vhost/workers -t fault_019_answers
if [ -d "$tracefs/events/vdpa" ] && [ -e /sys/module/vdpa_sim_net ]; then
	says vdpa:vdpa_set_status '[^ ]+: status 0x0, was 0x[0-9a-f]+' vdpa/status -t order
fi
events 0
tap_end

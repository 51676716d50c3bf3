#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fio on a simulated disk, by the host's own virtio_blk: what is written is read back
# and compared, direct and through the page cache, on two queues; trimmed blocks are
# zeroes. Run it in the lab, as root; prints TAP.
set -euo pipefail

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

command -v fio >/dev/null || tap_skip 'no fio'
modprobe -aq vdpa_sim_blk || tap_skip 'no simulators'
# Devices go to the driver that is there.
modprobe -rq vhost_vdpa || true
modprobe virtio_vdpa
# It may be built in.
modprobe -q virtio_blk || true

work=$(mktemp -d)

# shellcheck disable=SC2317 # called at the end
clean_up()
{
	[ ! -e /sys/bus/vdpa/devices/f0 ] || vdpa dev del f0
	modprobe -rq virtio_vdpa || true
	rm -rf "$work"
}
trap clean_up EXIT

# fails_not NAME COMMAND...: its last words if it does.
fails_not()
{
	local name=$1 status=0
	shift
	"$@" >"$work/out" 2>&1 || status=1
	verdict "$status" "$name" "$(tail -n 20 "$work/out")"
}

# The block device of f0, which is there once the kernel has read it.
disk()
{
	local i path
	for ((i = 0; i < 100; i++)); do
		path=$(echo /sys/bus/vdpa/devices/f0/virtio*/block/vd*)
		if [ -e "$path" ] && [ -b "/dev/${path##*/}" ]; then
			echo "/dev/${path##*/}"
			return
		fi
		sleep 0.1
	done
	return 1
}

# Each job has a part of its own. Trimmed blocks are read as a pattern of zeroes.
jobs()
{
	cat <<-JOBS
	[global]
	filename=$1
	thread
	allrandrepeat=1
	bsrange=512-16k
	size=2m
	loops=${RINGSIDE_LOOPS:-1}
	verify_state_save=0
	verify=crc32c
	verify_fatal=1
	verify_backlog=64
	[direct]
	rw=randrw
	direct=1
	ioengine=libaio
	iodepth=16
	numjobs=2
	offset_increment=2m
	[cached]
	rw=randrw
	ioengine=psync
	offset=4m
	fsync=32
	[fill]
	rw=write
	direct=1
	ioengine=libaio
	iodepth=8
	bsrange=64k-64k
	offset=6m
	do_verify=0
	[trim]
	stonewall
	rw=randtrim
	direct=1
	ioengine=psync
	bsrange=64k-64k
	offset=6m
	size=1m
	[trimmed]
	stonewall
	rw=read
	direct=1
	ioengine=psync
	bsrange=64k-64k
	offset=6m
	size=1m
	verify=pattern
	verify_pattern=0
	JOBS
}

tap_begin 0
vdpa dev add name f0 mgmtdev vdpasim_blk max_vqp 2
path=$(disk) || { verdict 1 'a disk' 'no block device'; tap_end; }
jobs "$path" >"$work/jobs"
fails_not 'data are what was written' fio --output-format=terse "$work/jobs"
# A single processor has a single queue.
queues=("/sys/block/${path##*/}/mq"/*)
verdict $((${#queues[@]} != ($(nproc) > 1 ? 2 : 1))) 'as many queues as there can be'
fails_not 'the disk goes' vdpa dev del f0
tap_end

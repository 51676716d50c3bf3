#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The vdpa tool of iproute2, all around: what there is, devices as asked, what they
# are, what they count, changes, the end. Run it in the lab, as root; prints TAP.
# VDPA names the tool; by default the newer one of the lab's own root if it is there.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/testing/selftests/tap.sh
. "$here/../tap.sh"
top=${RINGSIDE_TOP:-$here/../../../..}
program=${VDPA:-vdpa} libraries=${LD_LIBRARY_PATH:-}
root=$("$top/tools/testing/vm/root" --path qemu 2>/dev/null) || root=
if [ -z "${VDPA:-}" ] && [ -n "$root" ] && [ -x "$root/usr/sbin/vdpa" ]; then
	program=$root/usr/sbin/vdpa
	libraries=$root/usr/lib/x86_64-linux-gnu
fi

tool()
{
	LD_LIBRARY_PATH=$libraries "$program" "$@"
}

# works NAME ARGUMENT... [-- TEXT...]: it succeeds, and says each TEXT.
# refused NAME ARGUMENT... [-- TEXT...]: it does not, and says each TEXT.
works()
{
	attempt 0 "$@"
}

refused()
{
	attempt 1 "$@"
}

attempt()
{
	local want=$1 name=$2 status=0 bad=0 args=() words=() out text
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	out=$(tool "${args[@]}" 2>&1) || status=1
	[ "$status" -eq "$want" ] || bad=1
	shift "$(($# ? 1 : 0))"
	# Line breaks are the tool's taste.
	read -r -d '' -a words <<<"$out" || true
	out=${words[*]}
	for text in "$@"; do
		[[ $out == *"$text"* ]] || bad=1
	done
	verdict $bad "$name" "$out"
}

# shellcheck disable=SC2317 # called at the end
clean_up()
{
	local name
	for name in n0 n1 b0; do
		[ ! -e "/sys/bus/vdpa/devices/$name" ] || tool dev del "$name"
	done
	modprobe -rq virtio_vdpa || true
}

mac=02:00:00:00:12:34
other_mac=02:00:00:00:56:78
# MTU, MAC, CTRL_VQ, MQ, VERSION_1, ACCESS_PLATFORM
features=0x300420028

modprobe -aq vdpa_sim_net vdpa_sim_blk || tap_skip 'no simulators'
command -v "$program" >/dev/null || tap_skip 'no vdpa tool'
# Not in a pipe: grep would be done before the tool is, and that would be its failure.
help=$(tool dev help 2>&1) || true
[[ $help == *device_features* ]] || tap_skip 'a vdpa tool that knows no features'
# Devices go to the driver that is there.
modprobe -rq vhost_vdpa || true
modprobe virtio_vdpa
modprobe -aq virtio_blk virtio_net || true
trap clean_up EXIT

tap_begin 0
echo "# $(tool -V)"
works 'management devices' mgmtdev show -- \
	'vdpasim_net: supported_classes net' 'vdpasim_blk: supported_classes block' \
	VERSION_1 ACCESS_PLATFORM
works 'one management device, for programs' -j mgmtdev show vdpasim_blk -- \
	'{"mgmtdev":{"vdpasim_blk":{"supported_classes":["block"]'
refused 'a management device that there is not' mgmtdev show nowhere -- 'No such device'

works 'a network device as asked' dev add name n0 mgmtdev vdpasim_net mac "$mac" mtu 1400 \
	max_vqp 2 device_features "$features"
refused 'its name is taken' dev add name n0 mgmtdev vdpasim_blk -- \
	'there is a device of this name' 'File exists'
refused 'no feature for a value' dev add name n1 mgmtdev vdpasim_net mac "$mac" \
	device_features 0x300000000 -- 'needs feature bit 5' 'Invalid argument'
refused 'no such feature' dev add name n1 mgmtdev vdpasim_net \
	device_features 0x8000000000000000 -- 'does not support' 'Invalid argument'
refused 'no such MTU' dev add name n1 mgmtdev vdpasim_net mtu 67 -- 'out of range'
refused 'a disk has no MAC address' dev add name b0 mgmtdev vdpasim_blk mac "$mac" -- \
	'does not take this value' 'not supported'
works 'a disk' dev add name b0 mgmtdev vdpasim_blk

works 'devices' dev show -- \
	'n0: type network mgmtdev vdpasim_net' 'b0: type block mgmtdev vdpasim_blk' \
	'max_vq_size 256'
works 'one device' dev show b0 -- 'b0: type block'
works 'devices, for programs' -j dev show -- '"n0":{"type":"network","mgmtdev":"vdpasim_net"'
works 'devices, for programs and people' -j -p dev show -- '"n0": { "type": "network",'
works 'a configuration' dev config show n0 -- "mac $mac" 'max_vq_pairs 2' 'mtu 1400' \
	'negotiated_features MTU MAC CTRL_VQ MQ VERSION_1 ACCESS_PLATFORM'
works 'configurations, for programs' -j dev config show -- \
	"\"n0\":{\"mac\":\"$mac\",\"max_vq_pairs\":2,\"mtu\":1400," '"b0":{'
works 'what a queue counts' dev vstats show n0 qidx 0 -- 'queue_type rx rx packets'
works 'what another counts, for programs' -j -p dev vstats show n0 qidx 1 -- \
	'"queue_type": "tx", "tx packets":'
refused 'no such queue' dev vstats show n0 qidx 65536 -- 'no such queue'

# Tools before iproute2 6.12 do not know of it; those that do, do not all say so.
if tool dev set name n0 mac "$other_mac" 2>/dev/null; then
	works 'another MAC address' dev set name n0 mac "$other_mac"
	works 'it is shown' dev config show n0 -- "mac $other_mac"
	refused 'a disk cannot be changed' dev set name b0 mac "$other_mac" -- \
		'nothing of this device can be changed' 'not supported'
fi

works 'the end of the card' dev del n0
refused 'it is over' dev del n0 -- 'there is no device of this name' 'No such device'
works 'the disk is left' -j dev show -- '{"dev":{"b0":{'
works 'the end of the disk' dev del b0
works 'nothing is left' -j dev show -- '{"dev":{}}'
tap_end

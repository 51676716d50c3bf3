#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Load and unload vhost_net and what it needs, many times. Afterwards the kernel
# holds what it held before. Run it in the lab, as root; prints TAP.
set -euo pipefail

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

loops=${RINGSIDE_LOOPS:-100}
device=/dev/vhost-net
order=()

# Loaded modules, newest first: an order they can be unloaded in.
loaded()
{
	cut -d ' ' -f 1 /proc/modules
}

# The modules that are there now and were not before.
ours()
{
	loaded | grep -vxF -f <(printf '%s\n' "$before") || true
}

unload()
{
	local m=()
	mapfile -t m < <(ours)
	# One process for all of them: starting it is what takes time.
	[ ${#m[@]} -eq 0 ] || rmmod "${m[@]}"
}

threads()
{
	# Workers of the kernel's own come and go: those of vhost do not.
	cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^vhost' || true
}

# Kilobytes that can only be freed by their owner, and that are vmalloc'ed.
kernel_kb()
{
	awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# Load, use, unload. A file that stays counted keeps its module from leaving.
cycle()
{
	modprobe vhost_net && exec 3<>"$device" || return 1
	exec 3>&-
	rmmod "${order[@]}"
}

# Opening the device node is enough to have the module.
open_loads()
{
	grep -q '^vhost_net ' /proc/modules && return 1
	exec 3<>"$device" || return 1
	grep -q '^vhost_net ' /proc/modules || return 1
	# In use now.
	! rmmod vhost_net 2>/dev/null || return 1
	exec 3>&-
	unload
}

tap_begin 5
# Whatever tests before this one have loaded. A socket to a guest that is gone keeps
# vhost_vsock for the 8 s that it waits for the guest's last word.
mapfile -t order < <(loaded | grep -E '^(vhost|vdpa|virtio_vdpa)' || true)
for ((i = 0; i < 12 && ${#order[@]} > 0; i++)); do
	if rmmod "${order[@]}" 2>/dev/null; then
		break
	fi
	sleep 1
	mapfile -t order < <(loaded | grep -E '^(vhost|vdpa|virtio_vdpa)' || true)
done
before=$(loaded)

status=0
open_loads || status=1
verdict $status "opening $device loads the module"

status=0 i=0
modprobe vhost_net
mapfile -t order < <(ours)
echo "# modules: ${order[*]}"
unload || status=1
for i in 1 2 3 4 5; do
	cycle || status=1
done
sleep 1
threads_before=$(threads) kb_before=$(kernel_kb)
for ((i = 0; i < loops && status == 0; i++)); do
	cycle || status=1
done
echo "# $i of $loops times"
verdict $status "modprobe and rmmod $loops times"
sleep 1

status=0
[ "$(loaded)" = "$before" ] || status=1
verdict $status 'no module stays'

status=0
echo "# threads: $threads_before before, $(threads) after"
[ "$(threads)" -eq "$threads_before" ] || status=1
if grep -q '^memslot ' /proc/slabinfo 2>/dev/null; then
	echo '# the cache memslot is still there'
	status=1
fi
verdict $status 'no thread and no slab cache stays'

# A module is some 100 KB, its smallest part a page: less than that a round is noise.
kb_after=$(kernel_kb)
echo "# kernel memory: $kb_before KiB before, $kb_after KiB after"
status=0
[ $((kb_after - kb_before)) -lt $((4 * loops + 1024)) ] || status=1
if [ "${RINGSIDE_KERNEL:-}" = uml-kasan ]; then
	# Megabytes more or less, from one moment to the next.
	verdict 0 'no memory stays # SKIP KASAN keeps what was freed in a quarantine'
else
	verdict $status 'no memory stays'
fi
tap_end

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run ring programs while the simulators are loaded with parameters.
set -euo pipefail

usage()
{
	cat <<'USAGE'
Usage: sim_param.sh PARAMETER=VALUE... PROGRAM...
Loads vdpa_sim with these parameters, use_va=0 for example, and runs the programs one
after the other. A parameter of a class has its name in front:
vdpa_sim_blk.shared_backend=1. To be called inside a lab kernel, as root; prints TAP.
USAGE
}

here=$(cd "$(dirname "$0")" && pwd)
programs=${RINGSIDE_TOP:-$here/../../../..}/build/selftests/vdpa
params=() class='' class_params=()

unload()
{
	modprobe -rq vdpa_sim_net vdpa_sim_blk vdpa_sim || true
	[ ! -d /sys/module/vdpa_sim ]
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	*.*=*) class=${1%%.*} class_params+=("${1#*.}") ;;
	*=*) params+=("$1") ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
if ! modprobe -nq vdpa_sim; then
	echo "no vdpa_sim" >&2
	exit 4
fi
# Whoever comes after us finds the defaults.
trap unload EXIT
unload
modprobe vdpa_sim "${params[@]}"
[ -z "$class" ] || modprobe "$class" "${class_params[@]}"

status=0 n=0
echo 'TAP version 13'
echo "1..$#"
for program in "$@"; do
	n=$((n + 1)) ret=0 bad=''
	echo "    # Subtest: $program"
	{ "$programs/$program" 2>&1 || ret=$?; echo "$ret" >&3; } 3>/tmp/sim-param-status |
		sed 's/^/    /'
	ret=$(</tmp/sim-param-status)
	case $ret in
	0 | 4) ;;
	*) bad='not ' status=1 ;;
	esac
	echo "${bad}ok $n $program"
done
exit "$status"

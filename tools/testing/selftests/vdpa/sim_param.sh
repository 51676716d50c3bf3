#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# sim_param.sh PARAMETER=VALUE PROGRAM: run a ring program while vdpa_sim is loaded
# with this parameter, use_va=0 for example. A parameter of a class has its name in
# front: vdpa_sim_blk.shared_backend=1. Run it in the lab, as root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=${RINGSIDE_TOP:-$here/../../../..}/build/selftests/vdpa

unload()
{
	modprobe -r vdpa_sim_net vdpa_sim_blk 2>/dev/null || true
	modprobe -r vdpa_sim 2>/dev/null || true
	[ ! -d /sys/module/vdpa_sim ]
}

# Whoever comes after us finds the defaults.
trap unload EXIT

param=$1 program=$2 module=vdpa_sim
case $param in
*.*) module=${param%%.*} param=${param#*.} ;;
esac
if ! modprobe -nq "$module"; then
	echo "no $module" >&2
	exit 4
fi
unload
modprobe "$module" "$param"
"$programs/$program"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A simulated disk, where there are any, and what a request to it costs.
# To be called inside a lab kernel, as root: blk.sh PROGRAM
set -euo pipefail

modprobe -aq vhost_vdpa vdpa_sim_blk || exit 0
vdpa dev add name b0 mgmtdev vdpasim_blk
node=$(echo /sys/bus/vdpa/devices/b0/vhost-vdpa-*)
"${1:?the program}" "/dev/${node##*/}"
vdpa dev del b0

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# zerocopy.sh PROGRAM [ARG...]: run a ring program while vhost_net is loaded with
# experimental_zcopytx. Run it in the lab, as root. RINGSIDE_TOP is where the
# programs were built.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=${RINGSIDE_TOP:-$here/../../../..}/build/selftests/vhost

# Whoever comes after us finds the module as it was.
trap 'modprobe -r vhost_net && modprobe vhost_net' EXIT

modprobe -r vhost_net
modprobe vhost_net experimental_zcopytx=1
"$programs/$1" "${@:2}"

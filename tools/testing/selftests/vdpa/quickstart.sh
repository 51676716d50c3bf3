#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The commands under "vDPA in five commands" in the README, as they stand there.
set -euo pipefail

usage()
{
	cat <<'USAGE'
Usage: quickstart.sh
To be called inside a lab kernel, as root. Output is TAP.
USAGE
}

case ${1:-} in
'') ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

# The lab is root already, and not everywhere has sudo.
# shellcheck disable=SC2317 # called by what eval runs
sudo()
{
	"$@"
}

# shellcheck source=tools/testing/selftests/tap.sh
. "$(dirname "$0")/../tap.sh"

readme=${RINGSIDE_TOP:-$(cd "$(dirname "$0")/../../../.." && pwd)}/README.md
mapfile -t commands < <(awk '
	/^## / { here = $0 == "## vDPA in five commands" }
	here && /^    / { sub(/^    /, ""); print }' "$readme")
# As on a machine where nothing was done before.
modprobe -rq virtio_vdpa || true
tap_begin 6
verdict $((${#commands[@]} != 5)) 'five of them'
for i in 0 1 2 3 4; do
	status=0
	output=$(eval "${commands[i]}" 2>&1) || status=1
	verdict "$status" "${commands[i]}" "$output"
done
tap_end

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
# Start a lab kernel on a job directory. Sourced by run, which sets: kernel,
# job, out, mem, cpus, icount, machine_args; sets vm_pid.

# host_ok PATH: the kernel's command line cannot carry every path.
host_ok()
{
	case $1 in
	*[[:space:]\"\\,]*) die "the lab cannot work with this path: $1" ;;
	esac
}

# in_background LOG COMMAND...: its own process group, and no life beyond ours.
in_background()
{
	local log=$1
	shift
	setsid setpriv --pdeathsig KILL "$@" </dev/null >>"$log" 2>&1 &
	vm_pid=$!
	# The shell need not say how it ended.
	disown "$vm_pid"
}

stop_vm()
{
	[ -n "${vm_pid:-}" ] || return 0
	kill -KILL -- "-$vm_pid" 2>/dev/null || true
	while kill -0 "$vm_pid" 2>/dev/null; do
		sleep 0.02
	done
	vm_pid=
}

boot_uml()
{
	local args=(seccomp=on) image
	image=$("$here/kernel" --image "$kernel")
	[ "$kernel" = uml-lockdep ] || args+=("ncpus=$cpus")
	# One access in so many is watched. With one in 500, races made on purpose were missed.
	[ "$kernel" != uml-kcsan ] || args+=(kcsan.skip_watch=50)
	# Guest memory is a file that grows as it is touched.
	TMPDIR=/dev/shm in_background "$job/console.log" "$image" "${args[@]}" "mem=$mem" \
		root=/dev/root rootfstype=hostfs rootflags=/ ro "init=$here/guest-init" \
		"uml_dir=$job/" umid=uml con=null con0=null,fd:1 panic=-1 loglevel=8 \
		log_buf_len=4M kunit.enable=1 "RINGSIDE_JOB=$job" "RINGSIDE_OUT_HOST=$out"
}

# The emulator: the newer one of the lab's own chroot when that is there, for it
# runs as it is on the suite it was made for.
find_qemu()
{
	local root
	root=$("$here/root" --path qemu 2>/dev/null) || root=
	if [ -n "$root" ] && [ -x "$root/usr/bin/qemu-system-x86_64" ] &&
		LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu \
			"$root/usr/bin/qemu-system-x86_64" --version >/dev/null 2>&1; then
		qemu=(env "LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu"
			"$root/usr/bin/qemu-system-x86_64"
			-L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
	else
		need_packages qemu-system-x86
		qemu=(qemu-system-x86_64)
	fi
}

boot_stock()
{
	local accel cpu image initrd share=security_model=none,multidevs=remap
	[ ${#qemu[@]} -gt 0 ] || find_qemu
	image=$("$here/kernel" --image "$kernel")
	initrd=$("$here/initramfs" "$kernel")
	if [ -n "$icount" ]; then
		accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
		cpu=max,la57=off
	elif [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		accel=(-accel kvm)
		cpu=host
	else
		# In turn on one thread: where several lab kernels share the machine, a
		# processor that waits for one that the host does not run just now would
		# burn more than all the tests. And copies go by words, not by bytes.
		accel=(-accel "tcg,thread=single")
		cpu=max,la57=off,erms=off,fsrm=off
	fi
	in_background "$job/qemu.log" "${qemu[@]}" -nodefaults -no-user-config -display none \
		-no-reboot -M pc "${accel[@]}" -cpu "$cpu" -smp "$cpus" -m "$mem" \
		-serial "file:$job/console.log" \
		-virtfs "local,path=/,mount_tag=root,readonly=on,$share" \
		-virtfs "local,path=$job,mount_tag=job,$share" \
		-virtfs "local,path=$out,mount_tag=out,$share" \
		-device virtio-rng-pci -kernel "$image" -initrd "$initrd" \
		"${machine_args[@]}" \
		-append "console=ttyS0 panic=-1 mitigations=off tsc=reliable no_timer_check \
loglevel=8 log_buf_len=4M kunit.enable=1 RINGSIDE_INIT=$here/guest-init RINGSIDE_JOB=$job \
RINGSIDE_OUT_HOST=$out"
}

# Everything that boot would have to build or install.
boot_prepare()
{
	"$here/kernel" --image "$kernel" >/dev/null
	case $kernel in
	uml*) ;;
	*)
		find_qemu
		"$here/initramfs" "$kernel" >/dev/null
		;;
	esac
}

boot()
{
	host_ok "$job"
	host_ok "$here"
	host_ok "$out"
	case $kernel in
	uml*) boot_uml ;;
	*) boot_stock ;;
	esac
}

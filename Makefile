# SPDX-License-Identifier: GPL-2.0-only
# User targets only. How the modules are compiled is in the Kbuild files,
# how they get from here into build/ is in tools/build-modules.

KDIR ?= /lib/modules/$(shell uname -r)/build
# What uname -r says there (Debian's kernel.release says something else).
RELEASE := $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	'$(KDIR)/include/generated/utsrelease.h' 2>/dev/null)
# Two configurations of one release (the lab's flavours) need an OUT each.
OUT ?= build/$(RELEASE)
# dkms insists on a literal version, so dkms.conf is the place it is written.
RINGSIDE_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)

# As many jobs as processors unless the user said how many. ARCH, W, C, V and
# the like reach the kernel's build through make itself.
jobs = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# Modules can be taken away when the running kernel's headers are gone already.
running = $(if $(filter file,$(origin KDIR)),$(shell uname -r))
no_kernel = $(error $(KDIR) is no configured kernel)

# KBUILD_CHECKSRC beside C: Debian's headers lack the script by which kernels
# from 7.0 on judge the checker, and then drop the checks.
.PHONY: modules
modules: check-config
	+@MAKE='$(MAKE)' LOG='$(LOG)' tools/build-modules '$(KDIR)' '$(OUT)' \
		RINGSIDE_VERSION=$(RINGSIDE_VERSION) $(jobs) \
		$(if $(filter-out 0,$(C)),KBUILD_CHECKSRC=$(C) \
			CHECK="$(CURDIR)/tools/testing/checks/sparse-ccache $$(tools/testing/checks/sparse)")

.PHONY: check-config
check-config:
	@tools/check-config '$(KDIR)'

.PHONY: install
install: modules
	@tools/install-modules install '$(OUT)' '$(RELEASE)'

.PHONY: uninstall
uninstall:
	@tools/install-modules uninstall '$(OUT)' '$(or $(RELEASE),$(running),$(no_kernel))'

.PHONY: clean
clean:
ifeq ($(origin KDIR),file)
	rm -rf build
else
	rm -rf '$(if $(RELEASE),$(OUT),$(no_kernel))'
endif

.PHONY: check bench demo fuzz soak
check:
	tools/testing/check $(ARGS)
bench:
	tools/testing/bench/bench $(ARGS)
demo:
	tools/testing/guest/demo $(ARGS)
fuzz:
	tools/testing/fuzz/fuzz $(ARGS)
soak:
	tools/testing/soak $(ARGS)

.PHONY: style uapi-check dkms-test
style:
	@tools/testing/checks/style $(ARGS)
uapi-check:
	@tools/testing/checks/uapi $(or $(ARGS),'$(KDIR)')
dkms-test:
	@tools/testing/package/dkms-test $(or $(ARGS),bookworm)

.PHONY: docs hooks
docs:
	@tools/testing/checks/docs
hooks:
	@tools/hooks/install

.PHONY: version
version:
	@echo $(RINGSIDE_VERSION)

.PHONY: help
help:
	@echo 'Ringside $(RINGSIDE_VERSION): vhost modules for Linux'
	@echo
	@echo 'make [modules]        build for the running kernel into build/<release>/'
	@echo 'make modules KDIR=DIR [ARCH=um] [W=1] [C=1] [OUT=DIR]'
	@echo '                      build for the configured kernel tree or headers in DIR;'
	@echo '                      ARCH=um for User-Mode Linux, W=1 more warnings, C=1 sparse,'
	@echo '                      LOG=FILE keeps what the compiler says'
	@echo 'make install          into updates/ringside of KDIR'"'"'s release, then depmod'
	@echo '                      (DESTDIR or INSTALL_MOD_PATH: another root)'
	@echo 'make uninstall        give the distribution'"'"'s modules back'
	@echo 'make clean [KDIR=DIR] remove build/, or one kernel'"'"'s part of it'
	@echo
	@echo 'make demo             a guest on our vhost-net whose memory grows under traffic;'
	@echo '                      ARGS="--help" shows what else can happen to it'
	@echo 'make check            all tests; ARGS="--help" shows how to run fewer, and'
	@echo '                      ARGS="--kernels uml-kcsan --tiers self" looks for data races'
	@echo 'make bench            what our modules cost, against the distribution'"'"'s on the same'
	@echo '                      kernel, as a report in Documentation/bench/; ARGS="--help"'
	@echo 'make fuzz             random input for the ring engine and for all calls;'
	@echo '                      ARGS="--help" shows how long, and how to repeat what failed'
	@echo 'make soak             all devices at work for half an hour; ARGS="--minutes 5"'
	@echo 'make style            static checks; needs no kernel tree'
	@echo 'make uapi-check       our ABI headers against the kernel'"'"'s in KDIR'
	@echo 'make check-config     does the kernel in KDIR have what we need?'
	@echo 'make dkms-test        dkms and the package in a chroot; ARGS="bookworm" or "trixie"'
	@echo 'make docs             Documentation/ as HTML in build/docs, by Sphinx, and manual'
	@echo '                      pages in build/man'
	@echo 'make hooks            have git check what is committed, see tools/hooks/pre-commit'

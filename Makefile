# Paravane: one makefile, no recursion.  Each top-level folder adds its rules in a
# build.mk of its own; everything made lies under build/, everything fetched in the cache.
BUILD  ?= build
CACHE  ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/paravane
CC     ?= gcc
ifeq ($(origin CC),default)
CC     := gcc
endif
PYTHON := /usr/bin/python3
export PATH := $(PATH):/usr/sbin:/sbin
export BUILD CACHE

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror
HOST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -I. -MMD -MP
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

# $(call say,CC,file)command: one short line for a command, or with V=1 the command as it is.
say = $(if $(filter 1,$(V)),,@echo "  $(1) $(2)";)

# Nor a line for each make that another one calls.
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all

# What `make all`, `make test` and so on are made of; each build.mk appends.
ALL :=
LINT :=
UNIT_TESTS :=

include hypercall-abi/build.mk
include hypervisor/build.mk
include dom0/build.mk
include split-drivers/build.mk
include tools/build.mk
include tests/build.mk
include docs/build.mk
include domU-pv-linux-patches/build.mk

all: $(ALL)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: lint format clean help mutants
# make mutants [MUTANTS=word]: takes checks out one at a time; the tests must notice each.
mutants:
	@$(MAKE) deps
	@tools/mutants $(MUTANTS)

lint:
	tools/lint
	tools/hypercall-docs --check
	tools/mutants --check
	cppcheck -q --error-exitcode=1 --enable=warning,portability --inline-suppr \
	    --suppress=nullPointerRedundantCheck --suppress=uninitvar --suppress=preprocessorErrorDirective \
	    --suppress=unknownMacro --suppress=syntaxError --suppress=comparePointers --suppress=internalAstError -Ihypervisor -I. -Idom0 -D__x86_64__ \
	    hypervisor dom0/xenstore dom0/pv-kernel dom0/tasks split-drivers tools/vmctl

format:
	find hypervisor dom0 split-drivers hypercall-abi tools tests docs -name '*.[ch]' | xargs clang-format-14 -i

clean:
	$(call say,RM,$(BUILD))rm -rf $(BUILD)

help:
	@echo 'make          build everything under build/; build/paravane.iso boots it'
	@echo 'make run      boot it all in QEMU; the demo guest runs, dom0 is at its prompt (Ctrl-A X ends);'
	@echo '              with SCRIPT=file the script runs, and its status is that of make'
	@echo 'make test     every suite: unit, guest, system; SUITE=unit or T=name narrow it, JOBS=2 at once'
	@echo 'make matrix   what takes too long for every day: more runs on Xen, Linux as dom0 there, 256 MiB files, Debian guests'
	@echo 'make mutants  take checks out of the code one at a time: a test must notice each'
	@echo 'make bench    native Linux, Paravane and Xen 4.17 compared; writes build/bench.json'
	@echo 'make soak     a Debian guest under load for MINUTES=5 in each page-table mode, after make linux'
	@echo 'make soak-net guests, dom0 and the outside send each other files for MINUTES=5, while a guest comes and goes'
	@echo 'make power-loss  KILLS=30 power losses while a guest and dom0 write: what was synced is there, e2fsck is content'
	@echo 'make linux    a Linux for guests with our patches, in the cache; LINUX_SERIES=6.12: a newer one'
	@echo 'make dist     build/dist: paravane.iso again, for CD or USB stick, BIOS or UEFI; paravane-files.tar.gz for an installed Debian'
	@echo 'make install  files and a GRUB menu entry below DESTDIR, for an installed Debian'
	@echo 'make deps     install the Debian packages that building and testing need'
	@echo 'make fuzz     the parsers of hostile input, FUZZ_SECONDS=60 each; FUZZ=name narrows it'
	@echo 'make lint     layers, lengths, formatting, static analysis'
	@echo 'make format   format the sources with clang-format'
	@echo 'make clean    remove build/ (what was fetched and newlib stay in the cache)'
	@echo 'make help     this list'
	@echo
	@echo 'With V=1 the whole commands are shown.'
	@echo
	@echo 'Variables of make run: SCRIPT EXTRA LINUX LINUX_SERIES DISK ISO DISKIF NETIF NETDEV FORWARD MEM SMP FIRMWARE GRUB HV CMDLINE DOM0_CMDLINE'
	@echo 'DOM0_MEM DOM0 DOM0_INITRD INITRD HV_IMAGE TIMEOUT QEMU_ARGS ACCEL THREADS EMULATOR CPU_MODEL; docs/getting-started.md says what each does.'

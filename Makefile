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

all: $(ALL)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# newlib, kept in the cache under a name that says what it was made from.
NEWLIB_VERSION := $(shell ls /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sed 's/.*newlib-//; s/.tar.xz//')
NEWLIB_HASH    := $(shell cat tools/build-newlib hypercall-abi/errno.h /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sha256sum | cut -c1-12)
NEWLIB         := $(CACHE)/newlib-$(NEWLIB_VERSION)-$(NEWLIB_HASH)
NEWLIB_STAMP   := $(NEWLIB)/lib/libc.a

$(NEWLIB_STAMP):
	@echo "building newlib (once; kept in $(NEWLIB))"
	@mkdir -p $(CACHE)
	tools/build-newlib $(abspath $(NEWLIB))

# newlib, kept in the cache under a name that says what it was made from.
NEWLIB_VERSION := $(shell ls /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sed 's/.*newlib-//; s/.tar.xz//')
NEWLIB_HASH    := $(shell cat tools/build-newlib hypercall-abi/errno.h /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sha256sum | cut -c1-12)
NEWLIB         := $(CACHE)/newlib-$(NEWLIB_VERSION)-$(NEWLIB_HASH)
NEWLIB_STAMP   := $(NEWLIB)/lib/libc.a

$(NEWLIB_STAMP):
	@echo "building newlib (once; kept in $(NEWLIB))"
	@mkdir -p $(CACHE)
	tools/build-newlib $(abspath $(NEWLIB))

# The decompressors of the domain builder, built against it and kept likewise.
LIBRARIES_HASH  := $(shell cat tools/build-libraries tools/fetch-source 2>/dev/null | sha256sum | cut -c1-12)-$(NEWLIB_HASH)
LIBRARIES       := $(CACHE)/libraries-$(LIBRARIES_HASH)
LIBRARIES_STAMP := $(LIBRARIES)/lib/liblzo2.a

$(LIBRARIES_STAMP): $(NEWLIB_STAMP)
	@echo "building the decompression libraries (once; kept in $(LIBRARIES))"
	tools/build-libraries $(abspath $(LIBRARIES)) $(abspath $(NEWLIB))

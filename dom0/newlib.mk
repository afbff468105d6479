# newlib, kept in the cache under a name that says what it was made from.
NEWLIB_VERSION := $(shell ls /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sed 's/.*newlib-//; s/.tar.xz//')
NEWLIB_HASH    := $(shell cat tools/build-newlib hypercall-abi/errno.h /usr/src/newlib/newlib-*.tar.xz 2>/dev/null | sha256sum | cut -c1-12)
NEWLIB         := $(CACHE)/newlib-$(NEWLIB_VERSION)-$(NEWLIB_HASH)
NEWLIB_STAMP   := $(NEWLIB)/lib/libc.a

$(NEWLIB_STAMP):
	@echo "building newlib (once, a minute or two; kept in $(NEWLIB))"
	@mkdir -p $(CACHE)
	$(if $(filter 1,$(V)),,@)tools/with-progress newlib $(NEWLIB).build tools/build-newlib $(abspath $(NEWLIB))

# The decompressors of the domain builder, built against it and kept likewise.
LIBRARIES_HASH  := $(shell cat tools/build-libraries tools/fetch-source 2>/dev/null | sha256sum | cut -c1-12)-$(NEWLIB_HASH)
LIBRARIES       := $(CACHE)/libraries-$(LIBRARIES_HASH)
LIBRARIES_STAMP := $(LIBRARIES)/lib/liblzo2.a

$(LIBRARIES_STAMP): $(NEWLIB_STAMP)
	@echo "building the decompression libraries (once; kept in $(LIBRARIES))"
	$(if $(filter 1,$(V)),,@)tools/with-progress libraries $(LIBRARIES).build tools/build-libraries $(abspath $(LIBRARIES)) $(abspath $(NEWLIB))

# lwIP (and libmd's SHA-2), with our options and patches.  build/lwip leads there: unit tests and
# tools find its headers and sources by that name.
LWIP_INPUTS := tools/build-lwip $(wildcard dom0/network/stack/include/*.h dom0/network/stack/include/arch/*.h \
    dom0/network/stack/patches/*.patch)
LWIP_HASH   := $(shell cat $(LWIP_INPUTS) tools/fetch-source 2>/dev/null | sha256sum | cut -c1-12)-$(NEWLIB_HASH)
LWIP        := $(CACHE)/lwip-$(LWIP_HASH)
LWIP_STAMP  := $(LWIP)/lib/liblwip.a
LWIP_LINK   := $(BUILD)/lwip-$(LWIP_HASH)

$(LWIP_STAMP): $(NEWLIB_STAMP)
	@echo "building lwIP (once; kept in $(LWIP))"
	$(if $(filter 1,$(V)),,@)tools/with-progress lwIP $(LWIP).build tools/build-lwip $(abspath $(LWIP)) $(abspath $(NEWLIB))

$(LWIP_LINK): $(LWIP_STAMP)
	@mkdir -p $(@D)
	@ln -sfn $(abspath $(LWIP)) $(BUILD)/lwip && touch $@

# libext2fs, of e2fsprogs.  build/e2fsprogs leads there.
EXT_INPUTS := tools/build-e2fsprogs $(wildcard dom0/storage/library/*.h)
EXT_HASH   := $(shell cat $(EXT_INPUTS) tools/fetch-source 2>/dev/null | sha256sum | cut -c1-12)-$(NEWLIB_HASH)
EXT        := $(CACHE)/e2fsprogs-$(EXT_HASH)
EXT_STAMP  := $(EXT)/lib/libext2fs.a
EXT_LINK   := $(BUILD)/e2fsprogs-$(EXT_HASH)

$(EXT_STAMP): $(NEWLIB_STAMP)
	@echo "building libext2fs (once; kept in $(EXT))"
	$(if $(filter 1,$(V)),,@)tools/with-progress libext2fs $(EXT).build tools/build-e2fsprogs $(abspath $(EXT)) $(abspath $(NEWLIB))

$(EXT_LINK): $(EXT_STAMP)
	@mkdir -p $(@D)
	@ln -sfn $(abspath $(EXT)) $(BUILD)/e2fsprogs && touch $@

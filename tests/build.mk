# tests: the unit tests' build rules, and `make test`.
#
# A unit test is a cmocka program tests/unit/NAME.c.  It is found by itself; lines of its head
# comment say what to build it with (paths from the root; all but Sources are optional):
#
#  * Sources: dom0/xenstore/path.c dom0/xenstore/wire.c
#  * Flags: -Ihypervisor
#  * Libraries: -lz
#  * Sanitize: thread           (instead of address,undefined)
#  * Stack: yes                 (dom0's lwIP is linked, as stack-world.h wants it)
#  * Ext: yes                   (libext2fs is linked, as ext-world.h wants it)
UNIT_CFLAGS := $(HOST_CFLAGS) -O1 -Idom0 -Itools -Itests -DUNIT_TEST -D_GNU_SOURCE

UNIT_NAMES := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c)))

# A formatter may have broken such a line: words go on until an empty line or the comment's end.
unit_line = $(shell awk '/^ \*\/|^ \*$$/ { on = 0 } \
    $$2 ~ /^[A-Z][a-z]+:$$/ { on = $$2 == "$(2):"; $$2 = "" } \
    on { $$1 = ""; print }' tests/unit/$(1).c | head -40)

unit_sanitize = $(or $(patsubst %,-fsanitize=%,$(call unit_line,$(1),Sanitize)),$(SANITIZE))

# dom0's lwIP on the host: with assertions, and from malloc, so that sanitizers see each piece.
STACK_FLAGS := -DSTACK_ON_HOST -isystem $(BUILD)/lwip/include -Idom0/network/stack/include -Idom0
$(BUILD)/tests/liblwip.a: STACK_BUILD = $(CC) -O1 $(SANITIZE)
$(BUILD)/fuzz/liblwip.a: STACK_BUILD = $(FUZZ_CC) -O1 -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all
$(BUILD)/tests/liblwip.a $(BUILD)/fuzz/liblwip.a: $(LWIP_LINK)
	$(call say,LWIP,$@)rm -rf $@.obj $@ && mkdir -p $@.obj && \
	for file in dom0/network/checksum.c $(LWIP)/src/lwip/core/*.c $(LWIP)/src/lwip/core/ipv[46]/*.c \
	    $(LWIP)/src/lwip/netif/ethernet.c; do \
	    $(STACK_BUILD) -std=gnu11 -g -w $(STACK_FLAGS) -c -o $@.obj/$$(basename $$file .c).o $$file || exit 1; \
	done && ar rcsD $@ $@.obj/*.o

# libext2fs on the host, with sanitizers: what it does with a damaged disk is part of what is tested.
EXT_FLAGS := -isystem $(BUILD)/e2fsprogs/include
$(BUILD)/tests/libext2fs.a: EXT_BUILD = $(CC) -O1 $(SANITIZE)
$(BUILD)/fuzz/libext2fs.a: EXT_BUILD = $(FUZZ_CC) -O1 -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all
$(BUILD)/tests/libext2fs.a $(BUILD)/fuzz/libext2fs.a: $(EXT_LINK)
	$(call say,EXT,$@)rm -rf $@.obj $@ && mkdir -p $@.obj && \
	for file in $(EXT)/src/*.c; do \
	    $(EXT_BUILD) -fno-sanitize=alignment,shift,bounds,signed-integer-overflow -std=gnu11 -g -w -I$(EXT)/src -I$(EXT)/include \
	        -c -o $@.obj/$$(basename $$file .c).o $$file || exit 1; \
	done && ar rcsD $@ $@.obj/*.o

define unit_rules
UNIT_OBJECTS_$(1) := $$(patsubst %.c,$(BUILD)/tests/unit/obj/$(1)/%.o,tests/unit/$(1).c \
    $$(call unit_line,$(1),Sources))
$$(UNIT_OBJECTS_$(1)): $(BUILD)/tests/unit/obj/$(1)/%.o: %.c tests/unit/$(1).c
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)$$(CC) $$(UNIT_CFLAGS) $$(call unit_sanitize,$(1)) \
	    $$(call unit_line,$(1),Flags) $$(if $$(call unit_line,$(1),Stack),$$(STACK_FLAGS)) \
	    $$(if $$(call unit_line,$(1),Ext),$$(EXT_FLAGS)) -c -o $$@ $$<
$$(if $$(call unit_line,$(1),Stack),$$(UNIT_OBJECTS_$(1))): | $(LWIP_LINK)
$$(if $$(call unit_line,$(1),Ext),$$(UNIT_OBJECTS_$(1))): | $(EXT_LINK)
$(BUILD)/tests/unit/$(1): $$(UNIT_OBJECTS_$(1)) $$(if $$(call unit_line,$(1),Stack),$(BUILD)/tests/liblwip.a) \
    $$(if $$(call unit_line,$(1),Ext),$(BUILD)/tests/libext2fs.a)
	$$(call say,LD,$$@)$$(CC) $$(call unit_sanitize,$(1)) $$(call unit_line,$(1),Flags) \
	    -o $$@ $$^ -lcmocka $$(call unit_line,$(1),Libraries)
UNIT_TESTS += $(BUILD)/tests/unit/$(1)
endef
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_rules,$(name))))

# The store's daemon with sanitizers, for the tests by real clients.
SANITIZED_XENSTORED := $(patsubst %.c,$(BUILD)/tests/xenstored.obj/%.o,$(XENSTORED_SOURCES))
$(SANITIZED_XENSTORED): $(BUILD)/tests/xenstored.obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(UNIT_CFLAGS) $(SANITIZE) -c -o $@ $<
$(BUILD)/tests/xenstored: $(SANITIZED_XENSTORED)
	$(call say,LD,$@)$(CC) $(SANITIZE) -o $@ $^

# make test [SUITE=unit|guest|system] [T=name] [JOBS=2]: T is pytest's -k expression; so many tests
# run side by side, the long ones first.
SUITE ?= system guest unit
JOBS ?= 2
TEST_PROGRAMS := $(UNIT_TESTS) $(BUILD)/tests/xenstored

# Small kernels for the system tests: those that do not behave, and one of many vCPUs.
TEST_KERNELS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/hostile/*.c tests/many/*.c))
$(TEST_KERNELS:%=%.o): $(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<
$(TEST_KERNELS:%=%.elf): %.elf: %.o $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(GUEST_LINK)
.PRECIOUS: $(TEST_KERNELS:%=%.o)
TEST_PROGRAMS += $(TEST_KERNELS:%=%.elf)

# The guest that only waits.
$(BUILD)/tests/idle.o: tests/bench/idle.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<
$(BUILD)/tests/idle.elf: $(BUILD)/tests/idle.o $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(GUEST_LINK)
ALL += $(BUILD)/tests/idle.gz

# dom0's files for the system tests: the demo's kernel packed so that dom0, which QEMU translates, has
# unpacked it in 1 second in place of 6.  tests/system/test_demo.py starts it as Debian ships it.
QUICK := $(BUILD)/tests/quick
$(QUICK)/initrd.cpio: $(BUILD)/dom0/initrd.cpio tests/unpack-kernel
	$(call say,CPIO,$@)rm -rf $(QUICK) && mkdir -p $(QUICK) && cp -R $(DEMO)/root0 $(QUICK)/root && \
	tests/unpack-kernel $(DEMO)/root0/boot/demo/vmlinuz | zstd -q -9 > $(QUICK)/vmlinuz && \
	cp $(QUICK)/vmlinuz $(QUICK)/root/boot/demo && cd $(QUICK)/root && \
	find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 > $(abspath $@)
TEST_PROGRAMS += $(QUICK)/initrd.cpio

# The guest for the tests of network cards: dom0's drivers and what they stand on, and no more.
NIC_TEST_OBJECTS := $(patsubst %.c,$(BUILD)/dom0/image/%.o,tests/nic/main.c \
    $(wildcard dom0/tasks/*.c dom0/libc/*.c dom0/devices/*.c)) $(BUILD)/dom0/image/dom0/tasks/switch.o
$(BUILD)/tests/nic.elf: $(NIC_TEST_OBJECTS) $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(CC) $(GUEST_LDFLAGS) -Wl,--wrap=event_port_set_handler -o $@ \
	    $(BUILD)/dom0/pv-kernel/start.o $(NIC_TEST_OBJECTS) \
	    -L$(LIBRARIES)/lib -Wl,--start-group $(NEWLIB)/lib/libc.a -llzo2 $(BUILD)/dom0/libpvkernel.a \
	    -Wl,--end-group

# The guest for the tests of network backends: our frontend, and dom0's network on it.
NET_GUEST_OBJECTS := $(patsubst %.c,$(BUILD)/dom0/image/%.o,tests/net-guest/main.c \
    $(wildcard dom0/tasks/*.c dom0/libc/*.c dom0/devices/*.c dom0/network/*.c split-drivers/net/front/*.c) \
    dom0/xenstore/client.c dom0/xenstore/wire.c dom0/xenstore/ring-copy.c $(GUEST_STORE) \
    dom0/shell/http-exchange.c split-drivers/handshake/xenbus.c) $(BUILD)/dom0/image/dom0/tasks/switch.o
$(BUILD)/tests/net-guest.elf: $(NET_GUEST_OBJECTS) $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(CC) $(GUEST_LDFLAGS) -o $@ $(BUILD)/dom0/pv-kernel/start.o $(NET_GUEST_OBJECTS) \
	    -L$(LIBRARIES)/lib -Wl,--start-group $(NEWLIB)/lib/libc.a -llzo2 $(LWIP_STAMP) \
	    $(BUILD)/dom0/libpvkernel.a -Wl,--end-group
TEST_PROGRAMS += $(BUILD)/tests/net-guest.gz

# The guest for the tests of block backends: our frontend, and dom0's block layer on it.
BLOCK_GUEST_OBJECTS := $(patsubst %.c,$(BUILD)/dom0/image/%.o,tests/block-guest/main.c \
    $(wildcard dom0/tasks/*.c dom0/libc/*.c dom0/devices/*.c split-drivers/block/front/*.c) \
    dom0/xenstore/client.c dom0/xenstore/wire.c dom0/xenstore/ring-copy.c $(GUEST_STORE) \
    split-drivers/handshake/xenbus.c) $(BUILD)/dom0/image/dom0/tasks/switch.o
$(BUILD)/tests/block-guest.elf: $(BLOCK_GUEST_OBJECTS) $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(CC) $(GUEST_LDFLAGS) -o $@ \
	    $(BUILD)/dom0/pv-kernel/start.o $(BLOCK_GUEST_OBJECTS) \
	    -L$(LIBRARIES)/lib -Wl,--start-group $(NEWLIB)/lib/libc.a -llzo2 $(LWIP_STAMP) \
	    $(BUILD)/dom0/libpvkernel.a -Wl,--end-group
TEST_PROGRAMS += $(BUILD)/tests/block-guest.gz

$(BUILD)/tests/%.gz: $(BUILD)/tests/%.elf
	$(call say,GZIP,$@)gzip -9nc $< > $@
TEST_PROGRAMS += $(BUILD)/tests/nic.gz

# make fuzz [FUZZ=name] [FUZZ_SECONDS=60]: libFuzzer over the parsers of hostile input, with
# sanitizers; what it learns is kept in the cache, what it breaks lies in build/fuzz.
FUZZ ?= $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang-14
fuzz_line = $(shell sed -n 's/^ \* $(2): //p' tests/fuzz/$(1).c)

define fuzz_rules
$(BUILD)/fuzz/$(1): tests/fuzz/$(1).c $$(call fuzz_line,$(1),Sources) \
    $$(if $$(call fuzz_line,$(1),Stack),$(BUILD)/fuzz/liblwip.a) \
    $$(if $$(call fuzz_line,$(1),Ext),$(BUILD)/fuzz/libext2fs.a)
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)$$(FUZZ_CC) -std=gnu11 -O1 -g $$(WARNINGS) -I. -Idom0 -Itools -D_GNU_SOURCE \
	    $$(if $$(call fuzz_line,$(1),Stack),$$(STACK_FLAGS)) $$(if $$(call fuzz_line,$(1),Ext),$$(EXT_FLAGS)) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $$@ $$^ \
	    $$(call fuzz_line,$(1),Libraries)
endef
$(foreach name,$(FUZZ),$(eval $(call fuzz_rules,$(name))))

.PHONY: fuzz
fuzz: $(FUZZ:%=$(BUILD)/fuzz/%)
	for name in $(FUZZ); do mkdir -p $(CACHE)/fuzz/$$name && \
	    $(BUILD)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 \
	        -artifact_prefix=$(BUILD)/fuzz/$$name- -print_final_stats=1 $(CACHE)/fuzz/$$name || exit 1; \
	done

RUN_TESTS = PYTHONDONTWRITEBYTECODE=1 BUILD=$(abspath $(BUILD)) $(PYTHON) -m pytest -q -p no:cacheprovider \
    -p no:warnings -n $(JOBS) --dist loadgroup

.PHONY: test matrix unit-tests
unit-tests: $(TEST_PROGRAMS)

test:
	$(if $(filter-out unit guest system,$(SUITE)),$(error SUITE=$(SUITE): not of unit, guest, system))
	@$(MAKE) deps
	+@$(MAKE) -j$(JOBS) all unit-tests
	$(call say,TEST,$(SUITE))$(RUN_TESTS) -m 'not seldom' \
	    $(wildcard $(addprefix tests/,$(SUITE))) $(if $(T),-k '$(T)')

# make matrix [T=name] [JOBS=2]: what takes too long for every day (marked seldom, see tests/conftest.py).
matrix:
	@$(MAKE) deps
	+@$(MAKE) -j$(JOBS) all unit-tests
	$(call say,TEST,tests/matrix)$(RUN_TESTS) -m seldom tests/matrix tests/system $(if $(T),-k '$(T)')

# make soak-net [MINUTES=5] [HV=xen] [NETIF=e1000e]: streams between guests, dom0 and the outside.
.PHONY: soak-net
soak-net:
	@$(MAKE) deps
	+@$(MAKE) -j$(JOBS) all
	@tools/soak-net

# make power-loss [KILLS=30] [SECONDS=5] [SEED=1]: the power goes while a guest and dom0 write.
.PHONY: power-loss
power-loss:
	@$(MAKE) deps
	+@$(MAKE) -j$(JOBS) all unit-tests
	@tools/power-loss

# dom0: the PV kernel library, hello, dom0 itself, and the machine `make run` boots.
include dom0/newlib.mk

# For every program that runs on pv-kernel (dom0, test guests).  No red zone: event frames are
# pushed at the stack pointer.  General registers only: handlers interrupt code that uses others.
GUEST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -I. -Idom0 -MMD -MP -mno-red-zone -fno-pic -fno-pie \
    -mcmodel=small -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-omit-frame-pointer -fno-strict-aliasing -ffunction-sections -fdata-sections -mgeneral-regs-only
KERNEL_CFLAGS := $(GUEST_CFLAGS) -ffreestanding
GUEST_LDFLAGS := -nostdlib -static -Wl,--gc-sections,--build-id=none,-z,noexecstack \
    -Wl,-z,max-page-size=4096,--no-warn-rwx-segments -Wl,-T,dom0/pv-kernel/link.lds

PV_KERNEL_OBJECTS := $(patsubst dom0/%.c,$(BUILD)/dom0/%.o,$(wildcard dom0/pv-kernel/*.c)) \
    $(BUILD)/dom0/pv-kernel/start.o

$(BUILD)/dom0/pv-kernel/%.o: dom0/pv-kernel/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/dom0/pv-kernel/%.o: dom0/pv-kernel/%.S
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/dom0/libpvkernel.a: $(PV_KERNEL_OBJECTS)
	$(call say,AR,$@)rm -f $@ && ar rcsD $@ $^

# A guest is its objects and the library; start.o is named so that the linker takes it.
GUEST_LINK = $(CC) $(GUEST_LDFLAGS) -o $@ $(BUILD)/dom0/pv-kernel/start.o $(filter %.o,$(filter-out \
    $(BUILD)/dom0/pv-kernel/start.o,$^)) $(BUILD)/dom0/libpvkernel.a

$(BUILD)/dom0/hello/hello.o: dom0/hello/hello.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/dom0/hello.elf: $(BUILD)/dom0/hello/hello.o $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(GUEST_LINK)


# dom0: everything that runs in the image, against newlib.
DOM0_INCLUDES = -nostdinc -isystem $(NEWLIB)/include -isystem $(shell $(CC) -print-file-name=include)
DOM0_CFLAGS = $(GUEST_CFLAGS) -Itools $(DOM0_INCLUDES) -isystem $(LIBRARIES)/include -isystem $(LWIP)/include -isystem $(EXT)/include -Idom0/network/stack/include -D__DYNAMIC_REENT__ -D_GNU_SOURCE \
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix

SPLIT_DRIVER_SOURCES := $(wildcard split-drivers/handshake/*.c split-drivers/block/back/*.c \
    split-drivers/net/back/*.c)
VMCTL_DOM0_SOURCES := $(filter-out tools/vmctl/platform/linux%.c tools/vmctl/main.c, \
    $(shell find tools/vmctl -name '*.c' ! -path '*/linux/*'))
# A guest's way to the store, which dom0 has in itself.
GUEST_STORE := dom0/xenstore/ring-client.c
DOM0_SOURCES := dom0/main.c $(wildcard dom0/tasks/*.c dom0/libc/*.c dom0/devices/*.c dom0/storage/*.c dom0/network/*.c \
    $(filter-out $(GUEST_STORE),$(wildcard dom0/xenstore/*.c)) dom0/consoles/*.c dom0/shell/*.c) \
    $(SPLIT_DRIVER_SOURCES) $(VMCTL_DOM0_SOURCES)
DOM0_OBJECTS := $(patsubst %.c,$(BUILD)/dom0/image/%.o,$(DOM0_SOURCES)) \
    $(BUILD)/dom0/image/dom0/tasks/switch.o

$(BUILD)/dom0/image/%.o: %.c $(NEWLIB_STAMP) $(LIBRARIES_STAMP) $(LWIP_LINK) $(EXT_LINK)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(DOM0_CFLAGS) -c -o $@ $<

# Tools and commands never run in a handler and may compute with floating point.
$(BUILD)/dom0/image/tools/%.o $(BUILD)/dom0/image/dom0/shell/%.o: \
    DOM0_CFLAGS := $(filter-out -mgeneral-regs-only,$(DOM0_CFLAGS))

$(BUILD)/dom0/image/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/dom0/dom0.elf: $(DOM0_OBJECTS) $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(CC) $(GUEST_LDFLAGS) -o $@ $(BUILD)/dom0/pv-kernel/start.o $(DOM0_OBJECTS) \
	    -L$(LIBRARIES)/lib -Wl,--start-group $(NEWLIB)/lib/libc.a \
	    -lz -llzma -lzstd -llz4 -lbz2 -llzo2 $(LWIP_STAMP) $(EXT_STAMP) $(BUILD)/dom0/libpvkernel.a -Wl,--end-group

$(BUILD)/dom0/%.gz: $(BUILD)/dom0/%.elf
	$(call say,GZIP,$@)gzip -9nc $< > $@

ALL += $(BUILD)/dom0/hello.gz

# The demo guest and dom0's initrd.
DEMO := $(BUILD)/demo

$(DEMO)/pristine.img: tools/make-demo
	$(call say,DEMO,$@)tools/make-demo $(DEMO) $(CACHE)

# For guests with kernels of their own: Debian's pvgrub.
PVGRUB := /usr/lib/grub-xen/grub-x86_64-xen.bin

$(BUILD)/dom0/initrd.cpio: $(DEMO)/pristine.img
	@mkdir -p $(@D)
	@test -f $(PVGRUB) || { echo "$(PVGRUB) is missing: make deps installs grub-xen-host" >&2; exit 1; }
	$(call say,GZIP,$(DEMO)/root0/boot/pvgrub.gz)gzip -9n < $(PVGRUB) > $(DEMO)/root0/boot/pvgrub.gz
	$(call say,CPIO,$@)cd $(DEMO)/root0 && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 > $(abspath $@)

ALL += $(BUILD)/dom0/dom0.gz $(BUILD)/dom0/initrd.cpio

.PHONY: deps run run-machine
deps:
	@tools/deps

# One make first installs, a second one builds: what is there decides what the rules see.
run-machine: deps
	+@$(MAKE) all
	@tools/run; echo $$? > $(BUILD)/run.status

# make's status becomes the machine's (tools/make_status.c); with -n nothing has run.
run: run-machine
	@$(if $(findstring n,$(firstword -$(MAKEFLAGS))),,$(eval load $(BUILD)/tools/make_status.so)$(make-status $(file <$(BUILD)/run.status))):

include dom0/dist.mk

.PHONY: bench
bench: deps
	+@$(MAKE) all
	@tools/bench

include tests/guest.mk

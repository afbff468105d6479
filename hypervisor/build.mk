# The hypervisor: build/hypervisor/paravane (ELF with symbols) and paravane.gz (for GRUB).
HV_DIRS := lib machine memory domain guest-cpu scheduling events guest-paging shadow-paging grants emulation \
           lifecycle hypercalls entry boot
HV_C    := $(filter-out hypervisor/entry/asm-offsets.c,$(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.c)))
HV_S    := $(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.S))
HV_S    := $(filter-out %.lds.S,$(HV_S))
HV_OUT  := $(BUILD)/hypervisor
HV_OBJ  := $(patsubst hypervisor/%.c,$(HV_OUT)/%.o,$(HV_C)) $(patsubst hypervisor/%.S,$(HV_OUT)/%.o,$(HV_S))
$(HV_OBJ): hypervisor/build.mk
HV_REVISION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

HV_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
             -Ihypervisor -I. -I$(HV_OUT) -fpie -fvisibility=hidden -include hypervisor/lib/hidden.h -mno-red-zone -mgeneral-regs-only \
             -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing \
             -fno-common -fwrapv -Wno-pointer-arith -MMD -MP

$(HV_OUT)/%.o: hypervisor/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HV_CFLAGS) -c -o $@ $<

$(HV_OUT)/hypercalls/information.o: HV_CFLAGS += -DBUILD_REVISION='"$(HV_REVISION)"'
$(HV_OUT)/boot/main.o: HV_CFLAGS += -DBUILD_REVISION='"$(HV_REVISION)"'

$(HV_OUT)/%.o: hypervisor/%.S $(HV_OUT)/asm-offsets.h
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(filter-out -std=gnu11 -include hypervisor/lib/hidden.h,$(HV_CFLAGS)) -c -o $@ $<

$(HV_OUT)/asm-offsets.h: hypervisor/entry/asm-offsets.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(filter-out -g,$(HV_CFLAGS)) -MF $(HV_OUT)/asm-offsets.d -MT $@ -S -o $(HV_OUT)/asm-offsets.s $<
	@sed -n 's/^.*->\([A-Z0-9_]*\) \$$*\([0-9-]*\)".*/#define \1 \2/p' $(HV_OUT)/asm-offsets.s > $@

$(HV_OUT)/link.lds: hypervisor/boot/link.lds.S hypervisor/address-map.h
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -E -P -x c -Ihypervisor -o $@ $<

# The screen's font, public domain, from Debian's collection.
CONSOLE_FONTS := $(CACHE)/console-setup-linux/usr/share/consolefonts

$(CONSOLE_FONTS)/Lat15-Fixed16.psf.gz:
	$(if $(filter 1,$(V)),,@)tools/fetch-deb console-setup-linux $(CACHE)/console-setup-linux

$(HV_OUT)/font.psf: $(CONSOLE_FONTS)/Lat15-Fixed16.psf.gz
	@mkdir -p $(@D)
	$(call say,GUNZIP,$@)gzip -dc $< > $@

$(HV_OUT)/machine/font.o: $(HV_OUT)/font.psf
$(HV_OUT)/machine/font.o: HV_CFLAGS += -DFONT_FILE='"$(HV_OUT)/font.psf"'

# Linked twice: the table of symbols comes from the first image and lies behind all code.
HV_LINK = ld -nostdlib -static -no-pie -z max-page-size=4096 -z noexecstack --build-id=none -T $(HV_OUT)/link.lds

$(HV_OUT)/paravane: $(HV_OBJ) $(HV_OUT)/link.lds hypervisor/symbols.awk
	$(call say,LD,$@)awk -f hypervisor/symbols.awk < /dev/null > $(HV_OUT)/symbols.s
	@$(CC) -c -o $(HV_OUT)/symbols.o $(HV_OUT)/symbols.s
	@$(HV_LINK) -o $(HV_OUT)/paravane.1 $(HV_OBJ) $(HV_OUT)/symbols.o
	@nm -n $(HV_OUT)/paravane.1 | awk -f hypervisor/symbols.awk > $(HV_OUT)/symbols.s
	@$(CC) -c -o $(HV_OUT)/symbols.o $(HV_OUT)/symbols.s
	@$(HV_LINK) -o $@ $(HV_OBJ) $(HV_OUT)/symbols.o

$(HV_OUT)/paravane.gz: $(HV_OUT)/paravane
	$(call say,GZIP,$@)objcopy --strip-debug $< $(HV_OUT)/paravane.stripped && \
	    gzip -9nc $(HV_OUT)/paravane.stripped > $@

ALL += $(HV_OUT)/paravane.gz

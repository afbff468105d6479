# tools: xenstored and vmctl as Linux programs.
XENSTORE_CORE := $(addprefix dom0/xenstore/,access.c connection.c control.c domain.c node.c path.c \
    permissions.c requests.c store.c string-table.c transaction.c watch.c wire.c)

TOOLS_CFLAGS := $(HOST_CFLAGS) -D_GNU_SOURCE -Idom0 -Itools

$(BUILD)/tools/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(TOOLS_CFLAGS) -c -o $@ $<

XENSTORED_SOURCES := tools/xenstored/main.c $(XENSTORE_CORE)

$(BUILD)/tools/xenstored: $(XENSTORED_SOURCES:%.c=$(BUILD)/tools/obj/%.o)
	$(call say,LD,$@)$(CC) -o $@ $^

# The sources vmctl is made of everywhere; dom0 links the same with platform/dom0.c.
VMCTL_COMMON := $(wildcard tools/vmctl/*.c tools/vmctl/config/*.c tools/vmctl/image/*.c \
    tools/vmctl/builder/*.c tools/vmctl/domain/*.c tools/vmctl/commands/*.c)
VMCTL_SOURCES := $(VMCTL_COMMON) $(wildcard tools/vmctl/platform/linux/*.c) \
    dom0/xenstore/client.c dom0/xenstore/wire.c dom0/libc/terminal-text.c
VMCTL_LIBRARIES := -lz -llzma -lzstd -llz4 -lbz2 -llzo2

$(BUILD)/tools/vmctl: $(VMCTL_SOURCES:%.c=$(BUILD)/tools/obj/%.o)
	$(call say,LD,$@)$(CC) -static -o $@ $^ $(VMCTL_LIBRARIES)

ALL += $(BUILD)/tools/xenstored $(BUILD)/tools/vmctl

# What lets make end with the status of the machine that it ran.
$(BUILD)/tools/make_status.so: tools/make_status.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HOST_CFLAGS) -fPIC -shared -o $@ $<

ALL += $(BUILD)/tools/make_status.so

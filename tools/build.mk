# tools: xenstored and vmctl as Linux programs.
XENSTORE_CORE := $(addprefix dom0/xenstore/,access.c connection.c control.c domain.c node.c path.c \
    permissions.c requests.c store.c string-table.c transaction.c watch.c wire.c)

TOOLS_CFLAGS := $(HOST_CFLAGS) -D_GNU_SOURCE -Idom0 -Itools

$(BUILD)/tools/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(TOOLS_CFLAGS) -c -o $@ $<

XENSTORED_SOURCES := tools/xenstored/main.c $(XENSTORE_CORE)

$(BUILD)/tools/xenstored: $(XENSTORED_SOURCES:%.c=$(BUILD)/tools/obj/%.o)
	$(CC) -o $@ $^

ALL += $(BUILD)/tools/xenstored

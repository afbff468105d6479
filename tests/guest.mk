# The test guests: tests/guest/NAME.c with the frame and pv-kernel.
GUEST_TEST_NAMES := $(filter-out guest-test,$(patsubst tests/guest/%.c,%,$(wildcard tests/guest/*.c)))
GUEST_TESTS := $(GUEST_TEST_NAMES:%=$(BUILD)/tests/guest/%.gz)

$(BUILD)/tests/guest/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_CFLAGS) -Itests/guest -c -o $@ $<

$(BUILD)/tests/guest/%.elf: $(BUILD)/tests/guest/%.o $(BUILD)/tests/guest/guest-test.o \
    $(BUILD)/dom0/libpvkernel.a dom0/pv-kernel/link.lds
	$(call say,LD,$@)$(GUEST_LINK)

$(BUILD)/tests/guest/%.gz: $(BUILD)/tests/guest/%.elf
	$(call say,GZIP,$@)gzip -9nc $< > $@

.PRECIOUS: $(BUILD)/tests/guest/%.o $(BUILD)/tests/guest/%.elf
.PHONY: guest-tests
guest-tests: $(GUEST_TESTS)
ALL += $(GUEST_TESTS)

# The ABI has no code of its own; its layouts are compared with Xen's headers (libxen-dev) in a
# unit test, for which layout-checks.c is compiled once more with those headers.
$(BUILD)/tests/unit/abi-layout: $(BUILD)/hypercall-abi/layout-of-xen.o
$(BUILD)/hypercall-abi/layout-of-xen.o: hypercall-abi/layout-checks.c hypercall-abi/layout.def
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 -O1 -g $(SANITIZE) -I. -DXEN_HEADERS -c -o $@ $<

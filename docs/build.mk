# docs: the example kernel of docs/porting-a-kernel.md, with its config.  It stands alone:
# hypercall-abi/ is all of the tree that it may include.
TINY := $(BUILD)/docs/tiny
TINY_OBJECTS := $(TINY).obj/start.o $(TINY).obj/tiny.o

$(TINY).obj/%.o: docs/examples/tiny/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(filter-out -Idom0,$(KERNEL_CFLAGS)) -c -o $@ $<

$(TINY).obj/%.o: docs/examples/tiny/%.S
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(filter-out -Idom0,$(KERNEL_CFLAGS)) -c -o $@ $<

$(TINY)/tiny.elf: $(TINY_OBJECTS) docs/examples/tiny/link.lds
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -nostdlib -static -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
	    -Wl,-z,max-page-size=4096,-T,docs/examples/tiny/link.lds -o $@ $(TINY_OBJECTS)

$(TINY)/tiny.cfg: docs/examples/tiny/tiny.cfg
	@mkdir -p $(@D)
	$(call say,CP,$@)cp $< $@

ALL += $(TINY)/tiny.elf $(TINY)/tiny.cfg

# What is installed on a real machine: the ISO (BIOS and UEFI, CD or USB stick), or files under
# DESTDIR with a GRUB menu entry (make install DESTDIR=/; then update-grub).  Nothing of it starts
# a guest by itself, and nothing of it depends on a run's settings.
DIST_FILES := $(BUILD)/hypervisor/paravane.gz $(BUILD)/dom0/dom0.gz $(BUILD)/dom0/initrd.cpio
DIST_WORDS := console=com1,vga com1=115200,8n1 dom0_mem=384M,max:384M

$(BUILD)/paravane.iso: tools/make-iso dom0/dist.mk $(DIST_FILES)
	$(call say,ISO,$@)tools/make-iso $@ --hypervisor $(BUILD)/hypervisor/paravane.gz --dom0 $(BUILD)/dom0/dom0.gz \
	    --initrd $(BUILD)/dom0/initrd.cpio --timeout 5 --entry Paravane '$(DIST_WORDS)' '' \
	    --entry 'Paravane, safe: no SMAP, every message' '$(DIST_WORDS) smap=0 loglvl=all noreboot' ''

ALL += $(BUILD)/paravane.iso

.PHONY: dist install
dist: $(BUILD)/paravane.iso
	$(call say,CP,$(BUILD)/dist/paravane.iso)mkdir -p $(BUILD)/dist && cp $(BUILD)/paravane.iso $(BUILD)/dist/ && \
	    rm -rf $(BUILD)/dist/root
	+@$(MAKE) install DESTDIR=$(abspath $(BUILD)/dist/root)
	$(call say,TAR,$(BUILD)/dist/paravane-files.tar.gz)tar -C $(BUILD)/dist/root --owner=0 --group=0 --sort=name -czf \
	    $(BUILD)/dist/paravane-files.tar.gz . && rm -rf $(BUILD)/dist/root
	@ls -l $(BUILD)/dist

install: $(DIST_FILES)
	$(call say,INSTALL,$(DESTDIR)/boot/paravane)install -d $(DESTDIR)/boot/paravane $(DESTDIR)/etc/grub.d && \
	    install -m 644 $(DIST_FILES) $(DESTDIR)/boot/paravane/
	$(call say,INSTALL,$(DESTDIR)/etc/grub.d/25_paravane)install -m 755 tools/grub-entry $(DESTDIR)/etc/grub.d/25_paravane

# What is installed on a real machine: the ISO (BIOS and UEFI, CD or USB stick), or files under
# DESTDIR with a GRUB menu entry (make install DESTDIR=/; then update-grub).
DIST_FILES := $(BUILD)/hypervisor/paravane.gz $(BUILD)/dom0/dom0.gz $(BUILD)/dom0/initrd.cpio

.PHONY: dist install
dist: $(BUILD)/paravane.iso
	mkdir -p $(BUILD)/dist
	cp $(BUILD)/paravane.iso $(BUILD)/dist/
	rm -rf $(BUILD)/dist/root
	+$(MAKE) install DESTDIR=$(abspath $(BUILD)/dist/root)
	tar -C $(BUILD)/dist/root --owner=0 --group=0 --sort=name -czf $(BUILD)/dist/paravane-files.tar.gz .
	rm -rf $(BUILD)/dist/root
	@ls -l $(BUILD)/dist

install: $(DIST_FILES)
	install -d $(DESTDIR)/boot/paravane $(DESTDIR)/etc/grub.d
	install -m 644 $(DIST_FILES) $(DESTDIR)/boot/paravane/
	install -m 755 tools/grub-entry $(DESTDIR)/etc/grub.d/25_paravane

/*
 * PCI: the machine's devices, of all segments.
 */
#ifndef DEVICES_PCI_H
#define DEVICES_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_BARS 6

struct pci_device {
    uint16_t segment;
    uint8_t bus, slot, function;
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t class_code, subclass, interface, revision;
    uint8_t header_type;
    uint8_t interrupt_pin, interrupt_line;
    uint64_t bar[PCI_BARS]; /* address, 0: none */
    bool bar_is_io[PCI_BARS];
    const char *driver; /* name of the driver bound, or NULL */
    uint8_t *config;    /* its registers in memory (pci-config.h), or NULL: by ports */
    struct pci_device *next;
};

struct pci_device *pci_devices_first(void);

/*
 * 1, 2 or 4 bytes of its registers, at a multiple of that.  What cannot be reached (from 4096 on;
 * of a device without `config` from 256 on) reads as ones, and writes there are dropped.
 */
uint32_t pci_read(const struct pci_device *device, unsigned int offset, unsigned int bytes);
void pci_write(const struct pci_device *device, unsigned int offset, unsigned int bytes,
               uint32_t value);
/* Offset of the capability `id` after `from` (0: from the start); 0: none. */
unsigned int pci_find_capability(const struct pci_device *device, uint8_t id, unsigned int from);
/* Enables memory decoding and bus mastering. */
void pci_enable(struct pci_device *device);
/* Takes bus mastering away: the device cannot touch memory any more. */
void pci_disable(struct pci_device *device);
/* Maps BAR `bar`; *va points at its first byte. */
int pci_map_bar(const struct pci_device *device, unsigned int bar, void **va);
/*
 * Binds MSI-X vector `entry` to an event port: the hypervisor programs table and capability.
 * -ENODEV: the device has no MSI-X.
 */
int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port);
/*
 * A device's only message (MSI), for those without MSI-X, as an interrupt of the hypervisor's; see
 * pci_bind_msi.  -ENODEV: it has none, or is of another segment than 0.
 */
int pci_map_msi(const struct pci_device *device, uint32_t *pirq);

void pci_start(void);

#endif

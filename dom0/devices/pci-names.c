/*
 * Class codes: PCI Code and ID Assignment Specification 1.11, section 1.
 */
#include "devices/pci-names.h"
#include <stdio.h>
#include <string.h>

#define SEGMENT_LETTERS 5 /* 0000: */

const char *pci_class_name(const struct pci_device *d)
{
    static const struct {
        uint8_t class_code, subclass;
        const char *name;
    } names[] = { { 1, 0, "SCSI storage controller" },
                  { 1, 1, "IDE interface" },
                  { 1, 6, "SATA controller" },
                  { 1, 8, "Non-volatile memory controller" },
                  { 2, 0, "Ethernet controller" },
                  { 3, 0, "VGA compatible controller" },
                  { 4, 3, "Audio device" },
                  { 6, 0, "Host bridge" },
                  { 6, 1, "ISA bridge" },
                  { 6, 4, "PCI bridge" },
                  { 6, 0x80, "Bridge" },
                  { 0xc, 3, "USB controller" },
                  { 0xc, 5, "SMBus" } };

    for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].class_code == d->class_code && names[i].subclass == d->subclass)
            return names[i].name;
    return "Unclassified device";
}

void pci_place(const struct pci_device *d, char place[PCI_PLACE_BYTES])
{
    snprintf(place, PCI_PLACE_BYTES, "%04x:%02x:%02x.%x", d->segment, d->bus, d->slot, d->function);
}

static bool one_segment(void)
{
    for (const struct pci_device *d = pci_devices_first(); d; d = d->next)
        if (d->segment)
            return false;
    return true;
}

void pci_short_place(const struct pci_device *d, char place[PCI_PLACE_BYTES])
{
    pci_place(d, place);
    if (one_segment())
        memmove(place, place + SEGMENT_LETTERS, strlen(place + SEGMENT_LETTERS) + 1);
}

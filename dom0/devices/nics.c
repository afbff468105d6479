/*
 * Network cards, in the order of their PCI places, whatever drives them: so a card's name depends
 * on its place alone, and what goes wrong with one never renames another.
 */
#include "devices/nics.h"
#include "devices/intel-nic.h"
#include "devices/net-device.h"
#include "devices/pci-names.h"
#include "devices/virtio-net.h"
#include <stdio.h>
#include <string.h>

static const struct {
    bool (*is)(const struct pci_device *pci);
    int (*start)(struct pci_device *pci);
} drivers[] = {
    { virtio_net_is, virtio_net_start },
    { intel_nic_is, intel_nic_start },
};

static void nic_start(struct pci_device *pci, int (*start)(struct pci_device *pci))
{
    int error = start(pci);
    char place[PCI_PLACE_BYTES];

    if (!error)
        return;
    pci_short_place(pci, place);
    printf("eth%u: network card %s does not start: %s\n", net_device_skip(), place,
           strerror(-error));
}

void nics_start(void)
{
    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next)
        for (unsigned int i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
            if (drivers[i].is(pci))
                nic_start(pci, drivers[i].start);
}

/*
 * PCI: enumeration, BARs, capabilities, MSI-X.  Segment 0 is gone through from its roots on
 * (pci-roots.h); in others each bus is looked at whose registers can be reached (pci-config.h), for
 * nothing says which of them are roots.
 *
 * Every function found is reported to the hypervisor, which from then on may program its MSI-X
 * table for us: the table and its entries are never written from here.
 */
#include "devices/pci.h"
#include "devices/pci-config.h"
#include "devices/pci-roots.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/print.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"
#include <stdlib.h>

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4
#define PCI_STATUS         0x06
#define PCI_STATUS_CAPS    0x10
#define PCI_CAPABILITIES   0x34
#define PCI_CAP_MSI        0x05
#define PCI_CAP_MSIX       0x11
#define PCI_HEADER_TYPE    0x0e
#define BAR_IO             1U
#define BAR_TYPE           6U
#define BAR_64             4U
#define MSI_ENABLE         0x0001U
#define MSIX_ENABLE        0x8000U
#define MSIX_MASK_ALL      0x4000U

#define PCI_HEADER_FUNCTIONS 0x80U /* there may be more than the first */

struct segment {
    uint16_t number;
    uint64_t seen[4]; /* a bit a bus: a broken bridge must not make us go round */
};

static struct pci_device *first_device, **last_device = &first_device;

struct pci_device *pci_devices_first(void)
{
    return first_device;
}

unsigned int pci_find_capability(const struct pci_device *d, uint8_t id, unsigned int from)
{
    unsigned int at;

    if (!(pci_read(d, PCI_STATUS, 2) & PCI_STATUS_CAPS))
        return 0;
    at = pci_read(d, from ? from + 1 : PCI_CAPABILITIES, 1) & 0xfc;
    for (int hops = 0; at && hops < 48; hops++) {
        if (pci_read(d, at, 1) == id)
            return at;
        at = pci_read(d, at + 1, 1) & 0xfc;
    }
    return 0;
}

/* Notes where one BAR leads; returns how many of them it takes (a 64-bit one takes two). */
static int bar_read(struct pci_device *d, int index)
{
    unsigned int offset = 0x10 + 4 * (unsigned int)index;
    uint32_t low = pci_read(d, offset, 4);

    d->bar_is_io[index] = low & BAR_IO;
    d->bar[index] = low & ~(low & BAR_IO ? 3U : 15U);
    if (low & BAR_IO || (low & BAR_TYPE) != BAR_64 || index == PCI_BARS - 1)
        return 1;
    d->bar[index] |= (uint64_t)pci_read(d, offset + 4, 4) << 32;
    return 2;
}

static void bars_read(struct pci_device *d)
{
    int bars = (d->header_type & 0x7f) == 0 ? PCI_BARS : 2;

    for (int i = 0; i < bars;)
        i += bar_read(d, i);
}

/*
 * The bytes of a BAR in memory, by writing ones.  While it holds them the device must not answer
 * there, so its decoding is off; that is done to devices that a driver has claimed only: others
 * are in use, by firmware or by the screen.
 */
static uint64_t bar_size(const struct pci_device *d, unsigned int index)
{
    uint32_t command = pci_read(d, PCI_COMMAND, 2), high_mask = ~0U, low_mask;
    unsigned int offset = 0x10 + 4 * index;
    bool is_64 = (pci_read(d, offset, 4) & BAR_TYPE) == BAR_64 && index < PCI_BARS - 1;

    pci_write(d, PCI_COMMAND, 2, command & ~3U);
    pci_write(d, offset, 4, ~0U);
    low_mask = pci_read(d, offset, 4) & ~15U;
    pci_write(d, offset, 4, (uint32_t)d->bar[index]);
    if (is_64) {
        pci_write(d, offset + 4, 4, ~0U);
        high_mask = pci_read(d, offset + 4, 4);
        pci_write(d, offset + 4, 4, (uint32_t)(d->bar[index] >> 32));
    }
    pci_write(d, PCI_COMMAND, 2, command);
    return ~((uint64_t)high_mask << 32 | low_mask) + 1;
}

static void report_to_hypervisor(const struct pci_device *d)
{
    uint64_t room[4] = { 0 }; /* the structure ends in an optional array */
    struct physdev_pci_device_add *add = (struct physdev_pci_device_add *)room;

    add->seg = d->segment;
    add->bus = d->bus;
    add->devfn = (uint8_t)(d->slot << 3 | d->function);
    /* The older call knows no segments. */
    if (hypercall_physdev_op(PHYSDEVOP_pci_device_add, HYPERCALL_ARG(add)) && !d->segment) {
        struct physdev_manage_pci old = { .bus = add->bus, .devfn = add->devfn };

        hypercall_physdev_op(PHYSDEVOP_manage_pci_add, HYPERCALL_ARG(&old));
    }
}

static void bus_scan(struct segment *segment, uint8_t bus);

static void function_found(struct segment *segment, struct pci_device *probe)
{
    struct pci_device *d = calloc(1, sizeof(*d));
    uint32_t class;

    if (!d) {
        pci_config_close(probe);
        return;
    }
    *d = *probe;
    d->vendor = (uint16_t)pci_read(d, 0, 2);
    d->device = (uint16_t)pci_read(d, 2, 2);
    class = pci_read(d, 8, 4);
    d->revision = (uint8_t) class;
    d->interface = (uint8_t)(class >> 8);
    d->subclass = (uint8_t)(class >> 16);
    d->class_code = (uint8_t)(class >> 24);
    d->header_type = (uint8_t)pci_read(d, PCI_HEADER_TYPE, 1);
    d->subsystem_vendor = (uint16_t)pci_read(d, 0x2c, 2);
    d->subsystem = (uint16_t)pci_read(d, 0x2e, 2);
    d->interrupt_line = (uint8_t)pci_read(d, 0x3c, 1);
    d->interrupt_pin = (uint8_t)pci_read(d, 0x3d, 1);
    bars_read(d);
    *last_device = d;
    last_device = &d->next;
    report_to_hypervisor(d);
    if (d->class_code == 6 && d->subclass == 4)
        bus_scan(segment, (uint8_t)pci_read(d, 0x19, 1));
}

static void slot_scan(struct segment *segment, uint8_t bus, uint8_t slot)
{
    uint8_t functions = 1;

    for (uint8_t function = 0; function < functions; function++) {
        struct pci_device probe = {
            .segment = segment->number, .bus = bus, .slot = slot, .function = function
        };

        if (!pci_config_open(&probe))
            continue;
        if (!function && pci_read(&probe, PCI_HEADER_TYPE, 1) & PCI_HEADER_FUNCTIONS)
            functions = 8;
        function_found(segment, &probe);
    }
}

static void bus_scan(struct segment *segment, uint8_t bus)
{
    if (segment->seen[bus / 64] & (1ULL << (bus % 64)))
        return;
    segment->seen[bus / 64] |= 1ULL << (bus % 64);
    for (uint8_t slot = 0; slot < 32; slot++)
        slot_scan(segment, bus, slot);
}

static void first_segment_scan(void)
{
    struct segment first = { .number = 0 };
    struct pci_roots roots;

    pci_roots_find(&roots);
    for (unsigned int bus = 0; bus < 256; bus++)
        if (pci_is_root(&roots, bus))
            bus_scan(&first, (uint8_t)bus);
}

static void other_segments_scan(void)
{
    struct segment segment = { .number = 0 };
    const struct pci_window *window;

    for (unsigned int n = 0; (window = pci_window(n)); n++) {
        if (window->segment != segment.number)
            segment = (struct segment){ .number = window->segment };
        for (unsigned int bus = window->first_bus; segment.number && bus <= window->last_bus; bus++)
            bus_scan(&segment, (uint8_t)bus);
    }
}

void pci_start(void)
{
    pci_config_start();
    first_segment_scan();
    other_segments_scan();
}

void pci_enable(struct pci_device *d)
{
    pci_write(d, PCI_COMMAND, 2,
              pci_read(d, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void pci_disable(struct pci_device *d)
{
    pci_write(d, PCI_COMMAND, 2, pci_read(d, PCI_COMMAND, 2) & ~(uint32_t)PCI_COMMAND_MASTER);
}

int pci_map_bar(const struct pci_device *d, unsigned int bar, void **va)
{
    if (bar >= PCI_BARS || !d->bar[bar] || d->bar_is_io[bar])
        return -XEN_ENODEV;
    return device_memory_map(d->bar[bar], bar_size(d, bar), va);
}

/* What the hypervisor is to be told of a message; with no table it is MSI. */
static struct physdev_map_pirq message_of(const struct pci_device *d, unsigned int entry)
{
    return (struct physdev_map_pirq){ .domid = DOMID_SELF,
                                      .type = MAP_PIRQ_TYPE_MSI_SEG,
                                      .index = -1,
                                      .pirq = -1,
                                      .bus = (int32_t)((uint32_t)d->segment << 16 | d->bus),
                                      .devfn = d->slot << 3 | d->function,
                                      .entry_nr = (int32_t)entry };
}

int pci_map_msi(const struct pci_device *d, uint32_t *pirq)
{
    unsigned int cap = pci_find_capability(d, PCI_CAP_MSI, 0);
    struct physdev_map_pirq map = message_of(d, 0);
    int error;

    if (d->segment || !cap)
        return -XEN_ENODEV;
    error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, HYPERCALL_ARG(&map));
    if (error)
        return error;
    *pirq = (uint32_t)map.pirq;
    pci_write(d, cap + 2, 2, pci_read(d, cap + 2, 2) | MSI_ENABLE); /* Xen leaves that to us */
    return 0;
}

int pci_bind_msix(struct pci_device *d, unsigned int entry, uint32_t *port)
{
    unsigned int cap = pci_find_capability(d, PCI_CAP_MSIX, 0);
    struct physdev_map_pirq map = message_of(d, entry);
    uint32_t table, control;
    int error;

    if (!cap)
        return -XEN_ENODEV;
    /* On, but every vector masked until the table says where it goes. */
    control = pci_read(d, cap + 2, 2) | MSIX_ENABLE;
    pci_write(d, cap + 2, 2, control | MSIX_MASK_ALL);
    table = pci_read(d, cap + 4, 4);
    if ((table & 7) >= PCI_BARS)
        return -XEN_EINVAL;
    if (!d->bar[table & 7] || d->bar_is_io[table & 7])
        return -XEN_ENODEV; /* the firmware gave it no place */
    map.table_base = d->bar[table & 7] + (table & ~7U);
    error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, HYPERCALL_ARG(&map));
    if (error)
        return error;
    error = event_port_bind_pirq((uint32_t)map.pirq, false, port);
    if (!error)
        pci_write(d, cap + 2, 2, control & ~MSIX_MASK_ALL);
    return error;
}

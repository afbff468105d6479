/*
 * Two ways to a function's registers: mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2), a pair of ports;
 * and memory (PCI Express Base 2.0, 7.2.2), whose place ACPI's table MCFG names (PCI Firmware 3.2,
 * 4.1.2).
 *
 * Firmware has had that table wrong, so nothing there is believed before it has been looked at:
 * what can be told apart from the table alone is left out when it is read, the hypervisor refuses
 * what lies in RAM, and a function of segment 0 must show the same first word both ways.
 *
 * A page is mapped for each function that is there, as it is found: a whole bus would take 256.
 */
#include "devices/pci-config.h"
#include "devices/acpi-tables.h"
#include "devices/io-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define PORTS_BYTES    256u
#define MEMORY_BYTES   4096u

#define MCFG_ENTRIES     44u /* the header, and eight bytes reserved */
#define MCFG_ENTRY_BYTES 16u
#define WINDOWS_MAX      256u
#define BUS_BYTES        (1ULL << 20)
#define ADDRESSES_END    (1ULL << 52) /* of the architecture */

static struct pci_window windows[WINDOWS_MAX];
static unsigned int windows_count;

static void say(const struct pci_window *w, const char *what)
{
    printf("PCI: segment %04x, buses %02x to %02x: registers in memory at %llx: %s\n", w->segment,
           w->first_bus, w->last_bus, (unsigned long long)w->base, what);
}

static void refuse(struct pci_window *w, const char *why)
{
    w->refused = true;
    say(w, why);
}

static bool overlap(uint64_t first, uint64_t last, uint64_t other_first, uint64_t other_last)
{
    return first <= other_last && other_first <= last;
}

static bool overlap_in_memory(const struct pci_window *a, const struct pci_window *b)
{
    return overlap(a->base / BUS_BYTES + a->first_bus, a->base / BUS_BYTES + a->last_bus,
                   b->base / BUS_BYTES + b->first_bus, b->base / BUS_BYTES + b->last_bus);
}

/* What is wrong with a window as the table has it, or NULL. */
static const char *fault_of(const struct pci_window *w)
{
    if (!w->base || w->base % BUS_BYTES || w->base >= ADDRESSES_END - 256 * BUS_BYTES)
        return "not used, that is no place for them";
    if (w->last_bus < w->first_bus)
        return "not used, no such buses";
    for (unsigned int i = 0; i < windows_count; i++) {
        if (windows[i].segment == w->segment &&
            overlap(w->first_bus, w->last_bus, windows[i].first_bus, windows[i].last_bus))
            return "not used, another has such a bus";
        if (overlap_in_memory(w, &windows[i]))
            return "not used, another lies there";
    }
    return NULL;
}

static bool comes_before(const struct pci_window *a, const struct pci_window *b)
{
    return a->segment < b->segment || (a->segment == b->segment && a->first_bus < b->first_bus);
}

static void window_add(const uint8_t *entry)
{
    struct pci_window w = { .first_bus = entry[10], .last_bus = entry[11] };
    unsigned int at = windows_count;
    const char *fault;

    memcpy(&w.base, entry, sizeof(w.base));
    memcpy(&w.segment, entry + 8, sizeof(w.segment));
    fault = fault_of(&w);
    if (fault) {
        refuse(&w, fault);
        return;
    }
    for (; at && comes_before(&w, &windows[at - 1]); at--)
        windows[at] = windows[at - 1];
    windows[at] = w;
    windows_count++;
}

void pci_config_start(void)
{
    uint32_t length = 0, entries;
    uint8_t *mcfg = acpi_table_copy("MCFG", 0, &length);

    windows_count = 0;
    entries = mcfg && length > MCFG_ENTRIES ? (length - MCFG_ENTRIES) / MCFG_ENTRY_BYTES : 0;
    if (entries > WINDOWS_MAX)
        printf("PCI: the firmware's table MCFG has more than %u entries: not looked at\n",
               WINDOWS_MAX);
    for (uint32_t i = 0; i < entries && i < WINDOWS_MAX; i++)
        window_add(mcfg + MCFG_ENTRIES + i * MCFG_ENTRY_BYTES);
    free(mcfg);
}

const struct pci_window *pci_window(unsigned int n)
{
    return n < windows_count ? &windows[n] : NULL;
}

static struct pci_window *window_of(const struct pci_device *d)
{
    for (unsigned int i = 0; i < windows_count; i++)
        if (windows[i].segment == d->segment && d->bus >= windows[i].first_bus &&
            d->bus <= windows[i].last_bus && !windows[i].refused)
            return &windows[i];
    return NULL;
}

static bool function_map(struct pci_device *d, struct pci_window *w)
{
    uint64_t function = (uint64_t)d->bus << 8 | (uint64_t)d->slot << 3 | d->function;
    void *va;
    int error = device_memory_map(w->base + function * MEMORY_BYTES, MEMORY_BYTES, &va);

    if (error && error != -XEN_ENOMEM)
        refuse(w, "not used, no such device memory");
    if (error)
        return false; /* without memory of ours the next function may still have its own */
    d->config = va;
    return true;
}

void pci_config_close(struct pci_device *d)
{
    if (d->config)
        device_memory_unmap(d->config, MEMORY_BYTES);
    d->config = NULL;
}

/* A window has shown a function.  Xen uses it too from then on: for other segments' interrupts it
 * must. */
static void window_is_right(struct pci_window *w)
{
    struct physdev_pci_mmcfg_reserved window = { .address = w->base,
                                                 .segment = w->segment,
                                                 .start_bus = w->first_bus,
                                                 .end_bus = w->last_bus,
                                                 .flags = XEN_PCI_MMCFG_RESERVED };

    if (w->right)
        return;
    w->right = true;
    hypercall_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, HYPERCALL_ARG(&window));
    say(w, "used");
}

/* All ones: nobody has answered; nobody's number is zero, which is what memory shows. */
static bool is_function(uint32_t first_word)
{
    return first_word && (uint16_t)first_word != 0xffff;
}

bool pci_config_open(struct pci_device *d)
{
    struct pci_window *w = window_of(d);
    uint32_t by_ports, in_memory;

    d->config = NULL;
    by_ports = pci_read(d, 0, 4);
    if (!d->segment && !is_function(by_ports))
        return false;
    if (!w || !function_map(d, w))
        return !d->segment;
    in_memory = pci_read(d, 0, 4);
    if (d->segment ? is_function(in_memory) : in_memory == by_ports) {
        window_is_right(w);
        return true;
    }
    pci_config_close(d);
    if (d->segment)
        return false;
    refuse(w, "not used, the ports show other devices");
    return true;
}

/*
 * Memory is read and written by moves from and to register A: AMD's family 10h knows no others
 * there (BIOS and Kernel Developer's Guide 31116, 2.11.1).
 */
static uint32_t memory_read(const uint8_t *at, unsigned int bytes)
{
    uint16_t word;
    uint8_t byte;
    uint32_t value;

    if (bytes == 4) {
        __asm__ volatile("movl %1, %0" : "=a"(value) : "m"(*(const volatile uint32_t *)at));
        return value;
    }
    if (bytes == 2) {
        __asm__ volatile("movw %1, %0" : "=a"(word) : "m"(*(const volatile uint16_t *)at));
        return word;
    }
    __asm__ volatile("movb %1, %0" : "=a"(byte) : "m"(*(const volatile uint8_t *)at));
    return byte;
}

static void memory_write(uint8_t *at, unsigned int bytes, uint32_t value)
{
    if (bytes == 4)
        __asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)at) : "a"(value));
    else if (bytes == 2)
        __asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)at) : "a"((uint16_t)value));
    else
        __asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)at) : "a"((uint8_t)value));
}

static void select_register(const struct pci_device *d, unsigned int offset)
{
    io_port_write32(CONFIG_ADDRESS, 0x80000000U | (uint32_t)d->bus << 16 | (uint32_t)d->slot << 11 |
                                        (uint32_t)d->function << 8 | (offset & 0xfc));
}

/* How much of the function's registers can be reached. */
static unsigned int limit(const struct pci_device *d)
{
    if (d->config)
        return MEMORY_BYTES;
    return d->segment ? 0 : PORTS_BYTES;
}

uint32_t pci_read(const struct pci_device *d, unsigned int offset, unsigned int bytes)
{
    uint32_t value = ~0U;

    if (offset < limit(d) && d->config)
        return memory_read(d->config + offset, bytes);
    if (offset < limit(d)) {
        select_register(d, offset);
        value = io_port_read32(CONFIG_DATA) >> (8 * (offset & 3));
    }
    return bytes == 4 ? value : value & ((1U << (8 * bytes)) - 1);
}

void pci_write(const struct pci_device *d, unsigned int offset, unsigned int bytes, uint32_t value)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));

    if (offset >= limit(d))
        return;
    if (d->config) {
        memory_write(d->config + offset, bytes, value);
        return;
    }
    select_register(d, offset);
    if (bytes == 4)
        io_port_write32(CONFIG_DATA, value);
    else if (bytes == 2)
        io_port_write16(port, (uint16_t)value);
    else
        io_port_write(port, (uint8_t)value);
}

/*
 * A made-up machine of three PCI segments: its configuration space by ports and in memory, what its
 * firmware says about that, and the hypervisor that is told.
 */
#ifndef TESTS_UNIT_FAKE_PCI_H
#define TESTS_UNIT_FAKE_PCI_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "devices/acpi-tables.h"
#include "devices/io-ports.h"
#include "devices/pci-config.h"
#include "devices/pci-names.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/physdev.h"

#define BASE_0     0xe0000000ULL
#define BASE_1     0x380000000000ULL /* of bus 0, which is not one of segment 1's */
#define BASE_2     0x390000000000ULL
#define BRIDGE(to) 0x00c00001u, 0x06040000u, 0x010000u, (to)
#define CARD       0x10d38086u, 0x02000000u, 0u, 0u
#define MULTI      0x800000u /* in the register with the header's type */

/* The devices there are; a register of each behind the first 256 bytes holds its number here. */
static const struct model {
    uint16_t segment;
    uint8_t bus, slot, function;
    uint32_t id, class, header, buses;
} models[] = {
    { 0, 0, 0, 0, CARD },
    { 0, 0, 2, 0, BRIDGE(0x010100) },
    { 0, 1, 0, 0, CARD },
    { 1, 0x10, 0, 0, BRIDGE(0x181810) },
    { 1, 0x10, 5, 0, 0x29228086, 0x01060000, MULTI, 0 },
    { 1, 0x10, 5, 3, CARD },
    { 1, 0x18, 0, 0, BRIDGE(0x101018) }, /* back to where it hangs */
    { 1, 0x18, 1, 0, CARD },
    { 1, 0x1f, 31, 7, CARD }, /* there is no function 0 */
    { 1, 0x1f, 30, 0, CARD },
    { 1, 0x20, 0, 0, CARD }, /* behind the window's end */
    { 2, 0x10, 0, 0, BRIDGE(0x181810) },
    { 2, 0x18, 0, 0, CARD },
};

#define MODELS   (sizeof(models) / sizeof(*models))
#define IN_MSI   7u /* models[IN_MSI] has MSI-X */
#define MSIX_AT  0x40u
#define TABLE_AT 0x2000u

static uint8_t registers[MODELS][4096] __attribute__((aligned(4)));
static uint8_t nothing[4096] __attribute__((aligned(4)));

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void machine_make(void)
{
    memset(registers, 0, sizeof(registers));
    memset(nothing, 0xff, sizeof(nothing));
    for (uint32_t i = 0; i < MODELS; i++) {
        put32(registers[i], models[i].id);
        put32(registers[i] + 8, models[i].class);
        put32(registers[i] + 12, models[i].header);
        put32(registers[i] + 24, models[i].buses);
        put32(registers[i] + 0x100, i);
    }
    put32(registers[IN_MSI] + 4, 0x00100000); /* a list of capabilities */
    registers[IN_MSI][0x34] = MSIX_AT;
    put32(registers[IN_MSI] + MSIX_AT, 0x00030011);
    put32(registers[IN_MSI] + MSIX_AT + 4, TABLE_AT | 1);
    put32(registers[IN_MSI] + 0x14, 0xfeb00000);
}

static uint8_t *registers_of(uint16_t segment, uint32_t function)
{
    for (unsigned int i = 0; i < MODELS; i++)
        if (models[i].segment == segment &&
            function ==
                ((uint32_t)models[i].bus << 8 | (uint32_t)models[i].slot << 3 | models[i].function))
            return registers[i];
    return NULL;
}

/* By ports. */

static uint32_t selected;

static uint8_t *register_selected(void)
{
    uint8_t *of = selected >> 31 ? registers_of(0, selected >> 8 & 0xffff) : NULL;

    return of ? of + selected % 256 : NULL;
}

uint32_t io_port_read32(uint16_t port)
{
    uint8_t *at = register_selected();

    assert_int_equal(port, 0xcfc);
    return at ? get32(at) : UINT32_MAX;
}

void io_port_write32(uint16_t port, uint32_t value)
{
    if (port == 0xcf8)
        selected = value;
    else
        put32(register_selected(), value);
}

void io_port_write16(uint16_t port, uint16_t value)
{
    memcpy(register_selected() + port % 4, &value, sizeof(value));
}

void io_port_write(uint16_t port, uint8_t value)
{
    register_selected()[port % 4] = value;
}

/* In memory. */

enum { RIGHT, SHIFTED, RAM, ZEROS };
static int memory_0, memory_1;
static int mapped, maps_of[3];

static int page_of(uint64_t machine, uint8_t **page)
{
    static const uint64_t bases[] = { BASE_0, BASE_1, BASE_2 };
    uint16_t segment = machine >= BASE_2 ? 2 : machine >= BASE_1;
    uint64_t function = (machine - bases[segment]) / 4096;
    int kind = segment == 2 ? RIGHT : segment ? memory_1 : memory_0;

    maps_of[segment]++;
    if (kind == RAM)
        return -XEN_EBUSY;
    *page = registers_of(segment, (uint32_t)(kind == SHIFTED ? function + 0x10 : function));
    if (!*page)
        *page = nothing;
    if (kind == ZEROS)
        memset(*page = nothing, 0, sizeof(nothing));
    return 0;
}

int device_memory_map(uint64_t machine, size_t bytes, void **va)
{
    uint8_t *page;
    int error;

    if (bytes == 0x20000) { /* a BAR */
        *va = nothing;
        return 0;
    }
    assert_int_equal(bytes, 4096);
    assert_int_equal(machine % 4096, 0);
    error = page_of(machine, &page);
    if (!error)
        *va = page;
    mapped += !error;
    return error;
}

void device_memory_unmap(void *va, size_t bytes)
{
    assert_non_null(va);
    assert_int_equal(bytes, 4096);
    mapped--;
}

/* The firmware's word. */

static uint8_t mcfg[44 + 300 * 16];
static uint32_t mcfg_bytes; /* 0: there is none */

uint8_t *acpi_table_copy(const char *signature, unsigned int nth, uint32_t *length)
{
    uint8_t *copy;

    if (strcmp(signature, "MCFG") || !mcfg_bytes)
        return NULL;
    assert_int_equal(nth, 0);
    *length = mcfg_bytes;
    copy = malloc(mcfg_bytes); /* of that size: sanitizers see who reads on */
    memcpy(copy, mcfg, mcfg_bytes);
    return copy;
}

void acpi_tables_read(struct acpi_tables *tables)
{
    memset(tables, 0, sizeof(*tables));
}

void acpi_tables_free(struct acpi_tables *tables)
{
    (void)tables;
}

static void mcfg_clear(void)
{
    memset(mcfg, 0, sizeof(mcfg));
    mcfg_bytes = 44;
}

static void mcfg_add(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
    uint8_t *entry = mcfg + mcfg_bytes;

    memcpy(entry, &base, 8);
    memcpy(entry + 8, &segment, 2);
    entry[10] = first;
    entry[11] = last;
    put32(entry + 12, 0xabababab); /* reserved */
    mcfg_bytes += 16;
}

/* The hypervisor. */

static unsigned int told[3], added[3], added_old;
static int add_error;
static struct physdev_map_pirq message;

static void is_a_window(const struct physdev_pci_mmcfg_reserved *told_of)
{
    const struct pci_window *w = pci_window(0);

    for (unsigned int n = 0;
         w && (w->segment != told_of->segment || w->first_bus != told_of->start_bus);)
        w = pci_window(++n);
    assert_non_null(w);
    assert_int_equal(told_of->address, w->base);
    assert_int_equal(told_of->end_bus, w->last_bus);
}

int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument)
{
    const void *arg = (const void *)(uintptr_t)argument;
    const struct physdev_pci_mmcfg_reserved *window = arg;
    const struct physdev_pci_device_add *add = arg;

    switch (operation) {
    case PHYSDEVOP_pci_mmcfg_reserved:
        is_a_window(window);
        assert_int_equal(window->flags, 1);
        told[window->segment]++;
        return 0;
    case PHYSDEVOP_pci_device_add:
        assert_in_range(add->seg, 0, 2);
        assert_non_null(registers_of(add->seg, (uint32_t)add->bus << 8 | add->devfn));
        assert_true(!add->seg || told[add->seg]); /* Xen reaches it by what it has been told */
        added[add->seg]++;
        return add_error;
    case PHYSDEVOP_manage_pci_add:
        added_old++;
        return 0;
    default:
        assert_int_equal(operation, PHYSDEVOP_map_pirq);
        message = *(const struct physdev_map_pirq *)arg;
        return 0;
    }
}

int event_port_bind_pirq(uint32_t pirq, bool share, evtchn_port_t *port)
{
    (void)pirq;
    (void)share;
    *port = 7;
    return 0;
}

#endif

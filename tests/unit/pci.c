/*
 * PCI's enumeration on a made-up machine: from which buses on, and that nothing is written to a
 * device before a driver claims it.
 *
 * Sources: dom0/devices/pci.c dom0/devices/pci-config.c dom0/devices/pci-roots.c
 *
 * Flags: -include tests/unit/fake-hypercalls.h
 */
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
#include "devices/pci-roots.h"
#include "devices/pci.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "hypercall-abi/errno.h"

#define COMMAND 4
#define DECODES 3U

/* A function of a device: its registers, and which of its BARs' bits can be written. */
static struct function {
    uint8_t bus, slot;
    uint32_t registers[16], writable[6];
} functions[] = {
    { .bus = 0,
      .slot = 0,
      .registers = { 0x12378086, 2, 0x06000000, 0, 0xe0000000 },
      .writable = { 0xfc000000 } },
    { .bus = 0,
      .slot = 3,
      .registers = { 0x10411af4, 6, 0x02000000, 0, 0xc001, 0, 0, 0, 0xfe00000c, 0x80 },
      .writable = { 0xffe0, 0, 0, 0, 0xffffc000, 0xffffffff } },
    { .bus = 0, .slot = 4, .registers = { 0x00011b36, 6, 0x06040000, 0x10000, 0, 0, 0x010100 } },
    { .bus = 1,
      .slot = 0,
      .registers = { 0x100e8086, 2, 0x02000000, 0, 0xfeb80000 },
      .writable = { 0xfffe0000 } },
    { .bus = 0x40, .slot = 2, .registers = { 0x15338086, 6, 0x02000000 } },
};

static uint32_t selected;
static unsigned int writes, answers_at_ones;

static struct function *function_selected(void)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if ((selected >> 8 & 0xffffff) ==
            (0x800000u | (uint32_t)functions[i].bus << 8 | (uint32_t)functions[i].slot << 3))
            return &functions[i];
    return NULL;
}

uint32_t io_port_read32(uint16_t port)
{
    struct function *f = function_selected();

    assert_int_equal(port, 0xcfc);
    return f && selected % 256 < 64 ? f->registers[selected % 256 / 4] : UINT32_MAX;
}

void io_port_write32(uint16_t port, uint32_t value)
{
    struct function *f = function_selected();
    unsigned int at = selected % 256 / 4;

    if (port == 0xcf8) {
        selected = value;
        return;
    }
    writes++;
    if (!f || at < 4 || at >= 10)
        return;
    if (value == UINT32_MAX && f->registers[COMMAND / 4] & DECODES)
        answers_at_ones++;
    f->registers[at] = (value & f->writable[at - 4]) | (f->registers[at] & ~f->writable[at - 4]);
}

void io_port_write16(uint16_t port, uint16_t value)
{
    assert_int_equal(port, 0xcfc);
    assert_int_equal(selected % 256, COMMAND);
    writes++;
    function_selected()->registers[COMMAND / 4] = value;
}

void io_port_write(uint16_t port, uint8_t value)
{
    fail_msg("a byte %x to %x", value, port);
}

static unsigned int reported;

int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument)
{
    (void)operation;
    (void)argument;
    reported++;
    return 0;
}

int event_port_bind_pirq(uint32_t pirq, bool share, evtchn_port_t *port)
{
    (void)pirq;
    (void)share;
    (void)port;
    return -ENOSYS;
}

static uint64_t mapped_at;
static size_t mapped_bytes;

int device_memory_map(uint64_t machine, size_t bytes, void **va)
{
    mapped_at = machine;
    mapped_bytes = bytes;
    *va = functions;
    return 0;
}

void device_memory_unmap(void *va, size_t bytes)
{
    fail_msg("%zu bytes at %p are unmapped", bytes, va);
}

/* The firmware's word: the DSDT, then SSDTs. */
static const char *blocks[3];
static uint32_t block_bytes[3];

static uint8_t *block_copy(unsigned int i, uint32_t *length)
{
    uint8_t *copy;

    if (!blocks[i])
        return NULL;
    *length = ACPI_HEADER_BYTES + block_bytes[i];
    copy = calloc(1, *length);
    memcpy(copy + ACPI_HEADER_BYTES, blocks[i], block_bytes[i]);
    return copy;
}

void acpi_tables_read(struct acpi_tables *tables)
{
    memset(tables, 0, sizeof(*tables));
    tables->dsdt = block_copy(0, &tables->dsdt_length);
}

void acpi_tables_free(struct acpi_tables *tables)
{
    free(tables->dsdt);
}

uint8_t *acpi_table_copy(const char *signature, unsigned int nth, uint32_t *length)
{
    if (!strcmp(signature, "MCFG"))
        return NULL; /* tests/unit/pci-config.c has one */
    assert_string_equal(signature, "SSDT");
    return nth < 2 ? block_copy(nth + 1, length) : NULL;
}

static void firmware_says(const char *dsdt, uint32_t bytes, const char *ssdt, uint32_t ssdt_bytes)
{
    blocks[0] = dsdt;
    block_bytes[0] = bytes;
    blocks[1] = ssdt;
    block_bytes[1] = ssdt_bytes;
}

#define SAYS(text)    firmware_says(text, sizeof(text) - 1, NULL, 0)
#define PAD           "12345678"
#define ROOT_40       PAD "\x08_BBN\x0a\x40" PAD
#define METHOD(bytes) PAD "\x14" bytes "_BBN\x00\xa4" PAD

static unsigned int roots_count(struct pci_roots *roots)
{
    unsigned int count = 0;

    pci_roots_find(roots);
    for (unsigned int bus = 0; bus < 256; bus++)
        count += pci_is_root(roots, bus);
    return count;
}

static void roots_by_their_names(void **state)
{
    struct pci_roots roots;

    (void)state;
    firmware_says(NULL, 0, NULL, 0);
    assert_int_equal(roots_count(&roots), 1);
    assert_true(pci_is_root(&roots, 0));
    SAYS(PAD "\x08_BBN\x00" PAD "\x08_BBN\x01" PAD "\x08_BBN\x0a\xff" PAD
             "\x08_BBN\x0b\x80\x00" PAD);
    assert_int_equal(roots_count(&roots), 4);
    assert_true(pci_is_root(&roots, 1) && pci_is_root(&roots, 0x80) && pci_is_root(&roots, 0xff));
    SAYS(PAD "\x08_BBN\x0b\x00\x01" PAD "x_BBN\x0a\x20" PAD); /* bus 256; a use of the name */
    assert_int_equal(roots_count(&roots), 1);
    firmware_says(PAD, 8, ROOT_40, sizeof(ROOT_40) - 1);
    assert_int_equal(roots_count(&roots), 2);
    assert_true(pci_is_root(&roots, 0x40));
}

/* What a method answers is not known here. */
static void roots_by_methods(void **state)
{
    struct pci_roots roots;

    (void)state;
    SAYS(METHOD("\x0f"));
    assert_int_equal(roots_count(&roots), 256);
    SAYS(METHOD("\x4f\x01"));
    assert_int_equal(roots_count(&roots), 256);
    SAYS(METHOD("\xcf\x01\x01\x01"));
    assert_int_equal(roots_count(&roots), 256);
    SAYS(METHOD("\x4f")); /* a length of two bytes, of which one is there */
    assert_int_equal(roots_count(&roots), 1);
}

/* At each end of a table, which ends with its last byte. */
static void names_at_the_edge(void **state)
{
    static const char text[] = "1234\x08_BBN\x0a\x40xx";
    struct pci_roots roots;

    (void)state;
    for (uint32_t from = 0; from < sizeof(text); from++)
        for (uint32_t to = from; to < sizeof(text); to++) {
            firmware_says(text + from, to - from, NULL, 0);
            assert_in_range(roots_count(&roots), 1, 2);
        }
}

static struct pci_device *device_at(unsigned int bus, unsigned int slot)
{
    struct pci_device *d = pci_devices_first();

    while (d && (d->bus != bus || d->slot != slot))
        d = d->next;
    return d;
}

static void devices_are_found_and_left_alone(void **state)
{
    struct pci_device *nic;
    void *va;

    (void)state;
    SAYS(ROOT_40);
    pci_start();
    assert_int_equal(reported, 5);
    assert_non_null(device_at(1, 0));
    assert_non_null(device_at(0x40, 2));
    assert_int_equal(writes, 0);
    nic = device_at(0, 3);
    assert_int_equal(nic->bar[0], 0xc000);
    assert_true(nic->bar_is_io[0]);
    assert_int_equal(nic->bar[4], 0x80fe000000);
    assert_int_equal(pci_map_bar(nic, 0, &va), -XEN_ENODEV);
    assert_int_equal(pci_map_bar(nic, 5, &va), -XEN_ENODEV);
    assert_int_equal(pci_map_bar(nic, 4, &va), 0);
    assert_int_equal(mapped_at, 0x80fe000000);
    assert_int_equal(mapped_bytes, 0x4000);
    assert_int_equal(pci_map_bar(device_at(1, 0), 0, &va), 0);
    assert_int_equal(mapped_at, 0xfeb80000);
    assert_int_equal(mapped_bytes, 0x20000);
    /* All is as it was. */
    assert_int_equal(answers_at_ones, 0);
    assert_int_equal(functions[1].registers[1], 6);
    assert_int_equal(functions[1].registers[8], 0xfe00000c);
    assert_int_equal(functions[1].registers[9], 0x80);
    assert_int_equal(functions[3].registers[4], 0xfeb80000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_by_their_names),
        cmocka_unit_test(roots_by_methods),
        cmocka_unit_test(names_at_the_edge),
        cmocka_unit_test(devices_are_found_and_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

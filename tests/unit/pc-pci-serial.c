/*
 * The serial port among the functions of PCI: which one is taken, and what is written to it.
 *
 * Sources: hypervisor/machine/pci-serial.c
 *
 * Flags: -Itests/pc/in-place -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "machine/msi.h"
#include "machine/pci-serial.h"

#define MULTI 0x800000U
#define NIC   0x02000000U
#define UART  0x07000200U

/* Each with its identity, command, class, header and BAR 0. */
static struct function {
    uint8_t bus, devfn;
    uint32_t command, class, header, bar;
} functions[8];
static unsigned count, reads;

static struct function *at(struct pci_address d)
{
    for (unsigned i = 0; i < count; i++)
        if (functions[i].bus == d.bus && functions[i].devfn == d.devfn)
            return &functions[i];
    return NULL;
}

uint32_t pci_config_read(struct pci_address d, unsigned offset)
{
    const struct function *f = at(d);

    reads++;
    if (!f)
        return UINT32_MAX;
    switch (offset) {
    case 0:
        return 0x12348086;
    case 4:
        return f->command;
    case 8:
        return f->class;
    case 0xc:
        return f->header;
    case 0x10:
        return f->bar;
    }
    fail_msg("register %x", offset);
    return 0;
}

void pci_config_write_part(struct pci_address d, unsigned offset, unsigned size, uint32_t value)
{
    assert_int_equal(offset, 4);
    assert_int_equal(size, 2);
    at(d)->command = value;
}

static int reset(void **state)
{
    (void)state;
    count = reads = 0;
    return 0;
}

static void add(uint8_t bus, uint8_t slot, uint8_t function, uint32_t class, uint32_t header,
                uint32_t bar)
{
    functions[count++] =
        (struct function){ bus, (uint8_t)(slot << 3 | function), 0x02100002, class, header, bar };
}

static void one_behind_a_bridge(void **state)
{
    struct serial_port port;

    (void)state;
    add(0, 0, 0, NIC, 0, 0xd001);
    add(0, 3, 0, NIC, MULTI, 0xe001);
    add(0x80, 22, 0, NIC, MULTI, 0);
    add(0x80, 22, 3, UART, MULTI, 0xf0a1);
    assert_true(pci_serial_find(&port));
    assert_int_equal(port.base, 0xf0a0);
    assert_int_equal(port.irq, 0);
    assert_int_equal(port.baud, SERIAL_BAUD_MAX);
    assert_int_equal(functions[3].command, 3); /* what is there stays; the status is not written */
    assert_int_equal(functions[0].command, 0x02100002);
}

static void none_that_can_be_driven(void **state)
{
    struct serial_port port;

    (void)state;
    add(0, 1, 0, UART, 0, 0xfe000000);   /* in memory */
    add(0, 2, 0, UART, 0, 1);            /* nowhere yet */
    add(0, 3, 0, UART, 0, 0x10001);      /* beyond the ports there are */
    add(0, 4, 0, 0x07010200, 0, 0xe001); /* parallel */
    add(0, 5, 0, 0x07000700, 0, 0xe001); /* of an interface to come */
    add(0, 6, 0, UART, 0x10000, 0xe001); /* a bridge, by its header */
    add(0, 7, 0, NIC, 0, 0);
    add(0, 7, 1, UART, 0, 0xe001); /* of a device that has one function: not there */
    assert_false(pci_serial_find(&port));
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(functions[i].command, 0x02100002);
}

/* Each takes two accesses of a microsecond or, in a cloud, of ten. */
static void where_there_is_nothing_it_is_quick(void **state)
{
    struct serial_port port;

    (void)state;
    assert_false(pci_serial_find(&port));
    assert_true(reads <= 256 * 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_behind_a_bridge, reset),
        cmocka_unit_test_setup(none_that_can_be_driven, reset),
        cmocka_unit_test_setup(where_there_is_nothing_it_is_quick, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

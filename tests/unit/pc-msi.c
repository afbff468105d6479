/*
 * MSI-X as the hypervisor programs it: table and capability of a device of segment 0, the table
 * alone of another segment's.
 *
 * Sources: hypervisor/machine/msi.c
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
#include "machine/registers.h"

#define DEVICE   ((struct pci_address){ 2, 0x19 })
#define COMMAND  4
#define MSIX     0x50
#define VECTOR   0x41
#define APIC     3
#define ADDRESS  0xfee03000
#define LINE_OFF 0x400U

static uint32_t config[64], selected;
static unsigned accesses;

static uint32_t *register_selected(void)
{
    accesses++;
    assert_int_equal(selected >> 8, 0x800219);
    return &config[selected % 256 / 4];
}

void cpu_wait_step(void)
{
    fail_msg("nobody else has the lock");
}

void port_outl(uint16_t port, uint32_t value)
{
    if (port == 0xcf8)
        selected = value;
    else
        *register_selected() = value;
}

uint32_t port_inl(uint16_t port)
{
    assert_int_equal(port, 0xcfc);
    return *register_selected();
}

void port_outw(uint16_t port, uint16_t value)
{
    fail_msg("%x to %x", value, port);
}

void port_outb(uint16_t port, uint8_t value)
{
    fail_msg("%x to %x", value, port);
}

static void machine_make(void)
{
    memset(config, 0, sizeof(config));
    config[0] = 0x10d38086;
    config[COMMAND / 4] = 0x00100006; /* there are capabilities */
    config[0x34 / 4] = MSIX;
    config[MSIX / 4] = 0x40040011; /* five vectors; masked, off */
    accesses = 0;
}

static void table_and_capability(void **state)
{
    uint32_t slot[4] = { 0, 0, 0, 1 };
    struct msi_target target = { .device = DEVICE, .msix = true, .slot = slot };

    (void)state;
    machine_make();
    msi_program(&target, VECTOR, APIC);
    assert_int_equal(slot[0], ADDRESS);
    assert_int_equal(slot[1], 0);
    assert_int_equal(slot[2], VECTOR);
    assert_int_equal(slot[3], 1);
    assert_int_equal(config[MSIX / 4], 0x80040011);
    assert_int_equal(config[COMMAND / 4], 6 | LINE_OFF);
    msi_mask(&target, false);
    assert_int_equal(slot[3], 0);
}

/* The ports would reach the device of segment 0 which has that bus and number. */
static void the_table_alone(void **state)
{
    uint32_t slot[4] = { 0, 0, 0, 1 };
    struct msi_target target = { .device = DEVICE, .msix = true, .table_only = true, .slot = slot };

    (void)state;
    machine_make();
    msi_program(&target, VECTOR, APIC);
    assert_int_equal(slot[0], ADDRESS);
    assert_int_equal(slot[2], VECTOR);
    assert_int_equal(slot[3], 1);
    msi_mask(&target, false);
    assert_int_equal(slot[3], 0);
    msi_disable(&target);
    assert_int_equal(slot[3], 1);
    assert_int_equal(accesses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_and_capability),
        cmocka_unit_test(the_table_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Which of the PC's ports the control domain has: not what the hypervisor runs itself, and of the
 * serial ports not the one that is its console.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c
 * Sources: hypervisor/machine/serial.c hypervisor/emulation/port-access.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "domain/guest-memory.h"
#include "emulation/operands.h"
#include "emulation/port-access.h"
#include "guest-cpu/trap-injection.h"
#include "machine/msi.h"
#include "machine/serial.h"
#include "pc.h"

static const struct serial_port coms[] = { { 0x3f8, 4, SERIAL_BAUD_MAX },
                                           { 0x2f8, 3, SERIAL_BAUD_MAX } };
#define COM1 0x3f8
#define COM2 0x2f8

static struct domain control = { .privileged = true }, guest;
static struct cpu cpu;
static uint32_t config_value;
static struct pci_address config_of;

struct cpu *this_cpu(void)
{
    return &cpu;
}

void cpu_wait_step(void)
{
    cpu_pause();
}

uint32_t pci_config_read(struct pci_address of, unsigned offset)
{
    config_of = of;
    return config_value + offset;
}

void pci_config_write_part(struct pci_address of, unsigned offset, unsigned size, uint32_t value)
{
    config_of = of;
    config_value = value + offset + size;
}

/* String instructions and bitmaps are other tests'. */
int guest_read(void *to, uint64_t from, size_t bytes)
{
    (void)to;
    (void)from;
    (void)bytes;
    return -1;
}

int guest_write(uint64_t to, const void *from, size_t bytes)
{
    (void)to;
    (void)from;
    (void)bytes;
    return -1;
}

void inject_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t address, uint32_t error)
{
    (void)v;
    (void)regs;
    (void)address;
    (void)error;
}

uint64_t operand_read(struct cpu_regs *regs, unsigned reg, unsigned size, bool rex)
{
    (void)regs;
    (void)reg;
    (void)size;
    (void)rex;
    return 0;
}

void operand_write(struct cpu_regs *regs, unsigned reg, unsigned size, bool rex, uint64_t value)
{
    (void)regs;
    (void)reg;
    (void)size;
    (void)rex;
    (void)value;
}

static int reset(void **state)
{
    (void)state;
    pc_reset();
    return 0;
}

/* What is written to a serial port's data register is seen there. */
static bool takes(uint16_t port)
{
    unsigned n = port == COM2, before = pc.printed_length[n];

    port_write(&control, port, 1, 'x');
    return pc.printed_length[n] > before;
}

static void the_console_is_ours(void **state)
{
    (void)state;
    pc.uart[1] = PC_WORKS;
    assert_true(serial_init(coms, 2));
    assert_false(takes(COM1));
    assert_int_equal(port_read(&control, COM2 + 5, 1), 0x60);
    assert_true(takes(COM2));
    assert_int_equal(port_read(&control, COM1 + 5, 1), 0xff);
    assert_int_equal(port_read(&control, COM1 - 1, 2), 0xffff); /* its first port is within */
}

static void the_console_is_com2(void **state)
{
    (void)state;
    pc.uart[0] = PC_ABSENT;
    pc.uart[1] = PC_WORKS;
    assert_true(serial_init(coms, 2));
    assert_int_equal(serial_irq(), 3);
    assert_false(takes(COM2));
    assert_int_equal(port_read(&control, COM2 + 7, 1), 0xff);
    pc.uart[0] = PC_WORKS; /* of no use to us any more */
    assert_true(takes(COM1));
}

static void there_is_no_console(void **state)
{
    (void)state;
    pc.uart[0] = pc.uart[1] = PC_ABSENT;
    assert_false(serial_init(coms, 2));
    pc.uart[0] = pc.uart[1] = PC_WORKS;
    assert_true(takes(COM1) && takes(COM2));
}

static void timers_and_interrupt_controllers_are_ours(void **state)
{
    static const uint16_t kept[] = { 0x20, 0x21, 0x40, 0x43, 0x61, 0xa0, 0xa1 };

    (void)state;
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        unsigned before = pc.accesses;

        port_write(&control, kept[i], 1, 0);
        assert_int_equal(port_read(&control, kept[i], 1), 0xff);
        assert_int_equal(pc.accesses, before);
    }
}

static void a_guest_has_none(void **state)
{
    unsigned before;

    (void)state;
    assert_true(serial_init(coms, 2));
    before = pc.accesses;
    port_write(&guest, 0xcf8, 4, 0x80001000);
    port_write(&guest, COM1, 1, 'x');
    assert_int_equal(port_read(&guest, 0xcfc, 4), UINT32_MAX);
    assert_int_equal(port_read(&guest, 0x71, 1), 0xff);
    assert_int_equal(pc.accesses, before);
}

static void a_pci_address_is_remembered(void **state)
{
    (void)state;
    config_value = 0x11223300;
    port_write(&control, 0xcf8, 4, 0x80000000 | 0x40 << 16 | 0x18 << 8 | 0x10);
    assert_int_equal(port_read(&control, 0xcf8, 4), 0x80401810);
    assert_int_equal(port_read(&control, 0xcfc, 4), 0x11223310);
    assert_int_equal(port_read(&control, 0xcfe, 2), 0x1122);
    assert_int_equal(config_of.bus, 0x40);
    assert_int_equal(config_of.devfn, 0x18);
    port_write(&control, 0xcf8, 4, 0);
    assert_int_equal(port_read(&control, 0xcfc, 4), UINT32_MAX);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        CASE(the_console_is_ours), CASE(the_console_is_com2),
        CASE(there_is_no_console), CASE(timers_and_interrupt_controllers_are_ours),
        CASE(a_guest_has_none),    CASE(a_pci_address_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Power off through ACPI's S5; reboot through the reset register, the keyboard controller, the
 * reset control register of Intel's chip sets, then a triple fault.
 */
#include "machine/power.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "machine/clock.h"
#include "machine/mmio.h"
#include "machine/registers.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "machine/serial.h"

#define PM1_SCI_ENABLE   BIT(0) /* ACPI owns the registers: ACPI 6.4, 4.8.3.2.1 */
#define PM1_SLEEP_TYPE   10
#define PM1_SLEEP_TYPES  (7UL << PM1_SLEEP_TYPE)
#define PM1_SLEEP_ENABLE BIT(13)
#define X_SLEEP_TYPE     2 /* in the sleep control register: 4.8.3.7 */
#define X_SLEEP_ENABLE   BIT(5)

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  BIT(31)

#define MS (1000 * 1000UL)

struct power_registers power_registers;
bool power_no_reboot;

void power_halt(void)
{
    remote_stop_all();
    screen_draw_at_once();
    for (;;)
        __asm__ volatile("cli; hlt");
}

static uint16_t pm1_read(const struct power_register *r)
{
    if (r->kind == POWER_PORT)
        return port_inw(r->port);
    return r->kind == POWER_MEMORY ? mmio_read16(r->memory) : 0;
}

static void pm1_write(const struct power_register *r, uint16_t value)
{
    if (r->kind == POWER_PORT)
        port_outw(r->port, value);
    else if (r->kind == POWER_MEMORY)
        mmio_write16(r->memory, value);
}

static void byte_write(const struct power_register *r, uint8_t value)
{
    switch (r->kind) {
    case POWER_NOTHING:
        break;
    case POWER_PORT:
        port_outb(r->port, value);
        break;
    case POWER_MEMORY:
        mmio_write8(r->memory, value);
        break;
    case POWER_PCI:
        port_outl(PCI_ADDRESS, (uint32_t)PCI_ENABLE | (r->pci & ~3U));
        port_outb((uint16_t)(PCI_DATA + (r->pci & 3)), value);
        break;
    }
}

/* Until then firmware may ignore the registers. */
static void acpi_take_over(void)
{
    const struct power_registers *p = &power_registers;

    if (!p->smi_command || !p->acpi_enable || pm1_read(&p->pm1a_control) & PM1_SCI_ENABLE)
        return;
    port_outb(p->smi_command, p->acpi_enable);
    for (unsigned i = 0; i < 300 && !(pm1_read(&p->pm1a_control) & PM1_SCI_ENABLE); i++)
        clock_delay(MS);
}

static uint16_t pm1_with_type(const struct power_register *r, uint16_t value)
{
    uint16_t kept = (uint16_t)(pm1_read(r) & ~(PM1_SLEEP_TYPES | PM1_SLEEP_ENABLE));

    return (uint16_t)(kept | (value & PM1_SLEEP_TYPES));
}

void power_enter_sleep(uint16_t value_a, uint16_t value_b, bool extended)
{
    const struct power_registers *p = &power_registers;
    uint16_t a, b;

    serial_drain();
    if (extended) {
        byte_write(&p->sleep_control, (uint8_t)((value_a & 7) << X_SLEEP_TYPE | X_SLEEP_ENABLE));
        return;
    }
    acpi_take_over();
    /* First the types, then the word to go: some machines want it so.  The other bits stay. */
    a = pm1_with_type(&p->pm1a_control, value_a);
    b = pm1_with_type(&p->pm1b_control, value_b);
    pm1_write(&p->pm1a_control, a);
    pm1_write(&p->pm1b_control, b);
    pm1_write(&p->pm1a_control, (uint16_t)(a | PM1_SLEEP_ENABLE));
    pm1_write(&p->pm1b_control, (uint16_t)(b | PM1_SLEEP_ENABLE));
}

static void enter_s5(void)
{
    const struct power_registers *p = &power_registers;

    if (p->sleep_control.kind != POWER_NOTHING)
        power_enter_sleep(p->sleep_type_a, p->sleep_type_b, true);
    else
        power_enter_sleep((uint16_t)(p->sleep_type_a << PM1_SLEEP_TYPE),
                          (uint16_t)(p->sleep_type_b << PM1_SLEEP_TYPE), false);
}

void power_off(void)
{
    remote_stop_all();
    screen_draw_at_once();
    if (power_registers.s5_known)
        enter_s5();
    clock_delay(100 * MS);
    log_warning("power off: ACPI did not do it; the machine is halted, switch it off");
    power_halt();
}

void power_reboot(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = { 0, 0 };

    remote_stop_all();
    screen_draw_at_once();
    serial_drain();
    if (power_no_reboot) {
        log_info("'noreboot' is set: halted instead of rebooting");
        power_halt();
    }
    byte_write(&power_registers.reset, power_registers.reset_value);
    clock_delay(10 * MS);
    port_outb(0x64, 0xfe); /* the keyboard controller's line */
    clock_delay(100 * MS);
    port_outb(0xcf9, 0x02); /* a hard reset, on the rise of bit 2 */
    port_outb(0xcf9, 0x06);
    clock_delay(100 * MS);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    power_halt();
}

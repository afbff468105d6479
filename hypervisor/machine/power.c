/* Power off through ACPI's S5, reboot through the reset register, the keyboard controller, then a
 * triple fault. */
#include "machine/power.h"
#include "lib/log.h"
#include "machine/clock.h"
#include "machine/registers.h"
#include "machine/remote.h"
#include "machine/screen.h"

#define SLEEP_ENABLE 0x2000

struct power_registers power_registers;
bool power_no_reboot;

void power_halt(void)
{
    remote_stop_all();
    screen_draw_at_once();
    for (;;)
        __asm__ volatile("cli; hlt");
}

void power_enter_sleep(uint16_t value_a, uint16_t value_b)
{
    if (power_registers.pm1a_control)
        port_outw(power_registers.pm1a_control, value_a | SLEEP_ENABLE);
    if (power_registers.pm1b_control)
        port_outw(power_registers.pm1b_control, value_b | SLEEP_ENABLE);
}

void power_off(void)
{
    remote_stop_all();
    screen_draw_at_once();
    if (power_registers.s5_known)
        power_enter_sleep(power_registers.sleep_type_a, power_registers.sleep_type_b);
    clock_delay(100 * 1000 * 1000);
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
    if (power_no_reboot) {
        log_info("'noreboot' is set: halted instead of rebooting");
        power_halt();
    }
    if (power_registers.reset_port)
        port_outb((uint16_t)power_registers.reset_port, power_registers.reset_value);
    clock_delay(10 * 1000 * 1000);
    port_outb(0x64, 0xfe);
    clock_delay(100 * 1000 * 1000);
    __asm__ volatile("lidt %0; int3" : : "m"(no_idt));
    power_halt();
}

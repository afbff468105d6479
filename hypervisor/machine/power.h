/* Ending the machine's run. */
#ifndef MACHINE_POWER_H
#define MACHINE_POWER_H

#include "lib/types.h"

/* ACPI facts the power functions need, filled in by acpi_init. */
struct power_registers {
    uint16_t pm1a_control, pm1b_control; /* I/O ports, 0 if absent */
    uint16_t sleep_type_a, sleep_type_b; /* S5 values, shifted into place */
    bool s5_known;
    uint64_t reset_port; /* I/O port of the ACPI reset register, 0 if none */
    uint8_t reset_value;
};
extern struct power_registers power_registers;

/* no_reboot: halt instead of rebooting (the `noreboot` option). */
extern bool power_no_reboot;

void power_off(void) __attribute__((noreturn));
void power_reboot(void) __attribute__((noreturn));
void power_halt(void) __attribute__((noreturn));
/* Enters a sleep state with values the control domain read from its own ACPI tables. */
void power_enter_sleep(uint16_t value_a, uint16_t value_b);

#endif

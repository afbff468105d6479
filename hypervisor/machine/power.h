/* Ending the machine's run. */
#ifndef MACHINE_POWER_H
#define MACHINE_POWER_H

#include "lib/types.h"

/* A register that firmware puts where it likes. */
struct power_register {
    enum { POWER_NOTHING, POWER_PORT, POWER_MEMORY, POWER_PCI } kind;
    uint16_t port;
    volatile void *memory; /* mapped */
    uint32_t pci;          /* bus, device, function, offset, as configuration mechanism 1 has it */
};

/* ACPI facts the power functions need, filled in by acpi_init. */
struct power_registers {
    struct power_register pm1a_control, pm1b_control;
    struct power_register sleep_control; /* in place of them on hardware-reduced machines */
    uint8_t sleep_type_a, sleep_type_b;  /* of S5 */
    bool s5_known;
    uint16_t smi_command; /* the port by which firmware hands over to ACPI; 0: nothing to do */
    uint8_t acpi_enable;  /* what is written there */
    struct power_register reset;
    uint8_t reset_value;
};
extern struct power_registers power_registers;

/* no_reboot: halt instead of rebooting (the `noreboot` option). */
extern bool power_no_reboot;

void power_off(void) __attribute__((noreturn));
void power_reboot(void) __attribute__((noreturn));
void power_halt(void) __attribute__((noreturn));
/* Enters a sleep state with what the control domain made of its own ACPI tables: values for the
 * PM1 control registers, or with `extended` sleep types for the sleep control register. */
void power_enter_sleep(uint16_t value_a, uint16_t value_b, bool extended);

#endif

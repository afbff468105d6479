/*
 * ACPI power-off: enters state S5 when the kernel shuts down with reason poweroff.
 */
#ifndef DEVICES_ACPI_POWER_H
#define DEVICES_ACPI_POWER_H

/* Looks the tables up; without them power-off stays the hypervisor's own way. */
void acpi_power_start(void);

#endif

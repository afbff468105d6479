/*
 * What ACPI says of a keyboard controller.
 */
#ifndef DEVICES_ACPI_KEYBOARD_H
#define DEVICES_ACPI_KEYBOARD_H

#include "devices/acpi-tables.h"
#include <stdbool.h>

/* True if the machine has none, by both tables' word: its ports are not to be touched. */
bool acpi_denies_keyboard(const struct acpi_tables *tables);

#endif

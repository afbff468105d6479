/*
 * IOMMUs are left off: the control domain drives the devices and is trusted with all of memory.
 * Firmware that protects itself from devices may have left one on, and then no device would reach
 * what a driver points it at.
 */
#ifndef MACHINE_IOMMU_H
#define MACHINE_IOMMU_H

#include "lib/types.h"

/* registers: the unit's first page, mapped.  False: it does not go off. */
bool iommu_switch_off(volatile uint8_t *registers, bool amd);

#endif

/* In place of hypervisor/machine/mmio.h: see registers.h beside it. */
#ifndef TESTS_PC_MACHINE_MMIO_H
#define TESTS_PC_MACHINE_MMIO_H

#include "lib/types.h"

uint16_t mmio_read16(const volatile void *at);
uint32_t mmio_read32(const volatile void *at);
void mmio_write8(volatile void *at, uint8_t value);
void mmio_write16(volatile void *at, uint16_t value);
void mmio_write32(volatile void *at, uint32_t value);

#endif

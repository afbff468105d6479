/* Registers of devices in memory: each access is one of that size, in program order. */
#ifndef MACHINE_MMIO_H
#define MACHINE_MMIO_H

#include "lib/types.h"

static inline uint32_t mmio_read32(const volatile void *at)
{
    return *(const volatile uint32_t *)at;
}

static inline void mmio_write32(volatile void *at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static inline uint16_t mmio_read16(const volatile void *at)
{
    return *(const volatile uint16_t *)at;
}

static inline void mmio_write16(volatile void *at, uint16_t value)
{
    *(volatile uint16_t *)at = value;
}

static inline void mmio_write8(volatile void *at, uint8_t value)
{
    *(volatile uint8_t *)at = value;
}

#endif

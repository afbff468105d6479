/*
 * The only door to guest virtual memory.  Addresses are checked to lie outside the hypervisor's
 * hole, and a fault on the way is an error, not a panic.  The guest may change its memory at any
 * time: copy a value once, check the copy, use the copy.
 *
 * All use the current vCPU's kernel root, which is loaded while the guest is in kernel mode.
 */
#ifndef DOMAIN_GUEST_MEMORY_H
#define DOMAIN_GUEST_MEMORY_H

#include "hypercall-abi/cpu.h"
#include "hypercall-abi/types.h"
#include "lib/types.h"

static inline bool guest_range_ok(uint64_t address, uint64_t bytes)
{
    uint64_t end = address + bytes;

    return (address < 0x0000800000000000UL && bytes <= 0x0000800000000000UL - address) ||
           (address >= HYPERVISOR_VIRT_END && (end > address || !end || !bytes));
}

/* 0 or -EFAULT; after a failure part of the destination may have been written. */
int must_check guest_read(void *to, guest_handle_t from, size_t bytes);
int must_check guest_write(guest_handle_t to, const void *from, size_t bytes);
int must_check guest_clear(guest_handle_t to, size_t bytes);

/* Element i of an array of elements as large as *value. */
#define guest_read_element(value, array, i) \
    guest_read((value), (array) + (uint64_t)(i) * sizeof(*(value)), sizeof(*(value)))
#define guest_write_element(array, i, value) \
    guest_write((array) + (uint64_t)(i) * sizeof(*(value)), (value), sizeof(*(value)))

#endif

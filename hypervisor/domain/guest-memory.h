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
#include "lib/errno.h"
#include "lib/types.h"
#include "machine/cpu-features.h"
#include "machine/exception-table.h"

static inline bool guest_range_ok(uint64_t address, uint64_t bytes)
{
    uint64_t end = address + bytes;

    return (address < 0x0000800000000000UL && bytes <= 0x0000800000000000UL - address) ||
           (address >= HYPERVISOR_VIRT_END && (end > address || !end || !bytes));
}

/* SMAP keeps the hypervisor out of guest memory but between these two. */
static inline void user_access_begin(void)
{
    if (unlikely(cpu_features.smap))
        __asm__ volatile("stac" ::: "memory");
}

static inline void user_access_end(void)
{
    if (unlikely(cpu_features.smap))
        __asm__ volatile("clac" ::: "memory");
}

static inline int copy_words(uint64_t to, uint64_t from, uint64_t words)
{
    int error = 0;

    user_access_begin();
    __asm__ volatile("1: rep movsq\n"
                     "2:\n"
                     ".pushsection .text.fixup, \"ax\"\n"
                     "3: mov %4, %0\n"
                     "jmp 2b\n"
                     ".popsection\n" EXCEPTION_FIXUP("1b", "3b")
                     : "+r"(error), "+D"(to), "+S"(from), "+c"(words)
                     : "i"(-EFAULT)
                     : "memory");
    user_access_end();
    return error;
}

/* Two words, without the cost of a loop. */
static inline int must_check guest_read_pair(uint64_t to[2], guest_handle_t from)
{
    uint64_t first, second;
    int error = 0;

    user_access_begin();
    __asm__ volatile("1: mov (%3), %1\n"
                     "2: mov 8(%3), %2\n"
                     "3:\n"
                     ".pushsection .text.fixup, \"ax\"\n"
                     "4: mov %4, %0\n"
                     "jmp 3b\n"
                     ".popsection\n" EXCEPTION_FIXUP("1b", "4b") EXCEPTION_FIXUP("2b", "4b")
                     : "+r"(error), "=&r"(first), "=&r"(second)
                     : "r"(from), "i"(-EFAULT)
                     : "memory");
    user_access_end();
    to[0] = first;
    to[1] = second;
    return error;
}

/* 0 or -EFAULT; after a failure part of the destination may have been written. */
int must_check guest_read(void *to, guest_handle_t from, size_t bytes);
int must_check guest_write(guest_handle_t to, const void *from, size_t bytes);
int must_check guest_clear(guest_handle_t to, size_t bytes);

/* The same for a few whole words: what every entry and return does. */
static inline int must_check guest_write_words(guest_handle_t to, const uint64_t *from,
                                               unsigned words)
{
    return unlikely(!guest_range_ok(to, words * 8UL)) ? -EFAULT
                                                      : copy_words(to, (uint64_t)from, words);
}

static inline int must_check guest_read_words(uint64_t *to, guest_handle_t from, unsigned words)
{
    return unlikely(!guest_range_ok(from, words * 8UL)) ? -EFAULT
                                                        : copy_words((uint64_t)to, from, words);
}

/* Element i of an array of elements as large as *value. */
#define guest_read_element(value, array, i) \
    guest_read((value), (array) + (uint64_t)(i) * sizeof(*(value)), sizeof(*(value)))
#define guest_write_element(array, i, value) \
    guest_write((array) + (uint64_t)(i) * sizeof(*(value)), (value), sizeof(*(value)))

#endif

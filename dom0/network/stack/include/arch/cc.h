/*
 * What lwIP wants from its host.
 *
 * Assertions are nothing in dom0: none may be reached by a packet, and the fuzzer, which is built
 * with them, looks for one that is.
 */
#ifndef NETWORK_STACK_ARCH_CC_H
#define NETWORK_STACK_ARCH_CC_H

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX /* newlib has the type, but not its end; lwIP would make another */
#endif

/* host-stack.c */
uint32_t stack_random(void);

#define LWIP_RAND() stack_random()
/* RFC 6528: nobody off the path can guess where a connection's numbers begin. */
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) stack_random()

#define LWIP_PLATFORM_DIAG(arguments) \
    do {                              \
        printf arguments;             \
    } while (0)

#ifdef STACK_ON_HOST
void *stack_malloc(size_t bytes);
void *stack_calloc(size_t count, size_t bytes);
void stack_free(void *memory);

#define LWIP_PLATFORM_ASSERT(message)                                           \
    do {                                                                        \
        fprintf(stderr, "%s:%d: assertion: %s\n", __FILE__, __LINE__, message); \
        abort();                                                                \
    } while (0)
#else
#define LWIP_NOASSERT
#define LWIP_PLATFORM_ASSERT(message)
#endif
/* Not an assertion but a check: what follows is done if it fails. */
#define LWIP_ERROR(message, expression, handler) \
    do {                                         \
        if (!(expression)) {                     \
            handler;                             \
        }                                        \
    } while (0)

uint32_t checksum_add(uint32_t start, const void *bytes, size_t count); /* network/checksum.h */
static inline uint16_t stack_checksum(const void *bytes, int count)
{
    uint32_t sum = checksum_add(0, bytes, (size_t)count);

    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
#define LWIP_CHKSUM stack_checksum

/* What lwIP copies in bulk is payload: a segment, a page.  The processor's own string instruction
 * is the least to do for that; for a few bytes it is too slow to start. */
#ifndef STACK_ON_HOST /* where it is to be noticed if it copies too much */
#define MEMCPY(to, from, bytes) stack_copy(to, from, bytes)
static inline void stack_copy(void *to, const void *from, size_t bytes)
{
    size_t words = bytes / 8, rest = bytes % 8;

    if (bytes < 256) {
        memcpy(to, from, bytes);
        return;
    }
    __asm__ volatile("rep movsq\n\t"
                     "mov %[rest], %%rcx\n\t"
                     "rep movsb"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : [rest] "r"(rest)
                     : "memory");
}
#endif

/* lwip/def.h: its own names only, no htons. */
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

/* Half pages begin where pages do. */
#define LWIP_DECLARE_MEMORY_ALIGNED(name, size) u8_t name[size] __attribute__((aligned(4096)))

#endif

/* Basic types and the attributes used everywhere. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check        __attribute__((warn_unused_result))
#define maybe_unused      __attribute__((unused))
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define round_up(x, to)   (((x) + (to)-1) & ~((typeof(x))(to)-1))
#define round_down(x, to) ((x) & ~((typeof(x))(to)-1))
#define min(a, b)           \
    ({                      \
        typeof(a) a_ = (a); \
        typeof(b) b_ = (b); \
        a_ < b_ ? a_ : b_;  \
    })
#define max(a, b)           \
    ({                      \
        typeof(a) a_ = (a); \
        typeof(b) b_ = (b); \
        a_ > b_ ? a_ : b_;  \
    })
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#endif

/*
 * read_once and write_once are volatile accesses, which stand for relaxed atomic ones here: they
 * race with plain accesses, not with each other, and order nothing.  The compiler calls the
 * functions below before each (--param tsan-distinguish-volatile=1).
 */
#include "model/reports.h"
#include <stdlib.h>

#define ENOUGH 10 /* reports, then the program ends */

static unsigned reports;

unsigned reports_count(void)
{
    return __atomic_load_n(&reports, __ATOMIC_RELAXED);
}

/* Called by the sanitizer's run-time library. */
void __tsan_on_report(void *report);
void __tsan_on_report(void *report)
{
    (void)report;
    if (__atomic_add_fetch(&reports, 1, __ATOMIC_RELAXED) == ENOUGH)
        abort();
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "history_size=7";
}

/* A write leaves what is there: the access itself follows. */
#define MARKED(bytes, type)                                 \
    void __tsan_volatile_read##bytes(void *p);              \
    void __tsan_volatile_read##bytes(void *p)               \
    {                                                       \
        (void)__atomic_load_n((type *)p, __ATOMIC_RELAXED); \
    }                                                       \
    void __tsan_volatile_write##bytes(void *p);             \
    void __tsan_volatile_write##bytes(void *p)              \
    {                                                       \
        __atomic_fetch_add((type *)p, 0, __ATOMIC_RELAXED); \
    }

MARKED(1, uint8_t)
MARKED(2, uint16_t)
MARKED(4, uint32_t)
MARKED(8, uint64_t)

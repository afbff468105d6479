/* Memory, clock and log, and what the files under test need of the layers left out. */
#include "model/common.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "lib/bits.h"
#include "lib/log.h"
#include "lib/print.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/remote.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"

struct cpu model_cpus[MODEL_CPUS];
struct cpu *cpu_table[MAX_CPUS];
struct cpu_set cpus_online;
unsigned cpu_words = CPU_WORDS;
unsigned cpu_count = MODEL_CPUS;
struct cpu_features cpu_features = { .physical_bits = 40 };
uint64_t clock_tsc_khz; /* no time is short: it is always time for a look at other work */
static uint64_t now;

uint64_t random_start(uint64_t seed)
{
    return seed * 0x9e3779b97f4a7c15UL + 1;
}

/* xorshift64*, S. Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
uint32_t random_next(uint64_t *state, uint32_t n)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 2685821657736338717UL >> 32) * n >> 32);
}

static void map_at(uint64_t address, size_t bytes)
{
    void *p = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (p != (void *)address)
        abort();
}

void model_memory_up(void)
{
    map_at(FRAME_TABLE_VIRT, MODEL_FRAMES * sizeof(struct frame));
    map_at(M2P_VIRT, MODEL_FRAMES * sizeof(uint64_t));
    map_at(DIRECT_VIRT, MODEL_FRAMES * PAGE_SIZE);
    frame_limit = MODEL_FRAMES;
    frames_add(mfn(1), MODEL_FRAMES - 1, true); /* frame 0 stands for "no root" in places */
    for (unsigned i = 0; i < MODEL_CPUS; i++) {
        model_cpus[i].id = i;
        cpu_table[i] = &model_cpus[i];
        cpu_set_add(&cpus_online, i);
    }
}

unsigned model_index(unsigned level)
{
    static const unsigned slots[5][4] = {
        { 0 }, { 0, 1, 2, 511 }, { 0, 1, 300, 511 }, { 0, 7, 0, 7 }, { 5, 300, 5, 5 }
    };

    return slots[level][rnd(4)];
}

void model_check_clear(mfn_t m, unsigned order)
{
    const uint64_t *word = frame_virt(m);

    for (uint64_t i = 0; i < (PAGE_SIZE << order) / sizeof(*word); i++)
        if (word[i])
            model_fail("frame %lx is given out with something in it", m.n);
}

/* Freed objects are made unusable, so that a use after that shows. */
void __real_heap_free(void *p, size_t size);
void __wrap_heap_free(void *p, size_t size);
void __wrap_heap_free(void *p, size_t size)
{
    if (p)
        memset(p, 0xdb, size);
    __real_heap_free(p, size);
}

void panic(const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    model_fail("panic: %s", text);
}

void log_print(enum log_level level, const char *format, ...)
{
    va_list args;

    if (level > (getenv("MODEL_VERBOSE") ? LOG_DEBUG : LOG_WARNING))
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

size_t print_to_v(char *to, size_t size, const char *format, va_list args)
{
    return (size_t)vsnprintf(to, size, format, args);
}

uint64_t clock_now(void)
{
    return __atomic_load_n(&now, __ATOMIC_RELAXED);
}

void model_tick(uint64_t ns)
{
    __atomic_fetch_add(&now, ns, __ATOMIC_RELAXED);
}

void cpu_defer(unsigned cpu, uint32_t marks)
{
    __atomic_fetch_or(&cpu_table[cpu]->deferred, marks, __ATOMIC_SEQ_CST);
}

int cpus_park(void)
{
    return 0; /* the test audits when every CPU has come to rest */
}

void cpus_unpark(void)
{
}

void root_table_fill(pte_t *l4)
{
    memset(l4 + HYPERVISOR_FIRST_SLOT, 0, HYPERVISOR_SLOTS * sizeof(pte_t));
}

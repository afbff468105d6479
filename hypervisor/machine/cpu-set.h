/*
 * Sets of CPUs, a bit each.
 *
 * Some are changed by several CPUs while others read them, without a lock: where a domain's
 * translations may be, who has yet to answer a request.  Such a set changes one bit at a time, each
 * by a locked operation on its word, and the words are read one after the other: nobody sees all of
 * it as it was at one moment.  Nobody has to, either, as what a reader relies on is said of one CPU
 * alone: "its bit was set before it loaded a root, and is cleared after it has flushed", "it clears
 * its bit when it has answered".  So a reader that changed a table first, and reads a CPU's bit
 * then, finds it set or is seen by what that CPU does later, whatever became of other bits between
 * two words.  That is all that a set of one word gave.  Who adds such a rule says it of one CPU, or
 * takes a lock.
 */
#ifndef MACHINE_CPU_SET_H
#define MACHINE_CPU_SET_H

#include "lib/atomic.h"
#include "lib/bits.h"
#include "limits.h"

#ifdef HOST_TEST
#define CPU_WORD_BITS 2U /* so that the few CPUs of a test take several words */
#else
#define CPU_WORD_BITS 64U
#endif
#define CPU_WORDS (MAX_CPUS / CPU_WORD_BITS)

struct cpu_set {
    uint64_t word[CPU_WORDS];
};

/* Words that have a bit of a CPU there is.  Those behind are never looked at, whatever is in them:
 * a small machine pays for one.  Set once, before a second CPU starts. */
extern unsigned cpu_words;

static inline uint64_t cpu_bit(unsigned cpu)
{
    return BIT(cpu % CPU_WORD_BITS);
}

/* What the CPU did before its bit became what it is can be seen, too. */
static inline bool cpu_set_has(const struct cpu_set *s, unsigned cpu)
{
    return atomic_load(&s->word[cpu / CPU_WORD_BITS]) & cpu_bit(cpu);
}

/* Of a set that nobody else changes. */
static inline void cpu_set_add(struct cpu_set *s, unsigned cpu)
{
    s->word[cpu / CPU_WORD_BITS] |= cpu_bit(cpu);
}

static inline void cpu_set_remove(struct cpu_set *s, unsigned cpu)
{
    s->word[cpu / CPU_WORD_BITS] &= ~cpu_bit(cpu);
}

static inline void cpu_set_add_atomic(struct cpu_set *s, unsigned cpu)
{
    atomic_or(&s->word[cpu / CPU_WORD_BITS], cpu_bit(cpu));
}

static inline void cpu_set_remove_atomic(struct cpu_set *s, unsigned cpu)
{
    atomic_and(&s->word[cpu / CPU_WORD_BITS], ~cpu_bit(cpu));
}

/* Each word of `from` is read once.  `to` belongs to the caller. */
static inline void cpu_set_copy(struct cpu_set *to, const struct cpu_set *from)
{
    for (unsigned w = 0; w < cpu_words; w++)
        to->word[w] = atomic_load(&from->word[w]);
}

static inline void cpu_set_unite(struct cpu_set *to, const struct cpu_set *with)
{
    for (unsigned w = 0; w < cpu_words; w++)
        to->word[w] |= read_once(with->word[w]);
}

static inline void cpu_set_intersect(struct cpu_set *to, const struct cpu_set *with)
{
    for (unsigned w = 0; w < cpu_words; w++)
        to->word[w] &= atomic_load(&with->word[w]);
}

static inline bool cpu_set_is_empty(const struct cpu_set *s)
{
    uint64_t any = 0;

    for (unsigned w = 0; w < cpu_words; w++)
        any |= read_once(s->word[w]);
    return !any;
}

/* Whether there is any but this one. */
static inline bool cpu_set_has_others(const struct cpu_set *s, unsigned than)
{
    uint64_t any = 0;

    for (unsigned w = 0; w < cpu_words; w++)
        any |= read_once(s->word[w]) & ~(w == than / CPU_WORD_BITS ? cpu_bit(than) : 0);
    return any;
}

/* Whether all of its CPUs are in the other one. */
static inline bool cpu_set_is_within(const struct cpu_set *s, const struct cpu_set *of)
{
    uint64_t beyond = 0;

    for (unsigned w = 0; w < cpu_words; w++)
        beyond |= read_once(s->word[w]) & ~read_once(of->word[w]);
    return !beyond;
}

/* The first CPU from `from` on; MAX_CPUS: none. */
static inline unsigned cpu_set_next(const struct cpu_set *s, unsigned from)
{
    uint64_t mask = ~0UL << from % CPU_WORD_BITS;

    for (unsigned w = from / CPU_WORD_BITS; w < cpu_words; w++, mask = ~0UL) {
        uint64_t left = read_once(s->word[w]) & mask;

        if (left)
            return w * CPU_WORD_BITS + bit_lowest(left);
    }
    return MAX_CPUS;
}

#define for_each_cpu(id, set) \
    for (unsigned id = cpu_set_next(set, 0); id < MAX_CPUS; id = cpu_set_next(set, id + 1))

#endif

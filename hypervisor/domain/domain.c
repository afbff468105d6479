/* The list of domains, and what any layer may say about one. */
#include "domain/domain.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/remote.h"

struct domain *control_domain;
struct domain io_domain = { .id = DOMID_IO, .frames.index = UINT16_MAX };

#define BUCKETS  1024u
#define ID_WORDS (DOMID_FIRST_RESERVED / 64 + 1)

/* Guards the table of domains; a leaf. */
static struct spinlock list_lock;
static struct domain *table[BUCKETS]; /* by the low bits of the id */
static uint64_t used_ids[ID_WORDS];
static domid_t last_id;

/* Of those that have shut down, begun to die or gone since somebody asked; atomic. */
static uint64_t changed_ids[ID_WORDS];

void (*domain_last_put)(struct domain *domain);

/* The lowest id from `from` on whose bit is set, or DOMID_FIRST_RESERVED. */
static unsigned next_id(const uint64_t *map, unsigned from)
{
    for (unsigned i = from / 64; i < ID_WORDS; i++) {
        uint64_t word = read_once(map[i]);

        if (i == from / 64)
            word &= ~0UL << from % 64;
        if (word)
            return i * 64 + bit_lowest(word);
    }
    return DOMID_FIRST_RESERVED;
}

static struct domain **place_of(domid_t id)
{
    struct domain **at = &table[id % BUCKETS];

    while (*at && (*at)->id != id)
        at = &(*at)->next_of_bucket;
    return at;
}

struct domain *domain_get_next(domid_t from)
{
    struct domain *found = NULL;
    unsigned id;

    spin_lock(&list_lock);
    id = next_id(used_ids, from);
    if (id < DOMID_FIRST_RESERVED) {
        found = *place_of((domid_t)id);
        atomic_add(&found->references, 1);
    }
    spin_unlock(&list_lock);
    return found;
}

struct domain *domain_get(domid_t id)
{
    struct domain *d;

    if (id == DOMID_SELF) {
        d = current_domain();
        atomic_add(&d->references, 1);
        return d;
    }
    if (id >= DOMID_FIRST_RESERVED)
        return NULL;
    spin_lock(&list_lock);
    d = *place_of(id);
    if (d)
        atomic_add(&d->references, 1);
    spin_unlock(&list_lock);
    return d;
}

void domain_put(struct domain *d)
{
    if (!atomic_sub(&d->references, 1))
        domain_last_put(d);
}

int domain_list_add(struct domain *domain)
{
    struct domain **at;
    int r = 0;

    spin_lock(&list_lock);
    at = place_of(domain->id);
    if (*at) {
        r = -EEXIST;
    } else {
        *at = domain;
        used_ids[domain->id / 64] |= BIT(domain->id % 64);
    }
    spin_unlock(&list_lock);
    return r;
}

void domain_list_remove(struct domain *domain)
{
    spin_lock(&list_lock);
    *place_of(domain->id) = domain->next_of_bucket;
    used_ids[domain->id / 64] &= ~BIT(domain->id % 64);
    spin_unlock(&list_lock);
}

int domain_id_choose(domid_t *id)
{
    int r = -ENOMEM;

    spin_lock(&list_lock);
    for (unsigned tries = 0; tries < DOMID_FIRST_RESERVED && r; tries++) {
        last_id = (domid_t)(last_id + 1 < (int)DOMID_FIRST_RESERVED ? last_id + 1 : 1);
        if (!bit_test(used_ids, last_id)) {
            *id = last_id;
            r = 0;
        }
    }
    spin_unlock(&list_lock);
    return r;
}

void domain_set_changed(const struct domain *domain)
{
    bit_test_and_set_atomic(changed_ids, domain->id);
}

int domain_take_changed(domid_t *id)
{
    unsigned found;

    do {
        found = next_id(changed_ids, 0);
        if (found >= DOMID_FIRST_RESERVED)
            return -ENOENT;
    } while (!bit_test_and_clear_atomic(changed_ids, found));
    *id = (domid_t)found;
    return 0;
}

static bool may_log(struct domain *d)
{
    uint64_t second = clock_now() / 1000000000UL;

    if (d->log_second != second) {
        d->log_second = second;
        d->log_lines = 0;
    }
    return ++d->log_lines <= LOG_GUEST_BURST;
}

static void log_for(struct domain *d, enum log_level level, const char *format, va_list args)
{
    char line[200];

    print_to_v(line, sizeof(line), format, args);
    log_print(level, "d%u: %s", d->id, line);
}

void domain_log(struct domain *d, const char *format, ...)
{
    va_list args;

    if (!may_log(d))
        return;
    va_start(args, format);
    log_for(d, LOG_DEBUG, format, args);
    va_end(args);
}

void domain_crash(struct domain *d, const char *format, ...)
{
    uint32_t running = SHUTDOWN_CODE_INVALID;
    struct vcpu *v;
    va_list args;

    /* The first reason counts; shutting down happens on the way out. */
    if (!atomic_compare_exchange(&d->shutdown_code, &running, SHUTDOWN_crash))
        return;
    va_start(args, format);
    log_for(d, LOG_WARNING, format, args);
    va_end(args);
    for_each_vcpu(v, d)
        if (v->sched.loaded)
            cpu_defer(v->sched.cpu, DEFERRED_FINISH);
}

struct vcpu *vcpu_find(struct domain *domain, uint32_t id)
{
    return id < domain->max_vcpus ? domain->vcpus[id] : NULL;
}

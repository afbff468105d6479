/* The list of domains, and what any layer may say about one. */
#include "domain/domain.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/print.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/remote.h"

struct domain *control_domain;
struct domain io_domain = { .id = DOMID_IO, .frames.index = UINT16_MAX };

/* Guards the list; a leaf. */
static struct spinlock list_lock;
static struct list domains = { &domains, &domains };
static domid_t last_id;

void (*domain_last_put)(struct domain *domain);

struct domain *domain_get_next(domid_t from)
{
    struct domain *d, *found = NULL;

    spin_lock(&list_lock);
    list_for_each(d, &domains, all) {
        if (d->id < from)
            continue;
        atomic_add(&d->references, 1);
        found = d;
        break;
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
    d = domain_get_next(id);
    if (d && d->id != id) {
        domain_put(d);
        return NULL;
    }
    return d;
}

void domain_put(struct domain *d)
{
    if (!atomic_sub(&d->references, 1))
        domain_last_put(d);
}

int domain_list_add(struct domain *domain)
{
    struct domain *d;
    int r = 0;

    spin_lock(&list_lock);
    list_for_each(d, &domains, all) {
        if (d->id == domain->id)
            r = -EEXIST;
        if (d->id >= domain->id)
            break;
    }
    if (!r)
        list_add_before(&domain->all, &d->all);
    spin_unlock(&list_lock);
    return r;
}

void domain_list_remove(struct domain *domain)
{
    spin_lock(&list_lock);
    list_remove(&domain->all);
    spin_unlock(&list_lock);
}

static bool id_is_free(domid_t id)
{
    struct domain *d;

    list_for_each(d, &domains, all)
        if (d->id == id)
            return false;
    return true;
}

int domain_id_choose(domid_t *id)
{
    int r = -ENOMEM;

    spin_lock(&list_lock);
    for (unsigned tries = 0; tries < DOMID_FIRST_RESERVED && r; tries++) {
        last_id = (domid_t)(last_id + 1 < (int)DOMID_FIRST_RESERVED ? last_id + 1 : 1);
        if (id_is_free(last_id)) {
            *id = last_id;
            r = 0;
        }
    }
    spin_unlock(&list_lock);
    return r;
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

/*
 * A domain: a machine a guest runs in.  It holds pointers to its parts; each part's folder alone
 * knows what is in it, and lifecycle/parts.c lists how they are made and undone.
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include "domain/paging-mode.h"
#include "domain/vcpu.h"
#include "hypercall-abi/paravane.h"
#include "limits.h"
#include "memory/frame-owner.h"

struct event_ports;
struct grant_table;
struct paging;
struct shadow;

/* Where a domain is in its life; only lifecycle/ moves it. */
enum domain_life {
    DOMAIN_ALIVE,
    DOMAIN_DYING,  /* being torn down, in steps */
    DOMAIN_ZOMBIE, /* torn down, but others still hold frames of it */
    DOMAIN_GONE,   /* off the list, about to be freed */
};

struct domain {
    domid_t id;
    bool privileged; /* the control domain */
    enum domain_life life;
    uint32_t references;           /* of those who look at it; see domain_get */
    struct domain *next_of_bucket; /* in the table of all domains */

    struct frame_owner frames;
    struct event_ports *ports;
    struct grant_table *grants;
    const struct paging_mode *mode; /* how its page tables are kept, by one of these two */
    struct paging *paging;
    struct shadow *shadow; /* NULL in direct mode */
    struct dirty_log log;

    struct shared_info *shared_info;
    unsigned max_vcpus;
    struct vcpu *vcpus[MAX_VCPUS_PER_DOMAIN];

    /* Guards the fields up to the next blank line; the top of a domain's lock order. */
    struct spinlock lock;
    unsigned pause_count;
    bool shut_down;
    uint32_t shutdown_code; /* SHUTDOWN_*, or SHUTDOWN_CODE_INVALID */
    uint32_t declared_code; /* what its next shutdown is to be known as, or SHUTDOWN_CODE_INVALID */
    uint32_t watchdogs_used; /* bits */
    struct timer watchdogs[MAX_WATCHDOGS];

    xen_domain_handle_t handle;
    uint64_t vm_assist;
    int64_t time_offset_seconds;
    uint32_t create_flags;
    struct paravane_counters counters;

    uint64_t charged_until; /* system time, ns; atomic (scheduling/disturbance.c) */

    uint64_t log_second; /* rate limit of lines it causes */
    unsigned log_lines;
};

#define for_each_vcpu(v, d)                          \
    for (unsigned i_ = 0; i_ < (d)->max_vcpus; i_++) \
        if (((v) = (d)->vcpus[i_]))

extern struct domain *control_domain;

/* A referenced domain by id, or NULL.  DOMID_SELF is the caller's. */
struct domain *must_check domain_get(domid_t id);
void domain_put(struct domain *domain);
/* The next domain with an id of at least `from`, referenced; NULL at the end. */
struct domain *must_check domain_get_next(domid_t from);

/* Stands for DOMID_IO, the owner of device memory, where a domain is asked for. */
extern struct domain io_domain;

/* For lifecycle/: the list itself, and who frees a domain nobody looks at any more. */
extern void (*domain_last_put)(struct domain *domain);
int must_check domain_list_add(struct domain *domain);
void domain_list_remove(struct domain *domain);
/* A free id after the last one given. */
int must_check domain_id_choose(domid_t *id);

/* It has shut down, begun to die, or gone: to be said before VIRQ_DOM_EXC is raised. */
void domain_set_changed(const struct domain *domain);
/* One of those, which is forgotten thereby; -ENOENT: there is none. */
int must_check domain_take_changed(domid_t *id);

/* A log line caused by this domain: at most LOG_GUEST_BURST a second. */
void domain_log(struct domain *domain, const char *format, ...) printf_like(2, 3);

/* Marks a domain as beyond help: it is shut down with SHUTDOWN_crash before it runs again.
 * Callable anywhere, with any lock but the log's; consumed on the way out to the guest. */
void domain_crash(struct domain *domain, const char *format, ...) printf_like(2, 3);

static inline struct domain *current_domain(void)
{
    return current_vcpu()->domain;
}

#endif

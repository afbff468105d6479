/*
 * Processors with a vCPU of one domain in shadow mode on each: they walk its shadow tables, and
 * remember translations of pages and tables until they are told to forget them.
 */
#ifndef TESTS_MODEL_PROCESSORS_H
#define TESTS_MODEL_PROCESSORS_H

#include "domain/domain.h"
#include "machine/per-cpu.h"

#define CPUS 16

extern struct domain domain;
extern struct cpu cpus[CPUS], *cpu;    /* that of the moment */
extern struct vcpu vcpus[CPUS], *vcpu; /* one on each CPU */
extern unsigned long by_tlb[3];        /* remembered tables walked, pages read, pages written */

/* What comes in between, if not NULL: at a flush of other CPUs, while a lock is waited for. */
extern void (*on_flush)(void), (*on_wait)(void);
extern unsigned int crashes; /* of the domain; with crash_is_fatal the test ends */
extern bool crash_is_fatal;

/* What an access is. */
struct access {
    uint64_t address;
    bool user, write, fetch;
};

/* No more copies to guests from now on. */
extern bool writes_fail;
/* The frame of another domain that it has mapped, how often, and how often for writing. */
extern uint64_t granted_mfn;
extern int granted_times, granted_to_write;

/* The domain, with so many guest frames of a machine of so many, and a vCPU on each CPU. */
void shadow_domain_up(uint64_t frames, uint64_t guest);
/* It dies, and gives all of it back. */
void shadow_domain_down(void);
/* A fresh frame of it becomes guest frame gfn: which. */
uint64_t frame_placed(uint64_t gfn);
/* It forgets all. */
void flush_on(unsigned id);
/* Whether an entry's rights let the access through; `user`: if it is user mode's. */
bool lets(pte_t e, const struct access *a, bool user);
/* As the processor of the moment: a page it remembers, or a walk.  0: a fault, with which it
 * forgets what it remembered of it. */
uint64_t by_processor(const struct access *a);

#endif

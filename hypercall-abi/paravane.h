/*
 * Paravane's own hypercall (55).  A guest finds out by calling interface_version: under any
 * other hypervisor that answers -ENOSYS.
 */
#ifndef HYPERCALL_ABI_PARAVANE_H
#define HYPERCALL_ABI_PARAVANE_H

#include "hypercall-abi/types.h"

#define PARAVANEOP_interface_version 0 /* returns PARAVANE_INTERFACE_VERSION */
#define PARAVANEOP_audit             1
#define PARAVANEOP_counters          2
#define PARAVANEOP_latency           3
#define PARAVANEOP_screen_scroll     4
#define PARAVANEOP_changed_domain    5
#define PARAVANEOP_audit_all         6

#define PARAVANE_INTERFACE_VERSION 1

/* Recount every use and type reference of a domain's frames from its tables, pins and grant
 * maps, and compare with the kept counts.  The whole machine stands still meanwhile; the control
 * domain only. */
struct paravane_audit {
    domid_t domid; /* in; DOMID_SELF allowed */
    uint16_t pad[3];
    uint64_t frames;      /* out: frames looked at */
    uint64_t differences; /* out: counts that differ; each is named in the log */
};

/* The same of all domains, at the price of one: an entry each, in the order of their ids. */
struct paravane_audit_all {
    uint64_t buffer; /* in: address of struct paravane_audit[room] */
    uint32_t room;   /* in */
    uint32_t count;  /* out: domains there are; only so many entries as have room are written */
};

/* One domain that has shut down, begun to die or gone since it was last named here: what
 * VIRQ_DOM_EXC is about.  For the control domain only; -ENOENT: there is none (any more). */
struct paravane_changed_domain {
    domid_t domid; /* out */
    uint16_t pad[3];
};

/* The longest stretch of time any CPU has had interrupts off since this was last reset. */
struct paravane_latency {
    uint32_t reset;      /* in: 1: start anew */
    uint32_t entry;      /* out: what the CPU was entered for: a hypercall's number, or
                          * PARAVANE_ENTRY_* plus a vector */
    uint64_t cycles;     /* out: of the TSC */
    uint64_t cycles_khz; /* out: how many of them a millisecond has */
    char where[48];      /* out: the function it ended in; "guest": on the way out to a guest */
};

/* Look at what went by on the machine's screen; whatever is written on it shows the end again.  For
 * the control domain only; -ENODEV if the hypervisor has no screen. */
struct paravane_screen_scroll {
    int32_t half_screens; /* in: so many before what is shown now; negative: after it */
    uint32_t lines_back;  /* out: lines between what is shown now and the end */
};

#define PARAVANE_ENTRY_TRAP      0x1000 /* an exception or interrupt that hit a guest */
#define PARAVANE_ENTRY_INTERRUPT 0x2000 /* an interrupt that the hypervisor let in */
#define PARAVANE_ENTRY_UNKNOWN   0x3000

/* How often costly things happened to a domain since its creation. */
struct paravane_counters {
    domid_t domid; /* in */
    uint16_t pad[3];
    uint64_t hypercalls;
    uint64_t traps_bounced;
    uint64_t page_faults;
    uint64_t emulated_writes;
    uint64_t emulated_instructions;
    uint64_t root_switches; /* page-table roots loaded */
    uint64_t tlb_flushes;   /* flushes it asked for, of a page or of everything */
    uint64_t upcalls;
    uint64_t context_switches;
};

#endif

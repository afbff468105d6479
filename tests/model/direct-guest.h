/*
 * A guest in direct mode, two vCPUs with a processor each: they walk whatever root they have
 * loaded, and remember translations of pages and tables until they are told to forget them.
 *
 * Its frames by number: two roots, a table of level 3 and one of level 2, TABLES of level 1, the
 * far ones, and pages.  Entry i of table t is for page (t * ENTRIES + i) % PAGES.
 */
#ifndef TESTS_MODEL_DIRECT_GUEST_H
#define TESTS_MODEL_DIRECT_GUEST_H

#include "guest-paging/paging.h"

#define CPUS      2
#define L3        2
#define L2        3
#define L1        4
#define TABLES    100
#define ENTRIES   6
#define FAR       110 /* tables of level 3, 2 and 1, under another entry of the first root */
#define OTHERS_L1 150 /* another domain's */
#define DATA      200
#define PAGES     64
#define SPARE     300 /* further pages: mapped nowhere, four; and four that are replaced */
#define UNMAPPED  310
#define GUEST     512

extern struct domain domain, other;
extern struct vcpu vcpus[CPUS], *vcpu; /* that of the moment */
extern uint64_t frame[GUEST];          /* 0: there is none */
extern bool written[GUEST];            /* by processors */
extern bool writes_fail;               /* no more copies to the reader of the log */
extern void (*on_step)(void);          /* what comes in before each atomic operation, if not NULL */
extern unsigned long by_tlb[2];        /* remembered pages used, and tables */

int guest_up(void **state);
int guest_down(void **state);
/* From now on this CPU and its vCPU. */
void on(unsigned id);
uint64_t frame_placed(uint64_t pfn);
/* One that allows everything. */
pte_t entry(uint64_t pfn);
pte_t *entry_at(unsigned table, unsigned index);
/* Entry `index` of the table l1 of level 1, what it maps, and where that table is mapped. */
pte_t *entry_of(unsigned l1, unsigned index);
uint64_t address(unsigned l1, unsigned index);
uint64_t address_of_table(unsigned l1);
/* What the first entry of the far tables maps. */
uint64_t address_far(void);
void root_set(unsigned table);
void entry_set(unsigned table, unsigned index, pte_t e);
/* Whether the access comes to its end, rather than to a fault that the guest is told. */
bool access_is(uint64_t address, bool write);
bool fetch_is(uint64_t address);
void flush(void);
void assert_audit_clean(void);

#endif

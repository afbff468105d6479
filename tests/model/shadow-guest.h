/*
 * A guest in shadow mode for tests that set its tables by hand, on processors.c: guest frames below
 * DATA are for tables, those above are pages.
 */
#ifndef TESTS_MODEL_SHADOW_GUEST_H
#define TESTS_MODEL_SHADOW_GUEST_H

#include "processors.h"

#define GUEST 1000
#define DATA  900 /* the first guest frame that is no table */
#define OPEN  (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define TRIES 200

extern uint64_t frame[GUEST]; /* what they are placed on */

int guest_up(void **state);
int guest_down(void **state);
/* From now on this CPU and its vCPU. */
void on(unsigned id);
pte_t *table_at(uint64_t gfn);
/* One that allows everything. */
pte_t entry(uint64_t gfn);
/* The tables from the root down, by their first entries; in the root, by entry `slot`. */
void chain(const uint64_t *gfn, unsigned n, unsigned slot);
uint64_t address_of(uint64_t i4, uint64_t i2, uint64_t i1);
/* Whether the access comes to its end, rather than to a fault that the guest is told. */
bool access_is(uint64_t address, bool write, bool by_hypervisor);
void assert_audit_clean(void);
void flush(uint64_t mask);

#endif

/* Stores of a guest's kernel to its own L1 tables, which are read-only for it. */
#ifndef EMULATION_PAGE_TABLE_WRITE_H
#define EMULATION_PAGE_TABLE_WRITE_H

#include "domain/vcpu.h"

/* Finishes the faulting store at `address`.  True: done, or to be retried; false: not a store to
 * an L1 table of its own, or one that may not be: the guest gets its page fault. */
bool page_table_write_emulate(struct vcpu *v, struct cpu_regs *regs, uint64_t address);

#endif

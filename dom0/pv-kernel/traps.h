/*
 * Traps: exceptions of this kernel.  Without a handler one is a panic with the registers; a
 * test guest may set a handler per vector, which repairs the frame (say, skips the
 * instruction) and returns true.
 */
#ifndef PV_KERNEL_TRAPS_H
#define PV_KERNEL_TRAPS_H

#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error_code;
    uint64_t rip, cs, rflags, rsp, ss;
};

typedef bool (*trap_handler_t)(struct trap_frame *frame);

void trap_set_handler(unsigned int vector, trap_handler_t handler);
/* The faulting address of the last page fault. */
uint64_t trap_fault_address(void);
void traps_start(void);

#endif

/*
 * What belongs to one CPU.  It lies at the top of the CPU's stack, so its address follows from
 * the stack pointer alone: no segment base is needed, and guests keep FS and GS to themselves.
 *
 *   stack block (32 KiB, aligned)
 *     page 0  machine-check stack      page 1  NMI stack      page 2  double-fault and debug stacks
 *     page 3  never mapped             pages 4-7  the stack; struct cpu at its end
 *
 * Entry from a guest saves the registers into `frame`, at the very start of struct cpu, so the
 * entry code finds every field at a fixed distance from its stack pointer.
 */
#ifndef MACHINE_PER_CPU_H
#define MACHINE_PER_CPU_H

#include "lib/types.h"
#include "limits.h"
#include "machine/cpu-set.h"

/* Registers of an interrupted context, as the entry code pushes them. */
struct cpu_regs {
    uint64_t pad; /* keeps calls from the entry code 16-byte aligned */
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t vector; /* TRAP_*, an interrupt vector, or ENTRY_SYSCALL */
    uint64_t rip, cs, rflags, rsp, ss;
};

#define ENTRY_SYSCALL 0x100U

struct vcpu;

struct cpu {
    struct cpu_regs frame;
    struct vcpu *vcpu; /* whose registers `frame` holds */
    uint32_t deferred; /* DEFERRED_* marks, set by anybody, consumed on the way out */
    uint32_t id;       /* 0 to cpus_online() - 1 */
    uint32_t apic_id;
    uint32_t acpi_id;
    uint64_t root;       /* physical address in CR3 */
    uint64_t flush_seen; /* TLB clock at this CPU's last whole flush (tlb-clock.h) */
    uint64_t idle_ns;    /* time spent idle, ended spells only */
    uint64_t idle_since; /* start of the present spell, 0 while busy */
    uint64_t called;     /* it answered another CPU's request since the idle loop looked */
    uint32_t disturbed;  /* flushes of others' TLBs that the running vCPU was not charged for yet */

    /* Faults of the hypervisor on guest memory in a row: entry/page-fault.c. */
    uint64_t access_fault_since;
    unsigned access_faults;

    /* How long interrupts are off: latency.h. */
    uint64_t closed_since; /* TSC */
    uint64_t closed_longest, closed_longest_at;
    uint32_t closed_for, closed_longest_for;
} __attribute__((aligned(16)));

/* Marks in cpu.deferred. */
#define DEFERRED_SCHEDULE 1U   /* choose again who runs */
#define DEFERRED_TIMERS   2U   /* the timer interrupt came */
#define DEFERRED_FINISH   4U   /* the running vCPU has work of its own to finish */
#define DEFERRED_PARK     8U   /* stand still until told to go on */
#define DEFERRED_NMI      16U  /* say that there was one */
#define DEFERRED_SCREEN   32U  /* what was written is not drawn yet */
#define DEFERRED_CHARGE   64U  /* cpu.disturbed counts something */
#define DEFERRED_CHECK    128U /* a machine check was survived: say so */

#ifdef HOST_TEST
struct cpu *this_cpu(void);
#else
static inline struct cpu *this_cpu(void)
{
    uint64_t rsp;

    __asm__("mov %%rsp, %0" : "=r"(rsp));
    return (struct cpu *)((rsp | (STACK_BYTES - 1)) + 1 - sizeof(struct cpu));
}

#endif

/* The CPUs' structures by number; NULL beyond those found at boot. */
extern struct cpu *cpu_table[MAX_CPUS];
extern unsigned cpu_count;
/*
 * The APIC id of the CPU that devices interrupt: the first that their messages can name, which have
 * eight bits for it as long as interrupts are not remapped.  Where there is none they are lost.
 */
uint32_t cpu_for_devices(void);
/* CPUs that run. */
extern struct cpu_set cpus_online;

static inline struct vcpu *current_vcpu(void)
{
    return this_cpu()->vcpu;
}

#endif

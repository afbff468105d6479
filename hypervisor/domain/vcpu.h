/*
 * A virtual CPU: the state of a PV guest's processor and its place in the scheduler.
 *
 * While it runs, its registers are in struct cpu's frame, its segments, debug and FPU registers in
 * the hardware; `regs` and the rest here are current only while it does not run.
 */
#ifndef DOMAIN_VCPU_H
#define DOMAIN_VCPU_H

#include "hypercall-abi/cpu.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/shared-info.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "machine/descriptor-tables.h"
#include "machine/per-cpu.h"
#include "machine/timer.h"
#include "memory/frame.h"

struct domain;

/* vcpu.mode */
#define VCPU_USER   0
#define VCPU_KERNEL 1

/* Why a vCPU does not run: any of these. */
#define VCPU_BLOCKED 1U /* waits for an event */
#define VCPU_DOWN    2U /* not brought up, or taken down */
#define VCPU_PAUSED  4U /* its domain is paused, shut down or dying */
#define VCPU_CHARGED 8U /* it pays for what it made other CPUs do */

/* vcpu.poll_port: any event wakes it, and it looks again itself. */
#define POLL_SEVERAL UINT32_MAX

/*
 * Whether a vCPU has the state it starts with.  Any vCPU of the domain may give it one, but only
 * one at a time and only once: who moved NONE to BUSY alone touches the vCPU's state, and a vCPU
 * runs only with its state SET.
 */
#define VCPU_STATE_NONE 0U
#define VCPU_STATE_BUSY 1U
#define VCPU_STATE_SET  2U

struct guest_trap {
    uint64_t address; /* 0: none */
    uint16_t cs;
    uint8_t flags; /* TI_* */
};

/* An entry point the guest registered. */
struct guest_callback {
    uint64_t address;
    bool mask_events;
};

/* The scheduler's part; guarded by the run queue's lock of `cpu`. */
struct vcpu_schedule {
    struct list link;           /* in a run queue while runnable and not running */
    uint64_t service;           /* time it got, ns: the least is chosen next */
    uint64_t since;             /* when it was last given a CPU */
    uint64_t undisturbed_until; /* no arrival takes the CPU from it before that time */
    struct cpu_set affinity;    /* CPUs it may use: of those that run, at least one */
    uint16_t cpu;               /* whose queue it belongs to */
    bool queued;
    bool preempted;  /* queued because it lost the CPU, not because it woke */
    bool loaded;     /* its state is in that CPU: it runs, or ran there last (see above) */
    bool overridden; /* SCHEDOP_pin_override lasts: what it had is in `saved_affinity` */
    struct cpu_set saved_affinity;
};

struct vcpu {
    /* What entry/ looks at; offsets are generated for the assembler. */
    struct vcpu_info *info; /* in shared_info, or where the guest moved it */
    uint32_t mode;          /* VCPU_KERNEL or VCPU_USER */
    uint32_t id;
    struct domain *domain;
    uint64_t hypercalls;
    uint64_t root_switches;          /* for paravane_op(counters), too */
    uint64_t kernel_root, user_root; /* physical addresses; 0: none */
    struct guest_callback syscall;
    uint64_t syscall_stack; /* where the frame of a plain system call goes; 0: inject_syscall */
    union {
        struct {
            bool debug_active; /* dr7 enables something */
            bool nmi_busy;     /* the handler of an NMI runs: from its entry to the next iret */
            bool iopl_shown;   /* flags show the virtual IOPL: VMASST_TYPE_architectural_iopl */
        };
        uint32_t care; /* not 0: its system calls and irets are for C */
    };

    struct cpu_regs regs;
    void *fpu;
    struct decoded *decoded; /* the last instructions finished for it: emulation/fetch.h */
    uint64_t tlb_flushes;    /* for paravane_op(counters), too */
    uint64_t kernel_sp;
    struct guest_callback event, failsafe, syscall32;
    uint64_t fs_base, gs_base_kernel, gs_base_user;
    uint32_t tsc_aux; /* what RDTSCP and RDPID read */
    bool time_area_due;
    uint16_t ds, es, fs, gs;
    uint32_t iopl;
    uint64_t debug[8];
    bool debug_extensions; /* CR4.DE as the guest set it */
    uint32_t nmi_pending;  /* atomic */
    bool ts;               /* CR0.TS as the guest set it */

    struct guest_trap traps[256];
    mfn_t gdt_frames[GDT_GUEST_PAGES];
    uint32_t gdt_entries;
    uint32_t ldt_entries;
    uint64_t ldt_base;
    mfn_t ldt_frames[LDT_PAGES];

    /* An I/O permission bitmap in guest memory: a 0 bit lets user mode use the port. */
    uint64_t io_bitmap;
    uint32_t io_bitmap_ports;

    mfn_t info_frame; /* of a moved vcpu_info, referenced; MFN_NONE before */
    /* Where `info` points before that if shared_info has none for its number.  No guest ever sees
     * it, and it is no other vCPU's: what is in it would be told by one guest to another. */
    struct vcpu_info own_info;
    uint32_t first_state; /* VCPU_STATE_*; moved by compare-exchange */

    /* Guards blocked/down/paused marks and polling.  Below the port locks, above run queues. */
    struct spinlock state_lock;
    uint32_t stopped;   /* VCPU_* */
    uint32_t poll_port; /* what its last SCHEDOP_poll waits for, or POLL_SEVERAL; 0: it is over */
    struct timer poll_timer, singleshot, periodic;
    struct timer charge_timer; /* ends VCPU_CHARGED */
    uint64_t periodic_ns;
    struct vcpu_schedule sched;

    struct vcpu_runstate_info runstate;
    uint64_t runstate_area; /* guest address of a copy, 0: none */
    uint64_t time_area;     /* guest address of a vcpu_time_info, 0: none */

    evtchn_port_t virq_port[24];
    uint32_t dirty_cpu; /* whose TLB may hold its translations, if the domain's may be there */
};

/* Finds a vCPU by number; NULL if there is none. */
struct vcpu *vcpu_find(struct domain *domain, uint32_t id);

#endif

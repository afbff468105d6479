/*
 * Into user mode and back with every register watched: returns from frames in the upper half of the
 * addresses, where kernels have their stacks, plain ones and those with something unusual about
 * them; system calls onto stacks that are not touched yet, with flags no handler starts with.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/mmu.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/traps.h"
#include <string.h>

#define UPPER      0xffffc90000000000UL
#define EDGE       0x800000000000UL /* no canonical address any more */
#define EDGE_SLOT  255              /* of the roots, below it */
#define FLAG_TF    0x100UL
#define FLAG_IF    0x200UL
#define FLAG_NT    0x4000UL
#define FLAG_RF    0x10000UL
#define FLAG_VM    0x20000UL
#define FLAG_AC    0x40000UL
#define FLAG_ID    0x200000UL
#define FLAGS_KEPT (FLAG_IF | FLAG_NT | FLAG_AC | FLAG_ID | 0xd5 | 0x3000)

enum { USERS = 77, KERNELS }; /* what is at the two bases of gs */

#define REGISTERS 15 /* rax, rcx, r11 first, then the twelve that nobody changes */
#define KEPT      3

uint64_t user_gs, kernel_gs;
uint64_t seen[REGISTERS], called[REGISTERS], call_frame[7], landed_flags, kernel_at;
static char *upper = (char *)UPPER, *stack;
static uint64_t *kernel_root, *user_root; /* that one has nothing at UPPER */
static uint8_t *frames_behind;            /* upper, in the linear map */

enum { BY_CALL, BY_EXCEPTION, BY_EVENT, IN_KERNEL };

int64_t leave(const void *frame);
int64_t call_at(uint64_t rip); /* a hypercall from there; does not come back by itself */
void land(void);
void land_with_flags(void);
void look(void);
void arrive(void);
void back(void);
void event_arrives(void);
void in_the_kernel(void);
void event_entry(void);

#define MARK(n, r) "mov $0x1111111" #n ", %" #r "\n"
#define ALL(do)                                                                             \
    do                                                                                      \
    (1, rbx) do(2, rbp) do(3, rdi) do(4, rsi) do(5, rdx) do(6, r8) do(7, r9) do(8, r10) do( \
        9, r12) do(a, r13) do(b, r14) do(c, r15)
#define NOTE(to, from)                                                                         \
    "mov %rax, " #to "\nmov %rcx, " #to "+8\nmov %r11, " #to "+16\nmov %rbx, " #to "+24\n"     \
    "mov %rbp, " #to "+32\nmov %rdi, " #to "+40\nmov %rsi, " #to "+48\nmov %rdx, " #to "+56\n" \
    "mov %r8, " #to "+64\nmov %r9, " #to "+72\nmov %r10, " #to "+80\nmov %r12, " #to "+88\n"   \
    "mov %r13, " #to "+96\nmov %r14, " #to "+104\nmov %r15, " #to "+112\n"

__asm__(".text\n"
        "leave:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, kernel_at\n"
        "    mov %rdi, %rsp\n" ALL(
            MARK) "    mov $23, %eax\n"
                  "    syscall\n"
                  "land:\n" NOTE(seen, ) "    pushfq\n"
                                         "    pop landed_flags\n"
                                         "    mov %gs:0, %rax\n"
                                         "    mov %rax, user_gs\n"
                                         "    mov $0x7777, %eax\n"
                                         "    syscall\n"
                                         "land_with_flags:\n" /* rax */
                                         "    push %rax\n"
                                         "    popfq\n"
                                         "    syscall\n"
                                         "arrive:\n" NOTE(
                                             called, ) "    pop call_frame; pop call_frame+8; pop "
                                                       "call_frame+16; pop call_frame+24\n"
                                                       "    pop call_frame+32; pop call_frame+40; "
                                                       "pop call_frame+48\n"
                                                       "    mov %gs:0, %rax\n"
                                                       "    mov %rax, kernel_gs\n"
                                                       "    xor %eax, %eax\n"
                                                       "back:\n"
                                                       "    mov kernel_at, %rsp\n"
                                                       "    pop %r15; pop %r14; pop %r13; pop "
                                                       "%r12; pop %rbp; pop %rbx\n"
                                                       "    ret\n"
                                                       "look:\n"
                                                       "    movabs $0xffffc90000000000, %rax\n"
                                                       "    mov (%rax), %rax\n"
                                                       "    syscall\n"
                                                       "call_at:\n"
                                                       "    push %rbx; push %rbp; push %r12; push "
                                                       "%r13; push %r14; push %r15\n"
                                                       "    mov %rsp, kernel_at\n"
                                                       "    mov %rdi, %rdx\n"
                                                       "    mov $17, %eax\n" /* xen_version(0) */
                                                       "    xor %edi, %edi\n"
                                                       "    jmp *%rdx\n"
                                                       "in_the_kernel:\n"
                                                       "    mov $3, %eax\n"
                                                       "    jmp back\n"
                                                       "event_arrives:\n"
                                                       "    mov $2, %eax\n"
                                                       "    jmp back\n");

/* Exceptions end the stay in user mode; what they say is noted. */
static struct trap_frame trap;
static bool watching;

static bool on_trap(struct trap_frame *frame)
{
    if ((frame->cs & 3) != 3 && frame->rip != EDGE)
        return watching && frame->vector == 1; /* the frame being written */
    trap = *frame;
    frame->rip = (uint64_t)(uintptr_t)back;
    frame->cs = FLAT_KERNEL_CS & ~3UL;
    frame->ss = FLAT_KERNEL_SS;
    frame->rflags = FLAG_IF;
    frame->rax = BY_EXCEPTION;
    return true;
}

static void entry_link(uint64_t *at, uint64_t *table)
{
    struct mmu_update update = { .ptr = frames_virt_to_machine(at),
                                 .val = frames_virt_to_machine(table) | PTE_KERNEL };

    check("protect", page_tables_protect(table, false), 0);
    check("link", hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF), 0);
}

/* Maps n new pages from va on in the kernel's root, where nothing is yet; the first one's place in
 * the linear map. */
static uint8_t *pages_map(uint64_t va, unsigned int n)
{
    uint64_t *l1 = frames_alloc(0), *l2 = frames_alloc(0), *l3 = frames_alloc(0);
    uint8_t *pages = frames_alloc(1);

    for (unsigned int i = 0; i < n; i++)
        l1[(va >> 12 & 511) + i] = frames_virt_to_machine(pages + i * PAGE_SIZE) | PTE_KERNEL;
    l2[va >> 21 & 511] = frames_virt_to_machine(l1) | PTE_KERNEL;
    l3[va >> 30 & 511] = frames_virt_to_machine(l2) | PTE_KERNEL;
    check("protect", page_tables_protect(l1, false), 0);
    check("protect", page_tables_protect(l2, false), 0);
    entry_link(&kernel_root[va >> 39 & 511], l3);
    return pages;
}

static void handler_set(uint16_t flags)
{
    struct callback_register op = { .type = CALLBACKTYPE_syscall,
                                    .flags = flags,
                                    .address = (uint64_t)(uintptr_t)arrive };

    check("handler", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)), 0);
}

static void setup(void)
{
    struct mmuext_op root = { .cmd = MMUEXT_NEW_USER_BASEPTR };

    static uint64_t users = USERS, kernels = KERNELS;

    check("user's gs", hypercall_set_segment_base(SEGBASE_GS_USER, HYPERCALL_ARG(&users)), 0);
    check("kernel's gs", hypercall_set_segment_base(SEGBASE_GS_KERNEL, HYPERCALL_ARG(&kernels)), 0);
    kernel_root = (uint64_t *)start_info->pt_base;
    user_root = frames_alloc(0);
    memcpy(user_root, kernel_root, PAGE_SIZE);
    root.arg1.mfn = frames_virt_to_mfn(user_root);
    check("protect", page_tables_protect(user_root, false), 0);
    frames_behind = pages_map(UPPER, 2);
    stack = frames_alloc(0);
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, on_trap);
    check("user root", hypercall_mmuext_op(HYPERCALL_ARG(&root), 1, 0, DOMID_SELF), 0);
    check("kernel stack",
          hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)(uintptr_t)upper + 2 * PAGE_SIZE), 0);
    handler_set(CALLBACKF_mask_events);
}

static struct iret_context plain(void)
{
    uint64_t rip = (uint64_t)(uintptr_t)land;

    return (struct iret_context){ .rax = 0x5555,
                                  .r11 = FLAG_IF,
                                  .rcx = rip,
                                  .rip = rip,
                                  .cs = FLAT_RING3_CS64,
                                  .rflags = FLAG_IF,
                                  .rsp = (uint64_t)(uintptr_t)stack + PAGE_SIZE,
                                  .ss = FLAT_KERNEL_SS };
}

/* What comes after it, from a frame at `at`. */
static int64_t go(struct iret_context frame, char *at)
{
    int64_t by;

    for (unsigned int i = 0; i < REGISTERS; i++)
        seen[i] = called[i] = 0;
    trap = (struct trap_frame){ 0 };
    landed_flags = user_gs = kernel_gs = 0;
    /* The console's events find their handler in user mode, not on the stack that `leave` makes. */
    shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
    /* Not through `at`, so that the hypervisor is the first to touch it. */
    if (at >= upper && at < upper + 2 * PAGE_SIZE)
        memcpy(frames_behind + (at - upper), &frame, sizeof(frame));
    else
        memcpy(at, &frame, sizeof(frame));
    by = leave(at);
    __asm__ volatile("cld");
    return by;
}

static uint64_t changed(const uint64_t *registers)
{
    uint64_t wrong = 0;

    for (unsigned int i = KEPT; i < REGISTERS; i++)
        wrong |= (uint64_t)(registers[i] != 0x11111111 + (i - KEPT)) << i;
    return wrong;
}

static void to_and_fro(const char *how, struct iret_context frame, void *at)
{
    check(how, go(frame, at), BY_CALL);
    check("its rax", (int64_t)seen[0], (int64_t)frame.rax);
    check("its rcx", (int64_t)seen[1], (int64_t)frame.rcx);
    check("its r11", (int64_t)seen[2], (int64_t)frame.r11);
    check("the others", (int64_t)changed(seen), 0);
    check("its gs", (int64_t)user_gs, USERS);
    check("the kernel's", (int64_t)kernel_gs, KERNELS);
    check("its flags", (int64_t)(landed_flags & FLAGS_KEPT),
          (int64_t)((frame.rflags | FLAG_IF) & FLAGS_KEPT));
    check("the call's rax", (int64_t)called[0], 0x7777);
    check("the others", (int64_t)changed(called), 0);
    check("the call's rip", (int64_t)call_frame[2], (int64_t)(uintptr_t)land_with_flags);
    check("and rcx", (int64_t)call_frame[0], (int64_t)call_frame[2]);
    check("its cs", (int64_t)(call_frame[3] & 0xffffffff), FLAT_RING3_CS64);
    check("events", (int64_t)(call_frame[3] >> 32 & 0xff), !(frame.rflags & FLAG_IF));
    check("its flags, too", (int64_t)(call_frame[4] & FLAGS_KEPT),
          (int64_t)(frame.rflags & FLAGS_KEPT));
    check("and r11", (int64_t)(call_frame[1] & FLAG_IF), FLAG_IF);
    check("its stack", (int64_t)call_frame[5], (int64_t)frame.rsp);
    check("its ss", (int64_t)call_frame[6], FLAT_KERNEL_SS);
    check("events are masked", shared_info->vcpu_info[0].evtchn_upcall_mask, 1);
}

static void frames(void)
{
    struct iret_context frame = plain();

    to_and_fro("at once", frame, upper + 256);
    frame.rcx = 0x1234;
    to_and_fro("by all registers", frame, upper + 256);
    frame.r11 = 0x4321;
    to_and_fro("across pages", frame, upper + PAGE_SIZE - 40);
    frame.rflags |= FLAG_NT | FLAG_AC | FLAG_ID | 0xd5;
    to_and_fro("with flags", frame, upper + 256);
    frame.r11 = frame.rflags;
    frame.rcx = frame.rip;
    to_and_fro("with the same in r11", frame, upper + 256);
    frame.rflags &= ~FLAG_IF;
    to_and_fro("without events", frame, upper + 256);
    to_and_fro("from the lower half", frame, stack + 256);
    frame = plain();
    frame.rcx = frame.r11 = 1;
    frame.flags = VGCF_in_syscall;
    check("as from a system call", go(frame, upper + 256), BY_CALL);
    check("rcx is rip", (int64_t)seen[1], (int64_t)frame.rip);
    check("r11 the flags", (int64_t)(seen[2] & FLAG_IF), FLAG_IF);
    frame = plain();
    frame.rflags |= FLAG_TF;
    check("a step", go(frame, upper + 256), BY_EXCEPTION);
    check("is a debug exception", (int64_t)trap.vector, 1);
    frame.rflags = frame.r11 = FLAG_IF | FLAG_TF | FLAG_RF | FLAG_VM;
    check("a step, all flags the same", go(frame, upper + 256), BY_EXCEPTION);
    check("is one, too", (int64_t)trap.vector, 1);
}

/* Each side has its own tables. */
static void roots(void)
{
    struct iret_context frame = plain();

    frame.rip = frame.rcx = (uint64_t)(uintptr_t)look;
    check("look at the kernel's", go(frame, upper + 256), BY_EXCEPTION);
    check("a page fault", (int64_t)trap.vector, 14);
    check("nothing is there", (int64_t)trap.error_code, 4);
    check("but for the kernel", (int64_t) * (volatile uint64_t *)(upper + 256 + 32),
          (int64_t)(uintptr_t)look);
}

/* Selectors for another ring, and such that the processor refuses. */
static void selectors(void)
{
    struct iret_context frame = plain();

    frame.rip = (uint64_t)(uintptr_t)in_the_kernel;
    frame.cs = FLAT_KERNEL_CS & ~3UL;
    check("to the kernel", go(frame, upper + 256), IN_KERNEL);
    frame = plain();
    frame.ss = FLAT_KERNEL_SS & ~3UL;
    to_and_fro("a stack for ring 0", frame, upper + 256);
    frame.cs = 0x1233;
    check("no such code", go(frame, upper + 256), BY_EXCEPTION);
    check("says which", (int64_t)trap.error_code, 0x1230);
    check("at once", (int64_t)trap.rip, (int64_t)frame.rip);
    frame = plain();
    frame.ss = 0x1233;
    check("no such stack", go(frame, upper + 256), BY_EXCEPTION);
    check("says which", (int64_t)trap.error_code, 0x1230);
    check("with its rcx", (int64_t)trap.rcx, (int64_t)frame.rcx);
    check("and its rdi", (int64_t)trap.rdi, 0x11111113);
    frame = plain();
    frame.cs = FLAT_KERNEL_SS;
    check("a stack as code", go(frame, upper + 256), BY_EXCEPTION);
}

/* Flags that are the program's, not its kernel's. */
static void flags_of_calls(void)
{
    struct iret_context frame = plain();
    uint64_t now;

    frame.rip = frame.rcx = (uint64_t)(uintptr_t)land_with_flags;
    frame.rax = FLAG_IF | FLAG_AC | FLAG_NT | FLAG_ID | 0x400 | 0xd5;
    check("call with flags", go(frame, upper + 256), BY_CALL);
    check("the frame has them", (int64_t)(call_frame[4] & (FLAGS_KEPT | 0x400)),
          (int64_t)frame.rax);
    __asm__ volatile("pushfq; pop %0" : "=r"(now));
    check("the kernel not", (int64_t)(now & (FLAG_NT | FLAG_AC)), 0);
    handler_set(0);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    check("a handler that lets events in", go(plain(), upper + 256), BY_CALL);
    check("has them", shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
    handler_set(CALLBACKF_mask_events);
}

/* Makes pages in the upper half new to whoever shadows our tables: of bit 0 the first. */
static void forget(unsigned int which)
{
    for (unsigned int page = 0; page < 2; page++) {
        uint64_t va = (uint64_t)(uintptr_t)upper + page * PAGE_SIZE;
        uint64_t pte = frames_virt_to_machine(frames_behind + page * PAGE_SIZE) |
                       (PTE_PRESENT | PTE_WRITE | PTE_USER); /* neither accessed nor dirty */

        if (!(which >> page & 1))
            continue;
        check("away", hypercall_update_va_mapping(va, 0, UVMF_INVLPG), 0);
        check("and back", hypercall_update_va_mapping(va, pte, UVMF_INVLPG), 0);
    }
}

/* The frame of a call, or of a return, across two pages, each seen for the first time. */
static void stacks(void)
{
    for (unsigned int words = 1; words < 9; words++) {
        check("stack",
              hypercall_stack_switch(FLAT_KERNEL_SS,
                                     (uint64_t)(uintptr_t)upper + PAGE_SIZE + 16UL * (words % 4)),
              0);
        for (unsigned int which = 1; which < 4; which++) {
            forget(which);
            to_and_fro("across pages", plain(), upper + 256);
            forget(which);
            to_and_fro("from across pages", plain(), upper + PAGE_SIZE - 8UL * words);
        }
    }
    check("stack",
          hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)(uintptr_t)upper + 2 * PAGE_SIZE), 0);
}

/* One that came while they were masked. */
static void events(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct evtchn_send send;

    shared_info->vcpu_info[0].evtchn_upcall_mask = 1; /* before: the console's come at any time */
    hypercall_set_callbacks((uint64_t)(uintptr_t)event_arrives, 0, 0);
    check("port", hypercall_event_channel_op(EVTCHNOP_bind_ipi, HYPERCALL_ARG(&ipi)), 0);
    send.port = ipi.port;
    shared_info->evtchn_mask[ipi.port / 64] &= ~(1UL << ipi.port % 64);
    check("send", hypercall_event_channel_op(EVTCHNOP_send, HYPERCALL_ARG(&send)), 0);
    check("it comes first", go(plain(), upper + 256), BY_EVENT);
    check("not a register was used", (int64_t)seen[0], 0);
    check("masked again", shared_info->vcpu_info[0].evtchn_upcall_mask, 1);
    hypercall_set_callbacks((uint64_t)(uintptr_t)event_entry, 0, 0);
}

/* A debug register set on the frame is no reason to stop. */
static void watched(void)
{
    watching = true;
    check("watch the frame", hypercall_set_debugreg(0, (uint64_t)(uintptr_t)upper + 256), 0);
    check("on", hypercall_set_debugreg(7, 0x30003), 0);
    to_and_fro("watched", plain(), upper + 256);
    check("still on", hypercall_get_debugreg(7), 0x30403);
    check("a store, too", hypercall_set_debugreg(1, HYPERCALL_ARG(&seen[3])), 0);
    check("on", hypercall_set_debugreg(7, 0xd3000f), 0);
    check("a store in user mode", go(plain(), upper + 256), BY_EXCEPTION);
    check("is a debug exception", (int64_t)trap.vector, 1);
    check("off", hypercall_set_debugreg(7, 0), 0);
}

/* Where no address is: what the processor refuses on the way out must not be our fault. */
static void edges(void)
{
    struct iret_context frame = plain();
    uint8_t *last = pages_map(EDGE - PAGE_SIZE, 1);
    struct mmu_update link = { .ptr = frames_virt_to_machine(&user_root[EDGE_SLOT]),
                               .val = kernel_root[EDGE_SLOT] };

    check("user link", hypercall_mmu_update(HYPERCALL_ARG(&link), 1, 0, DOMID_SELF), 0);
    frame.rip = frame.rcx = EDGE;
    check("to no address", go(frame, upper + 256), BY_EXCEPTION);
    check("is a general protection fault", (int64_t)trap.vector, 13);
    check("there", (int64_t)trap.rip, (int64_t)EDGE);
    frame.rcx = 0;
    check("with another rcx", go(frame, upper + 256), BY_EXCEPTION);
    check("likewise", (int64_t)trap.vector, 13);
    last[PAGE_SIZE - 2] = 0x0f;
    last[PAGE_SIZE - 1] = 0x05;
    frame.rip = frame.rcx = EDGE - 2;
    check("call with the last bytes", go(frame, upper + 256), BY_CALL);
    check("from there", (int64_t)call_frame[2], (int64_t)EDGE);
    trap.vector = 0;
    check("hypercall with the last bytes", call_at(EDGE - 2), BY_EXCEPTION);
    check("likewise", (int64_t)trap.vector, 13);
}

void guest_test(void)
{
    setup();
    frames();
    roots();
    selectors();
    flags_of_calls();
    stacks();
    watched();
    edges();
    events();
}

/*
 * A tiny kernel that keeps its memory as on the bare machine: its page tables hold its own frame
 * numbers, lie in ordinary memory and are changed by plain stores.  Only what instructions of ring
 * 0 do is a hypercall; each says which.  docs/porting-a-kernel.md walks through it.
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/rings/console.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/start-info.h"
#include "hypercall-abi/version.h"

/* Bits of an entry, and the first three of a page fault's error code: the processor's. */
enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40 };
#define ADDRESS 0x000ffffffffff000UL

/* What is mapped where, besides all memory at its own address. */
#define USER   0x40000000UL   /* the user program */
#define DEMAND 0x4000000000UL /* pages that come when they are touched, */
#define PAGES  16UL           /* so many */
#define SELF   511UL          /* the root's entry for the root: from TABLES on lie all L1 entries */
#define TABLES (~0UL << 48 | SELF << 39)

struct frame {
    uint64_t error_code, rip, cs, rflags, rsp, ss;
};

extern char page_fault_entry[], syscall_entry[], stacks[], user_program[], user_leave[];
uint64_t user_run(uint64_t rip, uint64_t rsi);

static volatile struct xencons_interface *console;
static evtchn_port_t console_port;
static uint64_t *root, free_frame;
static volatile uint64_t faults, write_faults, user_error;

/* In place of ring 0's instructions. */

static void mmuext(uint32_t command, uint64_t argument)
{
    struct mmuext_op op = { .cmd = command, .arg1.linear_addr = argument };

    hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

static void load_cr3(const uint64_t *table) /* mov %rax, %cr3 */
{
    mmuext(MMUEXT_NEW_BASEPTR, (uint64_t)table >> 12);
}

static void invlpg(const volatile void *address) /* invlpg (%rax) */
{
    mmuext(MMUEXT_INVLPG_LOCAL, (uint64_t)address);
}

static void load_entries(void)
{
    struct trap_info traps[] = { { 14, 0, FLAT_KERNEL_CS, (uint64_t)page_fault_entry }, { 0 } };
    struct callback_register call = { CALLBACKTYPE_syscall, 0, (uint64_t)syscall_entry };

    hypercall_set_trap_table(HYPERCALL_ARG(traps));                       /* lidt */
    hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&call));     /* wrmsr: LSTAR */
    hypercall_stack_switch(FLAT_KERNEL_SS, HYPERCALL_ARG(stacks) + 8192); /* the TSS's rsp0 */
}

static void power_off(uint32_t reason) /* outw to ACPI's PM1a_CNT */
{
    hypercall_sched_op(SCHEDOP_shutdown, HYPERCALL_ARG(&reason));
}

/* The console: a ring in our memory, in place of a serial port. */

static void console_wait(uint32_t room)
{
    while (console->out_prod - console->out_cons > sizeof(console->out) - room) {
        hypercall_event_channel_op(EVTCHNOP_send, HYPERCALL_ARG(&console_port));
        hypercall_sched_op(SCHEDOP_yield, 0); /* pause */
    }
}

static void put(char c)
{
    console_wait(1);
    console->out[console->out_prod % sizeof(console->out)] = c;
    console->out_prod++; /* volatile, and x86 stores in order */
}

static void say(const char *text, uint64_t number)
{
    int shift = 60;

    while (*text)
        put(*text++);
    while (shift && !(number >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[number >> shift & 15]);
    put('\r');
    put('\n');
}

/* Page tables, as the processor's manual has them. */

static uint64_t frame_take(void)
{
    uint64_t *page = (uint64_t *)(free_frame++ << 12);

    for (unsigned i = 0; i < 512; i++)
        page[i] = 0;
    return (uint64_t)page;
}

/* The L1 entry of an address; tables on the way to it are made. */
static uint64_t *entry_of(uint64_t address)
{
    uint64_t *table = root;

    for (unsigned level = 4; level > 1; level--) {
        uint64_t *entry = &table[address >> (3 + 9 * level) & 511];

        if (!(*entry & P))
            *entry = frame_take() | P | W | U;
        table = (uint64_t *)(*entry & ADDRESS);
    }
    return &table[address >> 12 & 511];
}

static void tables_make(const struct start_info *boot)
{
    root = (uint64_t *)frame_take();
    for (uint64_t frame = 1; frame < boot->nr_pages; frame++) /* not 0: null pointers fault */
        *entry_of(frame << 12) = frame << 12 | P | W;
    *entry_of(USER) = (uint64_t)user_program | P | U;
    root[SELF] = (uint64_t)root | P | W;
    load_cr3(root);
}

/* An entry that allows more than before needs no flush, here as there. */
void page_fault(struct frame *frame)
{
    uint64_t address;

    __asm__ volatile("mov %%cr2, %0" : "=r"(address)); /* itself: it is finished for us */
    if (address - DEMAND < PAGES << 12 && !(frame->error_code & P)) {
        *entry_of(address) = frame_take() | P | W | U;
        faults++;
    } else if (address - DEMAND < PAGES << 12 && frame->error_code == (P | W)) {
        *entry_of(address) |= W;
        write_faults++;
    } else if (frame->error_code & U) { /* back to whom user_run was called by */
        user_error = frame->error_code;
        frame->rip = (uint64_t)user_leave;
        frame->cs = FLAT_KERNEL_CS & ~3;
    } else {
        say("page fault at ", address);
        power_off(SHUTDOWN_crash);
    }
}

/* What it shows. */

static void show_faults(volatile uint64_t *word)
{
    for (uint64_t page = 0; page < PAGES; page++)
        word[page * 512] = page + 1;
    say("pages that came when they were touched: ", faults);
    *entry_of(DEMAND) = 0;
    invlpg(word);
    say("the first taken away: it reads as ", *word);
    say("page faults by now: ", faults);
    *entry_of(DEMAND) &= ~(uint64_t)W;
    invlpg(word);
    *word = 1234;
    say("writes to a read-only page: ", write_faults);
}

/* The entry is read and written where the self-map has it. */
static void show_accessed_and_dirty(volatile uint64_t *word)
{
    volatile uint64_t *entry = (uint64_t *)(TABLES + (DEMAND >> 9));

    *entry &= ~(uint64_t)(A | D);
    invlpg(word);
    say("accessed and dirty bits: ", *entry & (A | D));
    (void)*word;
    say("after a read: ", *entry & (A | D));
    *word = 0x1234;
    say("after a write: ", *entry & (A | D));
}

static void show_user(void)
{
    say("user mode reads ", user_run(USER, DEMAND));
    user_run(USER, (uint64_t)root);
    say("and of the kernel's nothing: error code ", user_error);
}

void tiny(const struct start_info *boot)
{
    struct xen_feature_info features = { .submap_idx = 0 };

    hypercall_xen_version(XENVER_get_features, HYPERCALL_ARG(&features)); /* cpuid */
    if (!(features.submap & 1U << XENFEAT_auto_translated_physmap))
        power_off(SHUTDOWN_crash); /* frame numbers are the machine's */
    console = (void *)(boot->console.domU.mfn << 12);
    console_port = boot->console.domU.evtchn;
    free_frame = (boot->pt_base >> 12) + boot->nr_pt_frames + 1; /* behind tables and stack */
    load_entries();
    tables_make(boot);
    say("page tables of its own at ", (uint64_t)root);
    show_faults((uint64_t *)DEMAND);
    show_accessed_and_dirty((uint64_t *)DEMAND);
    show_user();
    console_wait(sizeof(console->out)); /* until all is read */
    power_off(SHUTDOWN_poweroff);
}

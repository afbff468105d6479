/*
 * Page tables that a guest should not have: every bit of an entry at every level, frames of nobody
 * and of others, tables in themselves, more tables than there is room for, tables given back while
 * in use, tables and instructions that another vCPU changes.  In shadow mode the guest stores them;
 * else it asks or, with "stores" on its command line, tries to.  Run by
 * tests/system/test_hostile.py: each case says that it ran to its end, and "bad" if what it saw
 * cannot be.
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "pv-kernel/traps.h"
#include "tests/vcpu-context.h"

#define SLOT    5UL /* of the root: ours to play with */
#define AREA    (SLOT << 39)
#define OPEN    (PTE_KERNEL | PTE_USER)
#define MARK    0x6d61726b6d61726bUL
#define LASTING 400000000UL /* ns that two vCPUs are at it, at least */
#define ROUNDS  200         /* and rounds, however busy the machine */

static uint64_t *root, *tables[5]; /* by level: the one way down to AREA */
static uint64_t *page;
static bool translated, stores;
static struct vcpu_guest_context context;
static volatile bool stop, stopped;

/* 1, or 0 if it faulted. */
int probe_read(const void *address, uint64_t *to);
int probe_write(void *address, uint64_t value);
int probe_call(const void *address);
extern char probe_read_at[], probe_write_at[], probe_failed[];

__asm__("probe_read:\n"
        "probe_read_at: mov (%rdi), %rax\n"
        "mov %rax, (%rsi)\n"
        "mov $1, %eax\n"
        "ret\n"
        "probe_write:\n"
        "probe_write_at: mov %rsi, (%rdi)\n"
        "mov $1, %eax\n"
        "ret\n"
        "probe_call:\n"
        "call *%rdi\n"
        "mov $1, %eax\n"
        "ret\n"
        "probe_failed:\n"
        "xor %eax, %eax\n"
        "ret\n");

static bool on_fault(struct trap_frame *frame)
{
    bool called = frame->rip >= AREA && frame->rip < AREA + (1UL << 39);

    if (!called && frame->rip != (uint64_t)(uintptr_t)probe_read_at &&
        frame->rip != (uint64_t)(uintptr_t)probe_write_at)
        return false;
    if (called)
        frame->rsp += 8; /* where it was called from */
    frame->rip = (uint64_t)(uintptr_t)probe_failed;
    return true;
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void expect(const char *what, bool good)
{
    if (!good)
        kprintf("hostile: bad: %s\n", what);
}

static void entry_put(uint64_t *at, uint64_t value)
{
    struct mmu_update update = { .ptr = frames_virt_to_machine(at), .val = value };

    if (translated)
        *(volatile uint64_t *)at = value;
    else if (!stores || !probe_write(at, value))
        (void)hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF);
}

static void flush(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_ALL };

    hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

static uint64_t *table_make(void)
{
    uint64_t *table = frames_alloc(0);

    if (table && !translated)
        (void)page_tables_protect(table, false);
    return table;
}

static uint64_t entry_of(const void *frame)
{
    return frames_virt_to_machine(frame) | OPEN;
}

/* A way down to the page. */
static void link_all(void)
{
    for (unsigned int level = 1; level < 4; level++)
        entry_put(tables[level], entry_of(level == 1 ? page : tables[level - 1]));
    entry_put(&root[SLOT], entry_of(tables[3]));
    flush();
}

static bool page_is_there(void)
{
    uint64_t seen = 0;

    return probe_read((void *)AREA, &seen) && seen == MARK && page[0] == MARK;
}

/* All 64 bits at each level, one at a time and in pairs with a neighbour. */
static void bits(void)
{
    uint64_t seen;

    for (unsigned int level = 1; level <= 4; level++) {
        uint64_t *at = level == 4 ? &root[SLOT] : tables[level];

        for (unsigned int bit = 0; bit < 128; bit++) {
            uint64_t good = *(volatile uint64_t *)at;

            entry_put(at, good ^ 1UL << bit % 64 ^ (bit < 64 ? 0 : 1UL << (bit + 1) % 64));
            (void)probe_read((void *)AREA, &seen);
            flush();
            (void)probe_read((void *)AREA, &seen);
            entry_put(at, good);
            link_all();
            if (!page_is_there())
                kprintf("hostile: bad: level %u bit %u is still felt\n", level, bit);
        }
    }
}

/* Nobody's, the hypervisor's, other guests': whatever the number, it is memory of ours or none. */
static void frames(void)
{
    uint64_t seen, here = 0;

    for (unsigned int i = 0; i < 3000; i++) {
        uint64_t frame = i < 512 ? i * 64 : random_word() >> (24 + random_word() % 32);

        entry_put(tables[1 + i % 3], frame << PAGE_SHIFT | OPEN);
        flush();
        here += (uint64_t)probe_read((void *)AREA, &seen);
        link_all();
    }
    for (uint64_t frame = frames_total(); translated && frame < frames_total() + 2000; frame++) {
        entry_put(tables[1], frame << PAGE_SHIFT | OPEN);
        flush();
        expect("there is nothing behind our memory", !probe_read((void *)AREA, &seen));
    }
    link_all();
    expect("the page", page_is_there());
}

/* Tables as their own page, and as the next one down. */
static void in_themselves(void)
{
    uint64_t seen;

    for (unsigned int level = 1; level <= 3; level++)
        for (unsigned int as = 1; as <= 4; as++) {
            uint64_t *at = as == 4 ? &root[SLOT] : tables[as];

            entry_put(at, entry_of(tables[level]));
            flush();
            for (unsigned int i = 0; i < 8; i++) {
                if (probe_read((void *)(AREA + i * 8), &seen))
                    (void)probe_write((void *)(AREA + i * 8), seen);
                (void)probe_write((void *)(AREA + 8 + i * 8), entry_of(tables[as % 4]));
            }
            for (unsigned int i = 1; i < 16; i++)
                entry_put(&tables[level][i], 0);
            link_all();
        }
    entry_put(&tables[3][1], entry_of(root));
    (void)probe_read((void *)(AREA + (1UL << 30)), &seen);
    (void)probe_write((void *)(AREA + (1UL << 30) + SLOT * 8), *(volatile uint64_t *)&root[SLOT]);
    entry_put(&tables[3][1], 0);
    link_all();
    expect("the page after them", page_is_there());
}

/* Many more tables than can be shadowed, all in use, several times over. */
static void many(void)
{
    uint64_t *first = NULL, *table, seen, found = 0, made = 0;

    while (frames_free_count() > 64 && made < 511 && (table = table_make())) {
        entry_put(&table[0], entry_of(page));
        entry_put(&table[511], (uint64_t)(uintptr_t)first << 12 & ~1UL); /* our own list */
        first = table;
        entry_put(&tables[2][++made], entry_of(table));
    }
    for (unsigned int round = 0; round < 3; round++)
        for (uint64_t i = 1; i <= made; i++) {
            found += (uint64_t)probe_read((void *)(AREA + (i << 21)), &seen) && seen == MARK;
            (void)probe_write((void *)(AREA + (i << 21)), MARK);
        }
    expect("all of them lead to the page", found == 3 * made && made > 100);
    for (uint64_t i = 1; i <= made; i++)
        entry_put(&tables[2][i], 0);
    flush();
}

static void second(void)
{
    while (!stop) {
        uint64_t kind = random_word(), index = kind >> 8 & 7, value = random_word();
        uint64_t *table = tables[1 + kind % 3];
        struct mmu_update update;

        if (kind & 16)
            value = entry_of(kind & 32 ? page : tables[1 + (kind >> 6) % 3]);
        if (!(kind & 64))
            value &= ~(0xfffUL << 40);
        update = (struct mmu_update){ frames_virt_to_machine(&table[index]), value };
        if (translated) /* else it would have to handle faults */
            *(volatile uint64_t *)&table[index] = value;
        else
            (void)hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF);
    }
    stopped = true;
    for (;;)
        hypercall_sched_op(SCHEDOP_yield, 0);
}

static void second_start(void)
{
    vcpu_context_fill(&context, second, frames_alloc(2), 4 * PAGE_SIZE);
    context.ctrlreg[3] = frames_virt_to_mfn(root) << PAGE_SHIFT;
    expect("initialise", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)) == 0);
    expect("up", hypercall_vcpu_op(VCPUOP_up, 1, 0) == 0);
}

/* The other vCPU stores into the tables that this one walks, and whose pages it gives back.  What
 * it reads may be anything of ours; it writes nothing there. */
static void races(void)
{
    uint64_t until, seen, rounds = 0;

    second_start();
    until = clock_monotonic_ns() + LASTING;
    for (; clock_monotonic_ns() < until || rounds < ROUNDS; rounds++) {
        uint64_t address = AREA | (random_word() & 7) << 30 | (random_word() & 7) << 21 |
                           (random_word() & 7) << 12;

        (void)probe_read((void *)address, &seen);
        if (rounds % 16 == 0)
            flush();
        if (rounds % 64 == 0)
            entry_put(&root[SLOT], rounds % 128 ? entry_of(tables[3]) : 0);
    }
    stop = true;
    while (!stopped)
        hypercall_sched_op(SCHEDOP_yield, 0);
    for (unsigned int level = 1; level < 4; level++)
        for (unsigned int i = 0; i < 8; i++)
            entry_put(&tables[level][i], 0);
    page[0] = MARK;
    link_all();
    expect("the page after the race", page_is_there());
}

/* A table, at each level, and the page itself: given back while all of it is in use. */
static void given_back(void)
{
    for (unsigned int i = 0; i < 40; i++) {
        uint64_t *frame = i % 4 ? tables[i % 4] : page;
        uint64_t gfn = frames_virt_to_mfn(frame), seen;
        struct xen_memory_reservation r = { .extent_start = HYPERCALL_ARG(&gfn),
                                            .nr_extents = 1,
                                            .domid = DOMID_SELF };

        if (!translated)
            break; /* there the hypervisor keeps what is in use: tests/guest/memory.c */
        expect("give back",
               hypercall_memory_op(XENMEM_decrease_reservation, HYPERCALL_ARG(&r)) == 1);
        flush();
        expect("gone", !probe_read((void *)AREA, &seen) && !probe_read(frame, &seen));
        expect("no place to write", !probe_write(frame, 0));
        expect("get", hypercall_memory_op(XENMEM_populate_physmap, HYPERCALL_ARG(&r)) == 1);
        expect("clear", probe_read(frame, &seen) && !seen);
        page[0] = MARK;
        link_all();
        expect("the page again", page_is_there());
    }
}

/* Code in pages that are tables, too: a store whose own instruction it changes. */
static void instructions(void)
{
    static const uint8_t code[] = { 0x48, 0x89, 0x3f, /* mov %rdi, (%rdi) */ 0xc3 };
    uint8_t *bytes = (uint8_t *)page;

    for (unsigned int i = 0; i < sizeof(code); i++)
        bytes[i] = code[i];
    for (unsigned int i = 0; i < 64; i++) {
        entry_put(&tables[1][1], entry_of(tables[1 + i % 3]));
        flush();
        (void)probe_call((void *)AREA);
        if (translated) /* the page as a table of level 1, its code as an entry */
            entry_put(&tables[2][1], entry_of(page));
        (void)probe_call((void *)AREA);
        entry_put(&tables[2][1], 0);
    }
    page[0] = MARK;
    link_all();
    expect("the page after that", page_is_there());
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "bits", bits },   { "frames", frames },         { "in-themselves", in_themselves },
    { "many", many },   { "given-back", given_back }, { "instructions", instructions },
    { "races", races },
};

void guest_main(struct start_info *si)
{
    root = (uint64_t *)si->pt_base;
    translated = page_tables_translated();
    stores = si->cmd_line[0] == 's';
    trap_set_handler(14, on_fault);
    trap_set_handler(6, on_fault);
    trap_set_handler(13, on_fault);
    page = frames_alloc(0);
    page[0] = MARK;
    for (unsigned int level = 1; level < 4; level++)
        tables[level] = table_make();
    link_all();
    expect("the page at first", page_is_there());
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kprintf("hostile: %s\n", cases[i].name);
        cases[i].run();
        kprintf("hostile: %s done\n", cases[i].name);
    }
    kernel_shutdown(SHUTDOWN_poweroff);
}

/*
 * Random page-table programs: entries at three levels are changed, the TLB is flushed, and accesses
 * must be let through or fault, and leave accessed and dirty bits, as a model of the processor's
 * walk over the same entries says.  Each program runs twice: its L1 entries set by hypercalls, and
 * by stores.  What was seen must be the same for both, on both hypervisors and in each page-table
 * mode: it is hashed, and printed.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/traps.h"

#define PROGRAMS 5000 /* twice */
#define SLOT     5UL  /* of the root */
#define AREA     (SLOT << 39)
#define USED     4 /* entries of a table */
#define PAGES    8
#define FRAME    0x000ffffffffff000UL
#define ERROR    (1UL | 2 | 16) /* present, write, fetch */

enum access { READ, WRITE, FETCH };

static uint64_t *tables[4][4]; /* by level: one, two, four of them */
static const unsigned int count[4] = { 0, 4, 2, 1 };
static uint64_t *pages[PAGES];
static bool stores; /* L1 entries are stored to */
static uint64_t random_state, hash;
static uint64_t fault_code, fault_at;

/* 1, or 0 if it faulted. */
int program_read(const void *address, uint64_t *to);
int program_write(void *address, uint64_t value);
int program_fetch(const void *address);
extern char program_read_at[], program_write_at[], program_faulted[];

__asm__("program_read:\n"
        "program_read_at: mov (%rdi), %rax\n"
        "mov %rax, (%rsi)\n"
        "mov $1, %eax\n"
        "ret\n"
        "program_write:\n"
        "program_write_at: mov %rsi, (%rdi)\n"
        "mov $1, %eax\n"
        "ret\n"
        "program_fetch:\n"
        "call *%rdi\n"
        "mov $1, %eax\n"
        "ret\n"
        "program_faulted:\n"
        "xor %eax, %eax\n"
        "ret\n");

static bool on_fault(struct trap_frame *frame)
{
    if (frame->rip >> 39 == SLOT)
        frame->rsp += 8; /* back to where it was called from */
    else if (frame->rip != (uint64_t)(uintptr_t)program_read_at &&
             frame->rip != (uint64_t)(uintptr_t)program_write_at)
        return false;
    fault_code = frame->error_code & ERROR;
    fault_at = trap_fault_address();
    frame->rip = (uint64_t)(uintptr_t)program_faulted;
    return true;
}

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static void note(uint64_t seen)
{
    hash = (hash ^ seen) * 0x100000001b3UL;
}

static void entry_put(unsigned int level, uint64_t *at, uint64_t value)
{
    struct mmu_update update = { .ptr = frames_virt_to_machine(at), .val = value };

    if (stores && level == 1)
        *(volatile uint64_t *)at = value;
    else if (hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF))
        check("an update", 1, 0);
}

static uint64_t *below(unsigned int level, unsigned int which)
{
    return level == 1 ? pages[which % PAGES] : tables[level - 1][which % count[level - 1]];
}

static void change(void)
{
    unsigned int level = random_below(8) < 5 ? 1 : random_below(4) ? 2 : 3;
    uint64_t *at = &tables[level][random_below(count[level])][random_below(USED)];
    uint64_t value = frames_virt_to_machine(below(level, (unsigned int)random_below(PAGES))) |
                     PTE_USER | (random_below(8) ? PTE_PRESENT : 0) |
                     (random_below(4) ? PTE_WRITE : 0) | (random_below(4) ? 0 : PTE_NX) |
                     (random_below(2) ? PTE_ACCESSED : 0);

    if (level == 1 && random_below(2))
        value |= PTE_DIRTY;
    entry_put(level, at, value);
}

static void flush(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

/* The processor's walk.  The page, or PAGES and the fault's error code.  *used: entries say so. */
static unsigned int walk(const unsigned int index[4], enum access kind, uint64_t *code, bool *used)
{
    uint64_t asked = kind == WRITE ? 2 : kind == FETCH ? 16 : 0;
    unsigned int which = 0;
    bool let = true;

    *code = asked;
    *used = true;
    for (unsigned int level = 3; level; level--) {
        uint64_t entry = ((volatile uint64_t *)tables[level][which])[index[level]];
        unsigned int next = 0;

        if (!(entry & PTE_PRESENT))
            return PAGES;
        let &= (kind != WRITE || (entry & PTE_WRITE)) && (kind != FETCH || !(entry & PTE_NX));
        *used &= (entry & PTE_ACCESSED) && (level > 1 || kind != WRITE || (entry & PTE_DIRTY));
        while (frames_virt_to_machine(below(level, next)) != (entry & FRAME))
            next++;
        which = next;
    }
    *code |= 1;
    return let ? which : PAGES;
}

static unsigned int failures;

static void expect(bool good)
{
    failures += !good;
}

static void try_access(void)
{
    unsigned int index[4] = { 0 }, want;
    enum access kind = (enum access)random_below(3);
    uint64_t address = AREA, code, seen = 0;
    bool used, done;

    for (unsigned int level = 1; level < 4; level++) {
        index[level] = (unsigned int)random_below(USED);
        address |= (uint64_t)index[level] << (PAGE_SHIFT + 9 * (level - 1));
    }
    want = walk(index, kind, &code, &used);
    if (kind == READ)
        done = program_read((void *)(address + 8), &seen);
    else if (kind == WRITE)
        done = program_write((void *)(address + 16), random_state);
    else
        done = program_fetch((void *)address);
    note(done ? 0x100 + want : fault_code);
    expect(done == (want < PAGES));
    if (!done) {
        expect(fault_code == code && fault_at == address + (kind == READ    ? 8
                                                            : kind == WRITE ? 16
                                                                            : 0));
        return;
    }
    (void)walk(index, kind, &code, &used);
    expect(used && (kind != READ || seen == want) &&
           (kind != WRITE || *(volatile uint64_t *)(pages[want] + 2) == random_state));
}

static void run(bool by_stores)
{
    stores = by_stores;
    random_state = 88172645463325252UL;
    hash = 0xcbf29ce484222325UL;
    for (unsigned int program = 0; program < PROGRAMS; program++) {
        for (uint64_t n = 1 + random_below(8); n; n--)
            change();
        flush();
        for (unsigned int n = 0; n < 8; n++)
            try_access();
    }
    check("programs as they should", failures, 0);
    value("what was seen", (int64_t)(hash >> 8));
}

/* Pinned, an L1 table takes stores also while nothing refers to it. */
static void pin(const uint64_t *table)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frames_virt_to_mfn(table) };

    check("pin", hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF), 0);
}

static uint64_t *table_make(void)
{
    uint64_t *table = frames_alloc(0);

    if (!page_tables_translated())
        check("protect", page_tables_protect(table, false), 0);
    else
        check("protect", table == NULL, 0);
    return table;
}

void guest_test(void)
{
    uint64_t *root = (uint64_t *)start_info->pt_base;

    trap_set_handler(14, on_fault);
    check("stores to L1 tables are finished",
          hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    for (unsigned int i = 0; i < PAGES; i++) {
        pages[i] = frames_alloc(0);
        pages[i][0] = 0xc3; /* ret */
        pages[i][1] = i;
    }
    for (unsigned int level = 1; level < 4; level++)
        for (unsigned int i = 0; i < count[level]; i++)
            tables[level][i] = table_make();
    for (unsigned int i = 0; i < count[1]; i++)
        pin(tables[1][i]);
    entry_put(4, &root[SLOT], frames_virt_to_machine(tables[3][0]) | PTE_KERNEL);
    run(false);
    for (unsigned int level = 1; level < 4; level++) /* from the same start */
        for (unsigned int i = 0; i < count[level] * USED; i++)
            entry_put(level, &tables[level][i / USED][i % USED], 0);
    flush();
    run(true);
}

/*
 * The instructions that tell of the machine's state, or mean to change it, and do not trap in ring
 * 3: what they do there.  docs/sensitive-instructions.md has a row for each.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/physdev.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

/* Selectors: of the hypervisor's own segments, and of ours in a table we set. */
#define HYPERVISOR_CODE 0xe008
#define HYPERVISOR_DATA 0xe010
#define TASK            0xe040
#define OUR_DATA        (4 << 3 | 3)
#define OUR_LOCAL       (1 << 3 | 7)
#define GATE            (6 << 3)

#define FLAG_IF   (1UL << 9)
#define FLAG_DF   (1UL << 10)
#define FLAG_IOPL (3UL << 12)
#define FLAG_ID   (1UL << 21)

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

static struct far_pointer to;
static uint64_t wanted_selector;

static bool is_hypervisors(uint64_t address)
{
    return address >= HYPERVISOR_VIRT_START && address < HYPERVISOR_VIRT_END;
}

static void table_registers(void)
{
    struct table_register gdt, idt;
    uint64_t task, word;

    __asm__ volatile("sgdt %0" : "=m"(gdt));
    check("sgdt: limit", gdt.limit, 15 * 4096 - 1);
    check_true("sgdt: base in the hypervisor", is_hypervisors(gdt.base));
    __asm__ volatile("sidt %0" : "=m"(idt));
    check("sidt: limit", idt.limit, 256 * 16 - 1);
    check_true("sidt: base in the hypervisor", is_hypervisors(idt.base));
    __asm__ volatile("str %0" : "=r"(task));
    check("str", (int64_t)task, TASK);
    __asm__ volatile("fninit");
    __asm__ volatile("smsw %0" : "=r"(word));
    check("smsw: PE MP EM TS NE", word & 0x2f, 0x23);
    hypercall_fpu_taskswitch(1);
    __asm__ volatile("smsw %0" : "=r"(word));
    check("smsw: with TS set by a call", word & 0x2f, 0x2b);
    hypercall_fpu_taskswitch(0);
}

static uint64_t flags_read(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    return flags;
}

/* Read back at once: DF must not stay. */
static uint64_t flags_after(uint64_t flags)
{
    __asm__ volatile("push %0; popfq; pushfq; pop %0; push $2; popfq" : "+r"(flags) : : "cc");
    return flags;
}

static void flags(void)
{
    struct physdev_set_iopl iopl = { .iopl = 1 };
    volatile uint8_t *mask = &shared_info->vcpu_info[0].evtchn_upcall_mask;

    hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
    *mask = 1;
    check("pushf: IF while events are masked", flags_read() & FLAG_IF, FLAG_IF);
    *mask = 0;
    check("pushf: IF while they are not", flags_read() & FLAG_IF, FLAG_IF);
    check("pushf: IOPL", flags_read() & FLAG_IOPL, 0);
    check("popf: IF cleared", flags_after(2) & FLAG_IF, FLAG_IF);
    check("popf: events are not masked by it", *mask, 0);
    check("popf: IOPL set", flags_after(2 | FLAG_IOPL) & FLAG_IOPL, 0);
    check("popf: other flags", flags_after(2 | FLAG_DF | FLAG_ID) & (FLAG_DF | FLAG_ID),
          FLAG_DF | FLAG_ID);
}

/* -1: ZF says that nothing is told of it. */
static int64_t rights(uint32_t selector)
{
    uint32_t told = 0;
    bool good;

    __asm__ volatile("lar %2, %0" : "+r"(told), "=@ccz"(good) : "r"(selector));
    return good ? (int64_t)(told & 0x00f0ff00) : -1;
}

static int64_t limit(uint32_t selector)
{
    uint32_t told = 0;
    bool good;

    __asm__ volatile("lsl %2, %0" : "+r"(told), "=@ccz"(good) : "r"(selector));
    return good ? (int64_t)told : -1;
}

static bool readable(uint16_t selector)
{
    bool good;

    __asm__ volatile("verr %1" : "=@ccz"(good) : "r"(selector));
    return good;
}

static bool writable(uint16_t selector)
{
    bool good;

    __asm__ volatile("verw %1" : "=@ccz"(good) : "r"(selector));
    return good;
}

static void shared_descriptors(void)
{
    check("lar: code", rights(FLAT_RING3_CS64), 0xa0fb00);
    check("lar: data", rights(FLAT_RING3_DS32), 0xc0f300);
    check("lar: the hypervisor's code", rights(HYPERVISOR_CODE), -1);
    check("lar: the task", rights(TASK), -1);
    check("lar: none", rights(OUR_DATA), -1);
    check("lsl: code", limit(FLAT_RING3_CS64), 0xffffffff);
    check("lsl: the hypervisor's data", limit(HYPERVISOR_DATA), -1);
    check("lsl: the task", limit(TASK), -1);
    check("verr: code", readable(FLAT_RING3_CS64), 1);
    check("verr: the hypervisor's code", readable(HYPERVISOR_CODE), 0);
    check("verw: data", writable(FLAT_RING3_DS32), 1);
    check("verw: code", writable(FLAT_RING3_CS64), 0);
    check("verw: the hypervisor's data", writable(HYPERVISOR_DATA), 0);
}

static void load_fs(void)
{
    __asm__ volatile("mov %0, %%fs" : : "r"(wanted_selector));
}

static void load_ss(void)
{
    __asm__ volatile("mov %0, %%ss" : : "r"(wanted_selector));
}

static void pop_fs(void)
{
    __asm__ volatile("push %0; popq %%fs" : : "r"(wanted_selector));
}

static void pop_ds(void)
{
    __asm__ volatile(".byte 0x1f");
}

static void push_cs(void)
{
    __asm__ volatile(".byte 0x0e");
}

static int64_t pushed_fs(void)
{
    uint64_t selector;

    __asm__ volatile("pushq %%fs; pop %0" : "=r"(selector));
    return (int64_t)(selector & 0xffff);
}

/* Runs what faults with #GP, and gives the error code; -1: it ran. */
static int64_t refused(void (*fn)(void), uint64_t selector)
{
    int vector;

    wanted_selector = selector;
    to.selector = (uint16_t)selector;
    vector = trapped(fn);
    return vector == 13 ? (int64_t)trapped_error_code() : vector == -1 ? -1 : -vector;
}

static void segment_registers(void)
{
    uint64_t cs, ss;

    __asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    check("mov: from cs", (int64_t)cs, FLAT_RING3_CS64);
    check("mov: from ss", (int64_t)ss, FLAT_RING3_SS64);
    check("mov: to fs", refused(load_fs, FLAT_RING3_DS32), -1);
    check("push: fs", pushed_fs(), FLAT_RING3_DS32);
    check("mov: the hypervisor's to fs", refused(load_fs, HYPERVISOR_DATA), HYPERVISOR_DATA);
    check("mov: null to ss", refused(load_ss, 0), 0);
    check("pop: to fs", refused(pop_fs, 0), -1);
    check("push: what was popped", pushed_fs(), 0);
    check("pop: the hypervisor's to fs", refused(pop_fs, HYPERVISOR_DATA), HYPERVISOR_DATA);
    check("pop: ds is no instruction", trapped(pop_ds), 6);
    check("push: cs is no instruction", trapped(push_cs), 6);
}

/* Where control goes without changing rings: lands in `landed` with what it left on the stack. */
void far_landing(void);
void interrupt_entry(void);
void trap_0(void); /* pv-kernel's own */
volatile uint64_t far_landed, interrupted;
__asm__(".text\n"
        "far_landing:\n"
        "    incq far_landed\n"
        "    lretl\n"
        "interrupt_entry:\n"
        "    incq interrupted\n"
        "    pop %rcx; pop %r11\n"
        "    pushq $0; push %rcx; push %r11; push %rax\n"
        "    mov $23, %eax\n"
        "    syscall\n");

static void call_far(void)
{
    __asm__ volatile("lcall *%0" : : "m"(to) : "memory");
}

/* As the call, with the return address and selector pushed by hand. */
static void jump_far(void)
{
    __asm__ volatile("mov %%cs, %%eax\n"
                     "sub $8, %%rsp\n"
                     "movl $1f, (%%rsp)\n"
                     "mov %%eax, 4(%%rsp)\n"
                     "ljmp *%0\n"
                     "1:"
                     :
                     : "m"(to)
                     : "rax", "memory");
}

static void return_far(void)
{
    __asm__ volatile("push %0\n"
                     "pushq $1f\n"
                     "lretq\n"
                     "1:"
                     :
                     : "r"(wanted_selector)
                     : "memory");
}

static void far_control(void)
{
    to.offset = (uint32_t)(uintptr_t)far_landing;
    check("call: far", refused(call_far, FLAT_RING3_CS64), -1);
    check("call: landed", (int64_t)far_landed, 1);
    check("call: the hypervisor's code", refused(call_far, HYPERVISOR_CODE), HYPERVISOR_CODE);
    check("call: the task", refused(call_far, TASK), TASK);
    check("jmp: far", refused(jump_far, FLAT_RING3_CS64), -1);
    check("jmp: landed", (int64_t)far_landed, 2);
    check("jmp: the hypervisor's code", refused(jump_far, HYPERVISOR_CODE), HYPERVISOR_CODE);
    check("jmp: the task", refused(jump_far, TASK), TASK);
    check("retf: far", refused(return_far, FLAT_RING3_CS64), -1);
    check("retf: to ring 0", refused(return_far, FLAT_RING3_CS64 & ~3), FLAT_RING3_CS64 & ~3);
    check("retf: to the hypervisor", refused(return_far, HYPERVISOR_CODE), HYPERVISOR_CODE);
}

static void own_descriptors(void)
{
    uint64_t *table = frames_alloc(0), mfn = frames_virt_to_mfn(table);
    struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
                            .arg1.linear_addr = HYPERCALL_ARG(table),
                            .arg2.nr_ents = 16 };
    uint64_t local;

    table[1] = 0x0040f20000000fffUL; /* data of 4 KiB */
    table[4] = 0x0040920000001234UL; /* data, of ring 0 */
    page_tables_protect(table, false);
    check("set a GDT", hypercall_set_gdt(HYPERCALL_ARG(&mfn), 16), 0);
    check("lar: ours, of ring 3 now", rights(OUR_DATA) & ~0x100, 0x40f200);
    check("lsl: ours", limit(OUR_DATA), 0x1234);
    check("verw: ours", writable(OUR_DATA), 1);
    /* Ours refuses it; Xen takes it, and takes care that it faults. */
    (void)hypercall_update_descriptor((mfn << 12) + GATE, 0x0000ec00e0330000UL);
    check("call: through a gate of ours", refused(call_far, GATE | 3), GATE);
    __asm__ volatile("sldt %0" : "=r"(local));
    check("sldt: none", (int64_t)local, 0);
    check("set an LDT", hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF), 0);
    __asm__ volatile("sldt %0" : "=r"(local));
    check("sldt", (int64_t)local, 0xe050);
    check("lsl: local", limit(OUR_LOCAL), 0xfff);
    check("mov: local", refused(load_fs, OUR_LOCAL), -1);
    wanted_selector = 0;
    load_fs();
    op.arg2.nr_ents = 0;
    check("no LDT", hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF), 0);
    check("no GDT", hypercall_set_gdt(0, 0), 0);
    page_tables_protect(table, true);
}

static void interrupt_0(void)
{
    __asm__ volatile("int $0");
}

static void interrupt_3(void)
{
    __asm__ volatile(".byte 0xcd, 3");
}

static void interrupt_14(void)
{
    __asm__ volatile("int $14");
}

static void interrupt_80(void)
{
    __asm__ volatile("int $0x80" : : : "rcx", "r11", "memory");
}

static void handler_set(uint8_t vector, uint8_t ring, void (*entry)(void))
{
    struct trap_info rows[2] = { { vector, ring, FLAT_KERNEL_CS, HYPERCALL_ARG(entry) }, { 0 } };

    hypercall_set_trap_table(HYPERCALL_ARG(rows));
}

/* QEMU's error code of a refused INT n is only right for n = 0. */
static void interrupts(void)
{
    check("int: 0, which rings 1 to 3 may not", refused(interrupt_0, 0), 2);
    handler_set(0, 3, trap_0);
    check("int: 0, which all may", trapped(interrupt_0), 0);
    check("int: 3", trapped(interrupt_3), 3);
    check("int: 14", trapped(interrupt_14), 13);
    check("int: 0x80 without a handler", refused(interrupt_80, 0), 0x80 * 8 + 2);
    handler_set(0x80, 3, interrupt_entry);
    check("int: 0x80 with one", refused(interrupt_80, 0), -1);
    check("int: it came", (int64_t)interrupted, 1);
}

void guest_test(void)
{
    table_registers();
    flags();
    shared_descriptors();
    segment_registers();
    far_control();
    own_descriptors();
    interrupts();
}

/*
 * Model-specific registers as a PV kernel meets them: which are shown, which writes are taken,
 * dropped or refused; and TSC_AUX, which each vCPU has for itself.
 */
#include "second-vcpu.h"

struct entry {
    const char *name;
    uint32_t msr;
};

/* For each: what reading does, and what writing back what was read, 0 and ~0 does.  Machine-check
 * and AMD's chipset registers are not here: see docs/differences-from-xen.md. */
static const struct entry table[] = {
    { "TSC", 0x10 },
    { "PLATFORM_ID", 0x17 },
    { "APIC_BASE", 0x1b },
    { "FEATURE_CONTROL", 0x3a },
    { "SPEC_CTRL", 0x48 },
    { "PRED_CMD", 0x49 },
    { "UCODE_WRITE", 0x79 },
    { "UCODE_REV", 0x8b },
    { "PLATFORM_INFO", 0xce },
    { "MTRRCAP", 0xfe },
    { "ARCH_CAPABILITIES", 0x10a },
    { "FLUSH_CMD", 0x10b },
    { "MISC_FEATURES_ENABLES", 0x140 },
    { "SYSENTER_CS", 0x174 },
    { "SYSENTER_ESP", 0x175 },
    { "SYSENTER_EIP", 0x176 },
    { "PERF_CTL", 0x199 },
    { "MISC_ENABLE", 0x1a0 },
    { "DEBUGCTL", 0x1d9 },
    { "MTRRPHYSBASE0", 0x200 },
    { "PAT", 0x277 },
    { "MTRRDEFTYPE", 0x2ff },
    { "TSC_DEADLINE", 0x6e0 },
    { "X2APIC_ID", 0x802 },
    { "BNDCFGS", 0xd90 },
    { "XSS", 0xda0 },
    { "EFER", 0xc0000080 },
    { "STAR", 0xc0000081 },
    { "LSTAR", 0xc0000082 },
    { "CSTAR", 0xc0000083 },
    { "SFMASK", 0xc0000084 },
    { "FS_BASE", 0xc0000100 },
    { "GS_BASE", 0xc0000101 },
    { "KERNEL_GS_BASE", 0xc0000102 },
    { "TSC_AUX", 0xc0000103 },
    { "HWCR", 0xc0010015 },
    { "PATCH_LOADER", 0xc0010020 },
    { "VM_CR", 0xc0010114 },
    { "VM_HSAVE_PA", 0xc0010117 },
    { "unknown 0x12345678", 0x12345678 },
    { "unknown ~0", 0xffffffff },
};

static uint32_t msr;
static uint64_t content;

static void read_msr(void)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    content = low | (uint64_t)high << 32;
}

static void write_msr(void)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)content), "d"(content >> 32));
}

static int64_t wrote(uint64_t what)
{
    content = what;
    return trapped(write_msr);
}

static void one(const struct entry *e)
{
    uint64_t before;
    int64_t r[4];

    msr = e->msr;
    content = 0;
    r[0] = trapped(read_msr);
    before = content;
    r[1] = wrote(before);
    r[2] = wrote(0);
    r[3] = wrote(~0UL);
    wrote(before);
    kprintf("value %s: read %ld, written %ld, 0 %ld, ~0 %ld\n", e->name, r[0], r[1], r[2], r[3]);
}

/* What a register holds; ~0: it is refused. */
static uint64_t holds(uint32_t which)
{
    msr = which;
    content = 0;
    return trapped(read_msr) < 0 ? content : ~0UL;
}

static void contents(void)
{
    value("EFER", (int64_t)holds(0xc0000080));
    value("PAT", (int64_t)holds(0x277));
    value("APIC_BASE", (int64_t)holds(0x1b));
    value("HWCR", (int64_t)holds(0xc0010015));
    value("PLATFORM_INFO", (int64_t)holds(0xce));
    value("MISC_FEATURES_ENABLES", (int64_t)holds(0x140));
}

static void segment_bases(void)
{
    static uint64_t words[3] = { 11, 22, 33 };
    uint64_t fs, gs;

    msr = 0xc0000100;
    check("write FS base", wrote(HYPERCALL_ARG(&words[0])), -1);
    msr = 0xc0000101;
    check("write GS base", wrote(HYPERCALL_ARG(&words[1])), -1);
    msr = 0xc0000102;
    check("write the other GS base", wrote(HYPERCALL_ARG(&words[2])), -1);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
    __asm__ volatile("mov %%gs:0, %0" : "=r"(gs));
    check("FS base is used", (int64_t)fs, 11);
    check("GS base is used", (int64_t)gs, 22);
    check_true("FS base is read", holds(0xc0000100) == HYPERCALL_ARG(&words[0]));
    check_true("GS base is read", holds(0xc0000101) == HYPERCALL_ARG(&words[1]));
    check_true("the other one too", holds(0xc0000102) == HYPERCALL_ARG(&words[2]));
    for (msr = 0xc0000100; msr <= 0xc0000102; msr++)
        check("a base that is not canonical", wrote(0x8000000000000000UL), 13);
    check_true("nothing changed", holds(0xc0000101) == HYPERCALL_ARG(&words[1]));
}

#define TURNS 200

static volatile int turn; /* of the second vCPU: 1 it runs, 2 it is through */
static volatile uint32_t wrong;

static uint32_t rdtscp(void)
{
    uint32_t low, high, aux;

    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    return aux;
}

static bool have_rdpid(void)
{
    uint32_t a = 7, b, c = 0, d;

    __asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & 1u << 22;
}

static uint64_t rdpid(void)
{
    uint64_t aux;

    __asm__ volatile("rdpid %0" : "=r"(aux));
    return aux;
}

/* The other vCPU writes another value, on the same CPU, and each keeps its own. */
static void sees_only(uint32_t mine)
{
    bool other_way = have_rdpid();

    for (int i = 0; i < TURNS; i++) {
        wrong += rdtscp() != mine || (other_way && rdpid() != mine);
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
}

static void second(void)
{
    vcpu_stays_on(0);
    wrong += rdtscp() != 0; /* as a new vCPU has it */
    __asm__ volatile("wrmsr" : : "c"(0xc0000103), "a"(0x2222), "d"(0));
    turn = 1;
    sees_only(0x2222);
    turn = 2;
    hypercall_vcpu_op(VCPUOP_down, 1, 0);
}

static void tsc_aux(void)
{
    msr = 0xc0000103;
    check("write TSC_AUX", wrote(0x12345678), -1);
    check("RDTSCP", rdtscp(), 0x12345678);
    check("RDPID", have_rdpid() ? (int64_t)rdpid() : 0x12345678, 0x12345678);
    check("read it", (int64_t)holds(0xc0000103), 0x12345678);
    check("more than 32 bits", wrote(0x100000000UL), 13);
    check("as it was", rdtscp(), 0x12345678);
    vcpu_stays_on(0);
    check("make vCPU 1", second_vcpu_make(second), 0);
    check("up", hypercall_vcpu_op(VCPUOP_up, 1, 0), 0);
    check_true("it runs", second_vcpu_says(&turn, 1));
    sees_only(0x12345678);
    check_true("to its end", second_vcpu_says(&turn, 2));
    check("wrong ones", wrong, 0);
    vcpu_stays_on(-1);
}

void guest_test(void)
{
    for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        one(&table[i]);
    contents();
    segment_bases();
    tsc_aux();
}

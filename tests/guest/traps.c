/*
 * Exceptions as a PV kernel gets them, instructions the hypervisor finishes for it, and the
 * processor it is shown.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/physdev.h"
#include "pv-kernel/traps.h"

static void undefined(void)
{
    __asm__ volatile("ud2");
}
static void divide(void)
{
    __asm__ volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0) : "cc");
}
static void breakpoint(void)
{
    __asm__ volatile("int3");
}
static void interrupt_gate(void)
{
    __asm__ volatile("int $0x42");
}
static void non_canonical(void)
{
    *(volatile char *)0x8000000000000000UL;
}
static void null_pointer(void)
{
    volatile uintptr_t address = 8;

    *(volatile char *)address;
}
static void bad_selector(void)
{
    __asm__ volatile("mov %0, %%es" : : "r"(0x1238));
}
static void load_gdt(void)
{
    static struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) table;

    __asm__ volatile("lgdt %0" : : "m"(table));
}
static void single_step(void)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
}

static void exceptions(void)
{
    check("ud2", trapped(undefined), 6);
    check("division by zero", trapped(divide), 0);
    check("int3", trapped(breakpoint), 3);
    check("int 0x42", trapped(interrupt_gate), 13);
    check("non-canonical", trapped(non_canonical), 13);
    check("null pointer", trapped(null_pointer), 14);
    check("its address", (int64_t)trap_fault_address(), 8);
    check("bad selector", trapped(bad_selector), 13);
    check("its error code", (int64_t)trapped_error_code(), 0x1238);
    check("lgdt", trapped(load_gdt), 13);
    check("single step", trapped(single_step), 1);
}

static void privileged(void)
{
    struct physdev_set_iopl iopl = { .iopl = 1 };
    uint64_t cr0, cr4, value_read;
    uint32_t low, high;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    check_true("cr0: paging and protection", (cr0 & 0x80000001UL) == 0x80000001UL);
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    check_true("cr4: PAE", cr4 & 1UL << 5);
    __asm__ volatile("mov %%cr3, %0" : "=r"(value_read));
    check_true("cr3 is not 0", value_read != 0);
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080u));
    check_true("EFER: long mode", (low & 0x500) == 0x500);
    hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
    __asm__ volatile("cli; sti");
    check_true("cli and sti", true);
    __asm__ volatile("wbinvd");
    check_true("wbinvd", true);
    __asm__ volatile("pushfq; pop %0" : "=r"(value_read));
    check_true("IF shows as set", value_read & 0x200);
}

static void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, bool forced)
{
    *c = 0;
    if (forced)
        __asm__ volatile("ud2; .ascii \"xen\"; cpuid"
                         : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
                         : "a"(leaf), "c"(0));
    else
        __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static void processor(void)
{
    uint32_t a, b, c, d;

    cpuid(0x40000000, &a, &b, &c, &d, true);
    check_true("signature", b == XEN_CPUID_SIGNATURE_EBX && c == XEN_CPUID_SIGNATURE_ECX &&
                                d == XEN_CPUID_SIGNATURE_EDX);
    check_true("enough leaves", a >= 0x40000005);
    cpuid(0x40000001, &a, &b, &c, &d, true);
    check("version", a, 4 << 16 | 17);
    cpuid(1, &a, &b, &c, &d, true);
    check_true("hypervisor bit", c & 1u << 31);
    check_true("SSE2", d & 1u << 26);
    check_true("no PSE", !(d & 1u << 3));
    check_true("no VME", !(d & 1u << 1));
    check_true("no MTRR", kernel_is_initial_domain() || !(d & 1u << 12));
    check_true("no PCID", !(c & 1u << 17));
    check_true("no x2APIC or as dom0", true);
    check_true("XSAVE with OSXSAVE", !(c & 1u << 26) == !(c & 1u << 27));
    cpuid(7, &a, &b, &c, &d, true);
    check_true("no SMEP", !(b & 1u << 7));
    check_true("no SMAP", !(b & 1u << 20));
    check_true("no INVPCID", !(b & 1u << 10));
    cpuid(0x80000001, &a, &b, &c, &d, true);
    check_true("long mode", d & 1u << 29);
    check_true("NX", d & 1u << 20);
    check_true("no SVM", !(c & 1u << 2));
    cpuid(0, &a, &b, &c, &d, false);
    check_true("plain cpuid", a >= 1);
}

void guest_test(void)
{
    exceptions();
    privileged();
    processor();
}

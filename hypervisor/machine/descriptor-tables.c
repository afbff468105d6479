/* Descriptor formats: SDM volume 3, chapters 3, 6 and 7. */
#include "machine/descriptor-tables.h"
#include "limits.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct idt_gate idt[256];
/* One stub of 16 bytes per vector: entry/exceptions.S. */
extern const uint8_t exception_stubs[];

/* Position of a selector's descriptor inside GDT page 14. */
static uint64_t *descriptor_of(uint64_t *page, unsigned selector)
{
    return page + (selector - 14 * 4096) / 8;
}

static void system_descriptor(uint64_t *at, uint64_t base, uint64_t limit, unsigned type)
{
    at[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 |
            (limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    at[1] = base >> 32;
}

void descriptor_page_fill(uint64_t *page, const struct tss *tss)
{
    *descriptor_of(page, HYPERVISOR_CS) = 0x00af9b000000ffff;
    *descriptor_of(page, HYPERVISOR_DS) = 0x00cf93000000ffff;
    *descriptor_of(page, 0xe020) = 0x00cffb000000ffff; /* ring 3 code, 32 bits */
    *descriptor_of(page, 0xe028) = 0x00cff3000000ffff; /* ring 3 data */
    *descriptor_of(page, 0xe030) = 0x00affb000000ffff; /* ring 3 code, 64 bits */
    system_descriptor(descriptor_of(page, TSS_SELECTOR), (uint64_t)tss, sizeof(*tss) - 1, 9);
}

void tss_fill(struct tss *tss, uint64_t stack_block)
{
    struct cpu *cpu = (struct cpu *)(stack_block + STACK_BYTES - sizeof(struct cpu));

    *tss = (struct tss){ .io_map_offset = sizeof(*tss) };
    tss->rsp[0] = (uint64_t)(&cpu->frame + 1);
    tss->ist[IST_MACHINE_CHECK - 1] = stack_block + PAGE_SIZE;
    tss->ist[IST_NMI - 1] = stack_block + 2 * PAGE_SIZE;
    tss->ist[IST_DOUBLE_FAULT - 1] = stack_block + 3 * PAGE_SIZE;
    tss->ist[IST_DEBUG - 1] = stack_block + 2 * PAGE_SIZE + PAGE_SIZE / 2;
}

static void gate_set(unsigned vector, unsigned dpl, unsigned ist)
{
    uint64_t at = (uint64_t)(exception_stubs + 16 * vector);

    idt[vector] = (struct idt_gate){
        .offset_low = (uint16_t)at,
        .selector = HYPERVISOR_CS,
        .ist = (uint8_t)ist,
        .type = (uint8_t)(0x8e | dpl << 5),
        .offset_middle = (uint16_t)(at >> 16),
        .offset_high = (uint32_t)(at >> 32),
    };
}

void idt_load(void)
{
    struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };

    __asm__ volatile("lidt %0" : : "m"(idtr));
}

void idt_load_early(void)
{
    for (unsigned v = 0; v < 256; v++)
        gate_set(v, 0, 0);
    idt_load();
}

void idt_build(void)
{
    for (unsigned v = 0; v < 256; v++)
        gate_set(v, v == TRAP_BP || v == TRAP_OF ? 3 : 0, 0);
    gate_set(TRAP_MC, 0, IST_MACHINE_CHECK);
    gate_set(TRAP_NMI, 0, IST_NMI);
    gate_set(TRAP_DF, 0, IST_DOUBLE_FAULT);
    gate_set(TRAP_DB, 0, IST_DEBUG);
}

void descriptor_tables_load(unsigned cpu)
{
    struct table_register gdtr = { 15 * 4096 - 1, gdt_window(cpu) };
    struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };
    uint64_t scratch;

    __asm__ volatile("lgdt %1\n"
                     "lidt %2\n"
                     "pushq %3\n"
                     "lea 1f(%%rip), %0\n"
                     "pushq %0\n"
                     "lretq\n"
                     "1: mov %w4, %%ss\n"
                     "mov %w5, %%ds\n"
                     "mov %w5, %%es\n"
                     "mov %w5, %%fs\n"
                     "mov %w5, %%gs\n"
                     "lldt %w5\n"
                     "ltr %w6\n"
                     : "=&r"(scratch)
                     : "m"(gdtr), "m"(idtr), "i"(HYPERVISOR_CS), "r"(HYPERVISOR_DS), "r"(0),
                       "r"(TSS_SELECTOR)
                     : "memory");
}

void ldt_load(uint64_t *page, unsigned cpu, unsigned entries)
{
    uint16_t selector = 0;

    if (entries) {
        system_descriptor(descriptor_of(page, LDT_SELECTOR), ldt_window(cpu), entries * 8UL - 1, 2);
        selector = LDT_SELECTOR;
    }
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

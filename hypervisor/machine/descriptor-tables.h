/*
 * GDT, IDT and TSS of each CPU.  A CPU's GDT is a window of virtual memory: pages 0-13 show the
 * running vCPU's own GDT frames, page 14 holds the hypervisor's descriptors.  An LDT window of 16
 * pages lies behind it.
 */
#ifndef MACHINE_DESCRIPTOR_TABLES_H
#define MACHINE_DESCRIPTOR_TABLES_H

#include "address-map.h"
#include "lib/types.h"

#define HYPERVISOR_CS 0xe008
#define HYPERVISOR_DS 0xe010
#define TSS_SELECTOR  0xe040
#define LDT_SELECTOR  0xe050

#define GDT_GUEST_PAGES 14
#define LDT_PAGES       16

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_offset;
} __attribute__((packed));

#define IST_MACHINE_CHECK 1
#define IST_NMI           2
#define IST_DOUBLE_FAULT  3
#define IST_DEBUG         4

static inline uint64_t gdt_window(unsigned cpu)
{
    return DESCRIPTOR_VIRT + cpu * (uint64_t)DESCRIPTOR_WINDOW_BYTES;
}

static inline uint64_t ldt_window(unsigned cpu)
{
    return gdt_window(cpu) + LDT_WINDOW_OFFSET;
}

/* Fills a page with the hypervisor's descriptors (GDT page 14). */
void descriptor_page_fill(uint64_t *page, const struct tss *tss);
void tss_fill(struct tss *tss, uint64_t stack_block);
/* Exceptions have a handler from here on, on the stack they happen on: the first thing done. */
void idt_load_early(void);
/* For a CPU that has just started: exceptions are told from here on, on the stack it has. */
void idt_load(void);
/* Builds the IDT all CPUs share. */
void idt_build(void);
/* Loads GDT, IDT, TSS and segment registers of the calling CPU. */
void descriptor_tables_load(unsigned cpu);
/* entries: 0 unloads.  page: the page 14 of this CPU's GDT, as the hypervisor sees it. */
void ldt_load(uint64_t *page, unsigned cpu, unsigned entries);

#endif

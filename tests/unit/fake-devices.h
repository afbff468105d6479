/* What tests/unit/hv-devices.c needs of the machine: lines, messages, vectors, and the rest. */
#ifndef TESTS_UNIT_FAKE_DEVICES_H
#define TESTS_UNIT_FAKE_DEVICES_H

#include <stdlib.h>
#include "domain/domain.h"
#include "events/binding.h"
#include "guest-cpu/guest-clock.h"
#include "guest-paging/entry-references.h"
#include "hypercalls/continuation.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lifecycle/shutdown.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/efi.h"
#include "machine/interrupts.h"
#include "machine/ioapic.h"
#include "machine/lapic.h"
#include "machine/msi.h"
#include "machine/power.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/scheduler.h"

#define FAKE_LINES        24
#define FAKE_MSIX_ENTRIES 4

static struct cpu cpu;
struct cpu *cpu_table[MAX_CPUS] = { &cpu };
unsigned cpu_count = 1;
struct cpu_set cpus_online = { { 1 } };
unsigned cpu_words = CPU_WORDS;
struct cpu_features cpu_features;
struct acpi_facts acpi_facts;
struct efi_facts efi_facts;
static void (*vector_handler[256])(unsigned vector);
static bool vector_used[256];
static unsigned fake_sleeps;
static struct {
    unsigned vector;
    bool masked;
} fake_lines[FAKE_LINES];

struct cpu *this_cpu(void)
{
    return &cpu;
}

/* A device pulls its line. */
static void fake_line_fires(unsigned gsi)
{
    if (!fake_lines[gsi].masked)
        vector_handler[fake_lines[gsi].vector](fake_lines[gsi].vector);
}

unsigned ioapic_gsi_limit(void)
{
    return FAKE_LINES;
}

uint32_t cpu_for_devices(void)
{
    return 0;
}

void ioapic_route(unsigned gsi, unsigned vector, uint32_t apic_id, bool level, bool active_low)
{
    (void)apic_id;
    (void)level;
    (void)active_low;
    fake_lines[gsi].vector = vector;
    fake_lines[gsi].masked = true;
}

void ioapic_mask(unsigned gsi, bool masked)
{
    fake_lines[gsi].masked = masked;
}

int ioapic_read_register(uint64_t physical, uint32_t reg, uint32_t *value)
{
    (void)physical;
    (void)reg;
    *value = 0;
    return 0;
}

int vector_alloc(void)
{
    for (unsigned v = VECTOR_FIRST_DEVICE; v <= VECTOR_LAST_DEVICE; v++)
        if (!vector_used[v]) {
            vector_used[v] = true;
            return (int)v;
        }
    return -ENOSPC;
}

void vector_free(unsigned vector)
{
    vector_used[vector] = false;
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    vector_handler[vector] = handler;
}

void lapic_eoi(void)
{
}

static uint64_t fake_msix_table = 0x1000;

int msix_table_find(struct pci_address device, uint64_t *physical, unsigned *entries)
{
    (void)device;
    *physical = fake_msix_table;
    *entries = FAKE_MSIX_ENTRIES;
    return 0;
}

bool msi_present(struct pci_address device)
{
    (void)device;
    return true;
}

static struct msi_target programmed;

void msi_program(const struct msi_target *target, unsigned vector, uint32_t apic_id)
{
    programmed = *target;
    (void)vector;
    (void)apic_id;
}

void msi_mask(const struct msi_target *target, bool masked)
{
    (void)target;
    (void)masked;
}

void msi_disable(const struct msi_target *target)
{
    (void)target;
}

static uint64_t page_mapped;

void *device_page_map(uint64_t physical)
{
    static uint64_t page[512];

    page_mapped = physical;
    return page;
}

#define FAKE_RAM 0x80000000UL /* below it */

bool device_frame_allowed(struct domain *d, mfn_t m)
{
    return d->privileged && (m.n == 1 || m.n >= FAKE_RAM >> PAGE_SHIFT);
}

void power_enter_sleep(uint16_t value_a, uint16_t value_b, bool extended)
{
    (void)extended;
    (void)value_a;
    (void)value_b;
    fake_sleeps++;
}

void clock_wall_set(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time)
{
    (void)seconds;
    (void)nanoseconds;
    (void)system_time;
}

void guest_wall_clock_update(struct domain *d)
{
    (void)d;
}

void *heap_allocate(size_t size)
{
    return calloc(1, size);
}

void heap_free(void *object, size_t size)
{
    (void)size;
    free(object);
}

void *heap_page_allocate(void)
{
    return calloc(1, 4096);
}

void heap_page_free(void *page)
{
    free(page);
}

void vcpu_wake(struct vcpu *v)
{
    (void)v;
}

void vcpu_kick(struct vcpu *v)
{
    (void)v;
}

void cpu_defer(unsigned id, uint32_t marks)
{
    (void)id;
    (void)marks;
}

bool preempt_point(void)
{
    return false;
}

void cpu_wait_step(void)
{
    abort();
}

int64_t continuation(unsigned number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                     uint64_t a5)
{
    (void)number, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
    abort();
}

uint64_t clock_now(void)
{
    return 0;
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

#endif

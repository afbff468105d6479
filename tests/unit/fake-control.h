/* What tests/unit/hv-control.c needs beyond fake-machine.h, and what it looks at. */
#ifndef TESTS_UNIT_FAKE_CONTROL_H
#define TESTS_UNIT_FAKE_CONTROL_H

#include <string.h>
#include "domain/domain.h"
#include "hypercalls/page.h"
#include "lib/log.h"
#include "lifecycle/shutdown.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/fpu.h"
#include "machine/interrupts.h"
#include "machine/ioapic.h"
#include "machine/serial.h"
#include "machine/tlb.h"
#include "model/cpu-sets.h"
#include "scheduling/idle.h"
#include "scheduling/scheduler.h"

static unsigned pauses, raw_characters;
static uint64_t flushed;
static unsigned interrupt_in; /* at the n-th place where an operation may stop, it does */
struct acpi_facts acpi_facts;
struct clock_scale clock_scale;

void __real_tlb_flush_cpus(const struct cpu_set *cpus);
void __wrap_tlb_flush_cpus(const struct cpu_set *cpus);
void __wrap_tlb_flush_cpus(const struct cpu_set *cpus)
{
    flushed |= cpus_in(cpus);
    __real_tlb_flush_cpus(cpus);
}

bool __real_preempt_point(void);
bool __wrap_preempt_point(void);
bool __wrap_preempt_point(void)
{
    if (interrupt_in && !--interrupt_in)
        return true;
    return __real_preempt_point();
}

void domain_pause(struct domain *d)
{
    (void)d;
    pauses++;
}

int domain_unpause(struct domain *d)
{
    (void)d;
    pauses--;
    return 0;
}

int domain_resume(struct domain *d)
{
    (void)d;
    pauses++;
    return 0;
}

int hypercall_page_write(struct domain *d, uint64_t frame)
{
    (void)d;
    (void)frame;
    return 0;
}

uint64_t vcpu_run_time(struct vcpu *v)
{
    (void)v;
    return 0;
}

uint64_t cpu_idle_time(unsigned cpu)
{
    (void)cpu;
    return 0;
}

void fpu_area_export(const void *area, uint8_t image[512])
{
    (void)area;
    memset(image, 0, 512);
}

void log_characters(const char *text, size_t n)
{
    (void)text;
    raw_characters += (unsigned)n;
}

uint32_t log_oldest(void)
{
    return 0;
}

size_t log_read(uint32_t *index, char *to, size_t size)
{
    (void)index;
    (void)to;
    (void)size;
    return 0;
}

void log_forget(uint32_t index)
{
    (void)index;
}

int serial_read(void)
{
    return -1;
}

unsigned serial_irq(void)
{
    return 4;
}

void serial_enable_interrupt(void)
{
}

int vector_alloc(void)
{
    return -1;
}

uint32_t cpu_for_devices(void)
{
    return 0;
}

void ioapic_route(unsigned gsi, unsigned vector, uint32_t apic_id, bool level, bool active_low)
{
    (void)gsi, (void)vector, (void)apic_id, (void)level, (void)active_low;
}

void ioapic_mask(unsigned gsi, bool masked)
{
    (void)gsi, (void)masked;
}

#endif

/* The layers that the model leaves out: FPU, clocks, the scheduler, devices, the APIC timer. */
#include "model/model.h"
#include "events/device-irq.h"
#include "guest-cpu/guest-clock.h"
#include "guest-cpu/short-calls.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/fpu.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/tlb.h"
#include "guest-cpu/debug-registers.h"
#include "lifecycle/watchdog.h"
#include "model/cpu-sets.h"
#include "scheduling/scheduler.h"

size_t fpu_area_bytes(void)
{
    return 512;
}

void fpu_area_init(void *area)
{
    (void)area;
}

void fpu_area_import(void *area, const uint8_t image[512])
{
    (void)area;
    (void)image;
}

void guest_clock_update(struct vcpu *v)
{
    (void)v;
}

void short_calls_prepare(struct vcpu *v)
{
    (void)v;
}

void short_calls_follow_assists(struct domain *d)
{
    (void)d;
}

void guest_wall_clock_update(struct domain *d)
{
    (void)d;
}

/* A vCPU here belongs to one CPU, which looks at `stopped` between two operations. */
void vcpu_schedule_init(struct vcpu *v)
{
    v->stopped = VCPU_DOWN | VCPU_PAUSED;
}

void vcpu_stop(struct vcpu *v, uint32_t why)
{
    atomic_or(&v->stopped, why);
}

void vcpu_start(struct vcpu *v, uint32_t why)
{
    atomic_and(&v->stopped, ~why);
}

void vcpu_wait_stopped(struct vcpu *v)
{
    while (atomic_load(&v->sched.loaded))
        model_wait();
}

void vcpu_wake(struct vcpu *v)
{
    atomic_and(&v->stopped, ~VCPU_BLOCKED);
}

void vcpu_nmi(struct vcpu *v)
{
    (void)v;
}

void debug_registers_init(struct vcpu *v)
{
    (void)v;
}

void watchdogs_init(struct domain *d)
{
    (void)d;
}

void watchdogs_end(struct domain *d)
{
    (void)d;
}

int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
    (void)d, (void)id, (void)seconds;
    return -EINVAL;
}

void vcpu_kick(struct vcpu *v)
{
    (void)v;
}

/* A timer's callback has begun, and much else happens before it goes on. */
void __real_virq_raise(struct vcpu *v, uint32_t virq);
void __wrap_virq_raise(struct vcpu *v, uint32_t virq);
void __wrap_virq_raise(struct vcpu *v, uint32_t virq)
{
    if (!rnd(30))
        model_stall(rnd(20000));
    __real_virq_raise(v, virq);
}

void vcpu_load_descriptors(struct vcpu *v)
{
    (void)v;
}

int device_irq_bind(struct domain *d, unsigned pirq, bool share, evtchn_port_t port)
{
    (void)d;
    (void)pirq;
    (void)share;
    (void)port;
    return -EINVAL;
}

void device_irq_unbind(struct domain *d, unsigned pirq)
{
    (void)d;
    (void)pirq;
}

void device_irq_set_vcpu(struct domain *d, unsigned pirq, unsigned vcpu)
{
    (void)d;
    (void)pirq;
    (void)vcpu;
}

void device_irqs_unmap_all(struct domain *d)
{
    (void)d;
}

void tlb_flush_local(void)
{
    tlb_flush_cpus(SET_OF(BIT(this_cpu()->id)));
}

/* No TLB of the model's is flushed by pages. */
void tlb_flush_page_cpus(const struct cpu_set *cpus, uint64_t address)
{
    (void)cpus;
    (void)address;
}

void tlb_flush_page_local(uint64_t address)
{
    (void)address;
}

/* No domain of the model is in this mode. */
const struct paging_mode shadow_mode;

void lapic_timer_set(uint64_t when_ns)
{
    (void)when_ns;
}

void lapic_eoi(void)
{
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    (void)vector;
    (void)handler;
}

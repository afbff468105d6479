/*
 * Edge lines and messages are acknowledged at once: a second one while the first is being served
 * makes the port pending again.  A level line is masked until the guest says EOI, or it would
 * interrupt for ever.
 */
#include "events/device-irq.h"
#include "events/delivery.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/interrupts.h"
#include "machine/ioapic.h"
#include "machine/lapic.h"
#include "memory/hypervisor-mappings.h"

enum kind { IRQ_NONE, IRQ_LINE, IRQ_MESSAGE };

struct device_irq {
    enum kind kind;
    struct domain *domain; /* mapped by; NULL: nobody */
    evtchn_port_t port;    /* bound to; 0: not */
    unsigned vcpu;         /* whom the port notifies */
    unsigned gsi;
    struct msi_target message;
    uint8_t vector; /* 0: none yet */
    bool level, active_low, in_service;
};

/* Guards the table; below the port locks. */
static struct spinlock irq_lock;
static struct device_irq irqs[MAX_IRQS];
static uint8_t irq_of_vector[256];
static unsigned gsi_limit;

static bool line_is_legacy_override(unsigned gsi, struct device_irq *irq)
{
    for (unsigned i = 0; i < acpi_facts.overrides; i++)
        if (acpi_facts.override[i].gsi == gsi) {
            irq->level = acpi_facts.override[i].level;
            irq->active_low = acpi_facts.override[i].active_low;
            return true;
        }
    return false;
}

void device_irqs_init(void)
{
    gsi_limit = min(ioapic_gsi_limit(), MAX_IRQS - 64U);
    for (unsigned g = 0; g < gsi_limit; g++) {
        irqs[g].kind = IRQ_LINE;
        irqs[g].gsi = g;
        /* ISA lines are edge, active high; PCI lines level, active low; ACPI may say otherwise. */
        irqs[g].level = irqs[g].active_low = g >= 16;
        line_is_legacy_override(g, &irqs[g]);
    }
}

static void device_interrupt(unsigned vector)
{
    struct device_irq *irq = &irqs[irq_of_vector[vector]];

    spin_lock(&irq_lock);
    if (irq->vector == vector && irq->kind == IRQ_LINE && irq->level) {
        ioapic_mask(irq->gsi, true);
        irq->in_service = true;
    }
    lapic_eoi();
    if (irq->vector == vector && irq->port)
        port_deliver(irq->domain, irq->port, irq->vcpu);
    spin_unlock(&irq_lock);
}

static int vector_give(struct device_irq *irq)
{
    int vector;

    if (irq->vector)
        return 0;
    vector = vector_alloc();
    if (vector < 0)
        return vector;
    irq->vector = (uint8_t)vector;
    irq_of_vector[vector] = (uint8_t)(irq - irqs);
    interrupt_set_handler((unsigned)vector, device_interrupt);
    return 0;
}

static struct device_irq *mapped_locked(struct domain *d, unsigned pirq)
{
    if (pirq >= MAX_IRQS || irqs[pirq].domain != d)
        return NULL;
    return &irqs[pirq];
}

int device_irq_setup_line(unsigned gsi, bool level, bool active_low)
{
    if (gsi >= gsi_limit)
        return -EINVAL;
    spin_lock(&irq_lock);
    if (!irqs[gsi].port) {
        irqs[gsi].level = level;
        irqs[gsi].active_low = active_low;
    }
    spin_unlock(&irq_lock);
    return 0;
}

int device_irq_vector(unsigned gsi, uint32_t *vector)
{
    int r;

    if (gsi >= gsi_limit)
        return -EINVAL;
    spin_lock(&irq_lock);
    r = vector_give(&irqs[gsi]);
    *vector = irqs[gsi].vector;
    spin_unlock(&irq_lock);
    return r;
}

int device_irq_map_line(struct domain *d, unsigned gsi, int *pirq)
{
    int r = 0;

    if (gsi >= gsi_limit || (*pirq >= 0 && (unsigned)*pirq != gsi))
        return -EINVAL;
    spin_lock(&irq_lock);
    if (irqs[gsi].domain && irqs[gsi].domain != d)
        r = -EBUSY;
    else
        irqs[gsi].domain = d;
    spin_unlock(&irq_lock);
    *pirq = (int)gsi;
    return r;
}

static int free_number_locked(void)
{
    for (unsigned n = MAX_IRQS - 1; n >= gsi_limit; n--)
        if (irqs[n].kind == IRQ_NONE)
            return (int)n;
    return -ENOSPC;
}

int device_irq_free_number(struct domain *d maybe_unused)
{
    int n;

    spin_lock(&irq_lock);
    n = free_number_locked();
    spin_unlock(&irq_lock);
    return n;
}

int device_irq_map_message(struct domain *d, const struct msi_target *target, int *pirq)
{
    struct device_irq *irq;
    int n, r;

    spin_lock(&irq_lock);
    n = *pirq >= 0 ? *pirq : free_number_locked();
    if (n < 0 || (unsigned)n < gsi_limit || n >= MAX_IRQS || irqs[n].kind != IRQ_NONE) {
        spin_unlock(&irq_lock);
        return n < 0 ? n : -EINVAL;
    }
    irq = &irqs[n];
    irq->kind = IRQ_MESSAGE;
    irq->domain = d;
    irq->message = *target;
    r = vector_give(irq);
    if (!r)
        msi_program(target, irq->vector, cpu_for_devices());
    else
        *irq = (struct device_irq){ .kind = IRQ_NONE };
    spin_unlock(&irq_lock);
    *pirq = n;
    return r;
}

static void unmap_locked(struct device_irq *irq)
{
    if (irq->kind == IRQ_MESSAGE) {
        msi_disable(&irq->message);
        vector_free(irq->vector);
        *irq = (struct device_irq){ .kind = IRQ_NONE };
    } else {
        ioapic_mask(irq->gsi, true);
        irq->domain = NULL;
        irq->in_service = false;
    }
}

int device_irq_unmap(struct domain *d, int pirq)
{
    struct device_irq *irq;
    int r = -EINVAL;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, (unsigned)pirq);
    if (irq && irq->port)
        r = -EBUSY;
    else if (irq) {
        unmap_locked(irq);
        r = 0;
    }
    spin_unlock(&irq_lock);
    return r;
}

void device_irqs_unmap_all(struct domain *d)
{
    spin_lock(&irq_lock);
    for (unsigned n = 0; n < MAX_IRQS; n++)
        if (irqs[n].domain == d)
            unmap_locked(&irqs[n]);
    spin_unlock(&irq_lock);
}

int device_irq_bind(struct domain *d, unsigned pirq, bool share maybe_unused, evtchn_port_t port)
{
    struct device_irq *irq;
    int r = -EINVAL;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, pirq);
    if (irq && irq->port)
        r = -EEXIST;
    else if (irq)
        r = vector_give(irq);
    if (!r) {
        irq->port = port;
        irq->vcpu = 0;
        if (irq->kind == IRQ_LINE) {
            ioapic_route(irq->gsi, irq->vector, cpu_for_devices(), irq->level, irq->active_low);
            ioapic_mask(irq->gsi, false);
        } else {
            msi_mask(&irq->message, false);
        }
    }
    spin_unlock(&irq_lock);
    return r;
}

void device_irq_unbind(struct domain *d, unsigned pirq)
{
    struct device_irq *irq;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, pirq);
    if (irq) {
        if (irq->kind == IRQ_LINE)
            ioapic_mask(irq->gsi, true);
        else
            msi_mask(&irq->message, true);
        irq->port = 0;
        irq->in_service = false;
    }
    spin_unlock(&irq_lock);
}

void device_irq_set_vcpu(struct domain *d, unsigned pirq, unsigned vcpu)
{
    struct device_irq *irq;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, pirq);
    if (irq)
        irq->vcpu = vcpu;
    spin_unlock(&irq_lock);
}

int device_irq_eoi(struct domain *d, unsigned pirq)
{
    struct device_irq *irq;
    int r = -EINVAL;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, pirq);
    if (irq) {
        if (irq->in_service) {
            irq->in_service = false;
            ioapic_mask(irq->gsi, false);
        }
        r = 0;
    }
    spin_unlock(&irq_lock);
    return r;
}

bool device_irq_needs_eoi(struct domain *d, unsigned pirq)
{
    struct device_irq *irq;
    bool needs;

    spin_lock(&irq_lock);
    irq = mapped_locked(d, pirq);
    needs = irq && irq->kind == IRQ_LINE && irq->level;
    spin_unlock(&irq_lock);
    return needs;
}

bool device_irq_exists(unsigned pirq)
{
    return pirq < MAX_IRQS;
}

/*
 * Interrupts of real devices, given to the control domain as events.  A pirq is the domain's
 * number for one: GSIs keep their number, messages (MSI, MSI-X) get free ones above.
 */
#ifndef EVENTS_DEVICE_IRQ_H
#define EVENTS_DEVICE_IRQ_H

#include "domain/domain.h"
#include "machine/msi.h"

void device_irqs_init(void);

/* Sets a line's trigger; before it is bound. */
int must_check device_irq_setup_line(unsigned gsi, bool level, bool active_low);
/* Gives a pirq for a line / a message; *pirq: wanted or negative. */
int must_check device_irq_map_line(struct domain *d, unsigned gsi, int *pirq);
int must_check device_irq_map_message(struct domain *d, const struct msi_target *target, int *pirq);
int must_check device_irq_unmap(struct domain *d, int pirq);
void device_irqs_unmap_all(struct domain *d);
int device_irq_free_number(struct domain *d);
/* The vector of a line, for guests that ask. */
int must_check device_irq_vector(unsigned gsi, uint32_t *vector);

/* For events/binding.c, with the domain's port lock held. */
int must_check device_irq_bind(struct domain *d, unsigned pirq, bool share, evtchn_port_t port);
void device_irq_unbind(struct domain *d, unsigned pirq);
/* Which vCPU the port notifies. */
void device_irq_set_vcpu(struct domain *d, unsigned pirq, unsigned vcpu);

/* The guest has served it. */
int must_check device_irq_eoi(struct domain *d, unsigned pirq);
/* Whether the number can be a pirq at all. */
bool device_irq_exists(unsigned pirq);
bool device_irq_needs_eoi(struct domain *d, unsigned pirq);

#endif

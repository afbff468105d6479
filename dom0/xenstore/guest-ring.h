/*
 * Guests' rings: each introduced domain's page and event port, served in turn by one task.
 */
#ifndef DOM0_XENSTORE_GUEST_RING_H
#define DOM0_XENSTORE_GUEST_RING_H

#include <stdbool.h>

struct store_domain;

/* Maps the page and binds the port of a domain just introduced; undone by disconnect. */
int guest_ring_connect(struct store_domain *domain);
void guest_ring_disconnect(struct store_domain *domain);

/* The serving task's one endless function. check is called whenever a domain died, again
 * and again while it returns true. */
void guest_rings_serve(bool (*check)(void *argument), void *argument) __attribute__((noreturn));
/* Wakes the task and makes it call check; for VIRQ_DOM_EXC's handler. */
void guest_rings_check(void);

#endif

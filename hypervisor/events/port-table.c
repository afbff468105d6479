/* Pages of port records, made as ports are used. */
#include "events/port.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "memory/heap.h"

_Static_assert(sizeof(struct port) == 24, "a page holds as many as limits.h thinks");

int event_ports_create(struct domain *d, uint32_t limit)
{
    d->ports = heap_allocate(sizeof(*d->ports));
    if (!d->ports)
        return -ENOMEM;
    d->ports->limit = min(limit, (uint32_t)MAX_PORTS);
    return 0;
}

void event_ports_destroy(struct domain *d)
{
    if (!d->ports)
        return;
    for (unsigned i = 0; i < PORT_PAGES; i++)
        if (d->ports->pages[i])
            heap_page_free(d->ports->pages[i]);
    heap_free(d->ports, sizeof(*d->ports));
    d->ports = NULL;
}

struct port *port_find_locked(struct event_ports *ports, evtchn_port_t number)
{
    struct port *page;

    if (number >= ports->limit)
        return NULL;
    page = ports->pages[number / PORTS_PER_PAGE];
    return page ? &page[number % PORTS_PER_PAGE] : NULL;
}

int port_allocate_locked(struct domain *d, evtchn_port_t *number)
{
    struct event_ports *ports = d->ports;

    if (ports->closed)
        return -EINVAL;
    for (evtchn_port_t n = 1; n < ports->limit; n++) {
        struct port **page = &ports->pages[n / PORTS_PER_PAGE];

        if (!*page)
            write_once(*page, heap_page_allocate()); /* others look without the lock */
        if (!*page)
            return -ENOMEM;
        if ((*page)[n % PORTS_PER_PAGE].state != PORT_FREE)
            continue;
        bit_test_and_clear_atomic(d->shared_info->evtchn_pending, n);
        (*page)[n % PORTS_PER_PAGE] = (struct port){ 0 };
        *number = n;
        return 0;
    }
    return -ENOSPC;
}

void port_free_locked(struct domain *d, evtchn_port_t number)
{
    struct port *p = port_find_locked(d->ports, number);

    /* What was pending is not for the next user of the number. */
    bit_test_and_clear_atomic(d->shared_info->evtchn_pending, number);
    *p = (struct port){ .state = PORT_FREE };
}

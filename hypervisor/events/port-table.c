/* Pages of port records, made as ports are used. */
#include "events/delivery.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "memory/heap.h"

_Static_assert(sizeof(struct port) == 16, "a page of pointers is enough for all records");
_Static_assert(PORT_PAGES_MAX * sizeof(struct port *) == PAGE_SIZE, "as struct event_ports says");

#define LOOKS 1024 /* at ports in one search */

int event_ports_create(struct domain *d, uint32_t limit)
{
    d->ports = heap_allocate(sizeof(*d->ports));
    if (!d->ports)
        return -ENOMEM;
    d->ports->limit_wanted = min(limit, EVTCHN_FIFO_NR_CHANNELS);
    d->ports->limit = min(limit, (uint32_t)MAX_PORTS);
    d->ports->lowest = d->ports->closing = 1; /* port 0 is never given */
    d->ports->pages = d->ports->first;
    return 0;
}

void event_ports_destroy(struct domain *d)
{
    struct event_ports *ports = d->ports;
    bool extended = ports && ports->pages != ports->first;

    if (!ports)
        return;
    for (unsigned i = 0; i < (extended ? PORT_PAGES_MAX : PORT_PAGES); i++)
        if (ports->pages[i])
            heap_page_free(ports->pages[i]);
    if (extended)
        heap_page_free(ports->pages);
    heap_free(ports, sizeof(*ports));
    d->ports = NULL;
}

int event_ports_extend_locked(struct event_ports *ports)
{
    struct port **pages;

    if (ports->limit_wanted > MAX_PORTS && ports->pages == ports->first) {
        pages = heap_page_allocate();
        if (!pages)
            return -ENOMEM;
        memcpy(pages, ports->first, sizeof(ports->first));
        /* Who looks without the lock is after a record that both have. */
        atomic_store(&ports->pages, pages);
    }
    write_once(ports->limit, ports->limit_wanted);
    return 0;
}

struct port *port_find_locked(struct event_ports *ports, evtchn_port_t number)
{
    struct port *page;

    if (number >= read_once(ports->limit))
        return NULL;
    page = read_once(ports->pages)[number / PORTS_PER_PAGE];
    return page ? &page[number % PORTS_PER_PAGE] : NULL;
}

/* The port's record, made if there is none; NULL: no memory. */
static struct port *record_make(struct event_ports *ports, evtchn_port_t n)
{
    struct port **page = &ports->pages[n / PORTS_PER_PAGE];

    if (!*page)
        write_once(*page, heap_page_allocate()); /* others look without the lock */
    return *page ? &(*page)[n % PORTS_PER_PAGE] : NULL;
}

/* What the guest wrote into the words of free ports decides how many are looked at. */
int port_allocate_locked(struct domain *d, evtchn_port_t *number)
{
    struct event_ports *ports = d->ports;
    evtchn_port_t from = max(ports->looking, ports->lowest);

    if (ports->closed)
        return -EINVAL;
    ports->looking = 0;
    for (evtchn_port_t n = from; n < ports->limit; n++) {
        struct port *p = record_make(ports, n);

        if (!p)
            return -ENOMEM;
        if (p->state == PORT_FREE && port_reset(d, p, n)) {
            p->notify_vcpu = 0;
            ports->used++;
            ports->lowest += n == ports->lowest;
            *number = n;
            return 0;
        }
        if (n - from == LOOKS) {
            ports->looking = n + 1;
            return -ERESTART;
        }
    }
    return -ENOSPC;
}

void port_free_locked(struct domain *d, evtchn_port_t number)
{
    struct port *p = port_find_locked(d->ports, number);

    /* What was pending is not for the next user of the number. */
    (void)port_reset(d, p, number);
    p->state = PORT_FREE;
    d->ports->used--;
    d->ports->lowest = min(d->ports->lowest, number);
}

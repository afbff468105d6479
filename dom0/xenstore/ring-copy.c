/*
 * Bytes in and out of a guest's xenstore ring.  See ring-copy.h.
 *
 * Barriers: what the guest wrote before it moved its producer index is read after that index
 * (acquire, partner: the guest's write barrier); what we write is there before our index says
 * so (release, partner: its read barrier).
 */
#include "xenstore/ring-copy.h"

#include <errno.h>
#include <string.h>

#define RING_MASK (XENSTORE_RING_SIZE - 1)

static uint32_t index_read(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void index_write(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

void ring_ends_start(struct ring_ends *ends, struct xenstore_domain_interface *page)
{
    ends->page = page;
    ends->request_consumer = index_read(&page->req_cons);
    ends->response_producer = index_read(&page->rsp_prod);
}

int ring_take(struct ring_ends *ends, void *buffer, size_t size, size_t *taken)
{
    uint32_t ready = index_read(&ends->page->req_prod) - ends->request_consumer;
    char *to = buffer;

    *taken = 0;
    if (ready > XENSTORE_RING_SIZE)
        return -EPROTO;
    while (ready && size) {
        uint32_t at = ends->request_consumer & RING_MASK;
        size_t piece = XENSTORE_RING_SIZE - at;

        piece = piece < ready ? piece : ready;
        piece = piece < size ? piece : size;
        memcpy(to, ends->page->req + at, piece);
        to += piece;
        size -= piece;
        ready -= (uint32_t)piece;
        ends->request_consumer += (uint32_t)piece;
        *taken += piece;
    }
    index_write(&ends->page->req_cons, ends->request_consumer);
    return 0;
}

int ring_put(struct ring_ends *ends, const void *data, size_t size, size_t *put)
{
    uint32_t used = ends->response_producer - index_read(&ends->page->rsp_cons);
    const char *from = data;

    *put = 0;
    if (used > XENSTORE_RING_SIZE)
        return -EPROTO;
    uint32_t room = XENSTORE_RING_SIZE - used;

    while (room && size) {
        uint32_t at = ends->response_producer & RING_MASK;
        size_t piece = XENSTORE_RING_SIZE - at;

        piece = piece < room ? piece : room;
        piece = piece < size ? piece : size;
        memcpy(ends->page->rsp + at, from, piece);
        from += piece;
        size -= piece;
        room -= (uint32_t)piece;
        ends->response_producer += (uint32_t)piece;
        *put += piece;
    }
    index_write(&ends->page->rsp_prod, ends->response_producer);
    return 0;
}

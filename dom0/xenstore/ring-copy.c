/*
 * Bytes in and out of a xenstore ring.  See ring-copy.h.
 *
 * Barriers: what the other end wrote before it moved its producer index is read after that index
 * (acquire, partner: its write barrier); what we write is there before our index says so (release,
 * partner: its read barrier).
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
    ends->in = (struct ring_way){ .bytes = page->req,
                                  .producer = &page->req_prod,
                                  .consumer = &page->req_cons,
                                  .own = index_read(&page->req_cons) };
    ends->out = (struct ring_way){ .bytes = page->rsp,
                                   .producer = &page->rsp_prod,
                                   .consumer = &page->rsp_cons,
                                   .own = index_read(&page->rsp_prod) };
}

void ring_ends_start_guest(struct ring_ends *ends, struct xenstore_domain_interface *page)
{
    ends->page = page;
    ends->in = (struct ring_way){ .bytes = page->rsp,
                                  .producer = &page->rsp_prod,
                                  .consumer = &page->rsp_cons,
                                  .own = index_read(&page->rsp_prod) };
    ends->out = (struct ring_way){ .bytes = page->req,
                                   .producer = &page->req_prod,
                                   .consumer = &page->req_cons,
                                   .own = index_read(&page->req_prod) };
    index_write(ends->in.consumer, ends->in.own);
}

int ring_take(struct ring_ends *ends, void *buffer, size_t size, size_t *taken)
{
    struct ring_way *way = &ends->in;
    uint32_t ready = index_read(way->producer) - way->own;
    char *to = buffer;

    *taken = 0;
    if (ready > XENSTORE_RING_SIZE)
        return -EPROTO;
    while (ready && size) {
        uint32_t at = way->own & RING_MASK;
        size_t piece = XENSTORE_RING_SIZE - at;

        piece = piece < ready ? piece : ready;
        piece = piece < size ? piece : size;
        memcpy(to, way->bytes + at, piece);
        to += piece;
        size -= piece;
        ready -= (uint32_t)piece;
        way->own += (uint32_t)piece;
        *taken += piece;
    }
    index_write(way->consumer, way->own);
    return 0;
}

int ring_put(struct ring_ends *ends, const void *data, size_t size, size_t *put)
{
    struct ring_way *way = &ends->out;
    uint32_t used = way->own - index_read(way->consumer);
    const char *from = data;

    *put = 0;
    if (used > XENSTORE_RING_SIZE)
        return -EPROTO;
    uint32_t room = XENSTORE_RING_SIZE - used;

    while (room && size) {
        uint32_t at = way->own & RING_MASK;
        size_t piece = XENSTORE_RING_SIZE - at;

        piece = piece < room ? piece : room;
        piece = piece < size ? piece : size;
        memcpy(way->bytes + at, from, piece);
        from += piece;
        size -= piece;
        room -= (uint32_t)piece;
        way->own += (uint32_t)piece;
        *put += piece;
    }
    index_write(way->producer, way->own);
    return 0;
}

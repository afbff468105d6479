/*
 * Intake: from the ring into our own memory, once, and checked there.
 *
 * The guest may change a slot at any moment, so a request is copied first and only the copy is
 * looked at.  Producer indices that claim more than the ring holds end the service.
 */
#include "split-drivers/block/back/vbd.h"
#include <stddef.h>
#include <string.h>

#define barrier() __asm__ volatile("" : : : "memory")

/* Copies field by field through volatile: each byte is read once. */
static void request_copy(struct blkif_request *to, const volatile struct blkif_request *from)
{
    const volatile uint64_t *f = (const volatile uint64_t *)from;
    uint64_t words[sizeof(*to) / sizeof(uint64_t)] = { 0 };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        words[i] = f[i];
    memcpy(to, words, sizeof(words));
}

static bool segments_valid(const struct blkif_request *r, uint64_t *sectors)
{
    *sectors = 0;
    if (!r->nr_segments || r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return false;
    for (unsigned int i = 0; i < r->nr_segments; i++) {
        if (r->seg[i].first_sect > r->seg[i].last_sect || r->seg[i].last_sect > 7)
            return false;
        *sectors += r->seg[i].last_sect - r->seg[i].first_sect + 1u;
    }
    return true;
}

/* BLKIF_RSP_OKAY if it may go on, else what to answer. */
static int16_t request_check(const struct vbd *vbd, const struct blkif_request *r)
{
    uint64_t sectors;

    switch (r->operation) {
    case BLKIF_OP_FLUSH_DISKCACHE:
        return r->nr_segments ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
    case BLKIF_OP_WRITE:
        if (!vbd->writable)
            return BLKIF_RSP_ERROR;
        break;
    case BLKIF_OP_READ:
        break;
    default:
        return BLKIF_RSP_EOPNOTSUPP;
    }
    if (!segments_valid(r, &sectors) || r->sector_number > vbd->device->sectors ||
        sectors > vbd->device->sectors - r->sector_number)
        return BLKIF_RSP_ERROR;
    return BLKIF_RSP_OKAY;
}

struct vbd_request *intake_take(struct vbd *vbd)
{
    struct vbd_request *first = NULL, **last = &first;
    uint32_t produced = vbd->ring->header.req_prod;

    if (produced - vbd->response_produced > VBD_SLOTS) {
        vbd->broken = true;
        return NULL;
    }
    barrier(); /* the index before the slots it covers; partner: the frontend's store order */
    while (vbd->request_consumed != produced && vbd->free_requests) {
        struct vbd_request *request = vbd->free_requests;
        int16_t status;

        vbd->free_requests = request->next;
        request_copy(&request->copy, &vbd->ring->slots[vbd->request_consumed % VBD_SLOTS].request);
        vbd->request_consumed++;
        request->frame_count = 0;
        request->next = NULL;
        status = request_check(vbd, &request->copy);
        if (status) {
            complete_add(request, status);
            continue;
        }
        *last = request;
        last = &request->next;
    }
    return first;
}

bool intake_more(struct vbd *vbd)
{
    if (vbd->broken)
        return false;
    if (vbd->request_consumed != vbd->ring->header.req_prod)
        return vbd->free_requests != NULL;
    vbd->ring->header.req_event = vbd->request_consumed + 1;
    __sync_synchronize(); /* our wish before we look; partner: the frontend's push and check */
    return vbd->request_consumed != vbd->ring->header.req_prod;
}

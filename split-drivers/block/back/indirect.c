/*
 * Indirect requests: their segments are in a page of the guest's, which is copied, many in one
 * hypercall, and looked at in the copy only.  A queue has room for so many at once; it is made when
 * it is needed first, and the next request waits on the ring while all is used.
 */
#include "split-drivers/block/back/vbd.h"
#include "libc/libc.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/grant-copies.h"
#include <stdlib.h>

/* Copies of the guest's lists: two in a page.  Used between two sleeps only. */
static struct blkif_request_segment copies[VBD_LISTS_MAX][VBD_SEGMENTS_MAX]
    __attribute__((aligned(4096)));
_Static_assert(PAGE_SIZE % sizeof(copies[0]) == 0, "none crosses a page");
static struct gnttab_copy orders[VBD_LISTS_MAX];

static struct vbd_list *list_make(struct vbd_queue *queue)
{
    struct vbd_list *list = NULL;

    if (queue->list_count < VBD_LISTS_MAX && libc_memory_allows(sizeof(*list)))
        list = malloc(sizeof(*list));
    if (list)
        queue->list_count++;
    return list;
}

bool indirect_begin(struct vbd_request *request)
{
    struct vbd_queue *queue = request->queue;
    struct vbd_list *list = queue->free_lists;

    if (list)
        queue->free_lists = list->next;
    else
        list = list_make(queue);
    request->list = list;
    if (!list)
        return false;
    request->segment_count = request->copy.indirect.nr_segments;
    request->frames = list->frames;
    request->segments = list->segments;
    return true;
}

void indirect_end(struct vbd_request *request)
{
    if (!request->list)
        return;
    request->list->next = request->queue->free_lists;
    request->queue->free_lists = request->list;
    request->list = NULL;
}

static void order_copy(struct gnttab_copy *order, const struct vbd_request *request, void *to)
{
    *order = (struct gnttab_copy){ .flags = GNTCOPY_source_gref };
    order->source.domid = (domid_t)request->queue->vbd->backend.domid;
    order->source.u.ref = request->copy.indirect.indirect_grefs[0];
    order->dest.domid = DOMID_SELF;
    order->dest.u.gmfn = frames_virt_to_mfn(to);
    order->dest.offset = (uint16_t)((uintptr_t)to % PAGE_SIZE);
    order->len = (uint16_t)(request->segment_count * sizeof(copies[0][0]));
}

/* BLKIF_RSP_OKAY, or what to answer. */
static int16_t list_check(struct vbd_request *request, const struct blkif_request_segment *segments)
{
    for (unsigned int i = 0; i < request->segment_count; i++)
        if (!intake_segment(request, i, &segments[i]))
            return BLKIF_RSP_ERROR;
    return intake_range(request, request->copy.indirect.sector_number);
}

struct vbd_request *indirect_read(struct vbd_queue *queue, struct vbd_request *list)
{
    struct vbd_request *first = NULL, **last = &first, *next;
    unsigned int n = 0;

    (void)queue;
    for (struct vbd_request *request = list; request; request = request->next)
        if (request->list) {
            order_copy(&orders[n], request, copies[n]);
            n++;
        }
    if (!n)
        return list;
    grant_copies_run(orders, n);
    n = 0;
    for (struct vbd_request *request = list; request; request = next) {
        int16_t status = BLKIF_RSP_OKAY;

        next = request->next;
        request->next = NULL;
        if (request->list) {
            status =
                orders[n].status == GNTST_okay ? list_check(request, copies[n]) : BLKIF_RSP_ERROR;
            n++;
        }
        if (status) {
            complete_add(request, status);
            continue;
        }
        *last = request;
        last = &request->next;
    }
    return first;
}

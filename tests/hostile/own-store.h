/*
 * Own store: a guest's way to xenstore, one request at a time, without a libc.
 */
#ifndef HOSTILE_OWN_STORE_H
#define HOSTILE_OWN_STORE_H

#include "hypercall-abi/rings/xenstore.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"
#include "pv-kernel/string.h"

static inline void ignore(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
}

/* Sleeps until *index is not `old` any more; the other end sends an event then. */
static inline void wait_for_change(volatile uint32_t *index, uint32_t old)
{
    events_mask_save();
    while (*index == old) {
        events_block();
        events_mask_save();
    }
    events_mask_restore(false);
}

/* The store, one request at a time; answers lie in `answer`. */
static volatile struct xenstore_domain_interface *store;
static char answer[XENSTORE_PAYLOAD_MAX + 1];
static uint32_t answer_length;

static inline void store_start(void)
{
    for (uint64_t pfn = 0; pfn < frames_total(); pfn++)
        if (frames_pfn_to_mfn(pfn) == start_info->store_mfn)
            store = (void *)(pfn * PAGE_SIZE);
    event_port_set_handler(start_info->store_evtchn, ignore, NULL);
}

static inline void store_put(const void *data, size_t size)
{
    const char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        uint32_t consumed = store->req_cons;

        if (store->req_prod - consumed == XENSTORE_RING_SIZE) {
            event_port_notify(start_info->store_evtchn);
            wait_for_change(&store->req_cons, consumed);
        }
        store->req[store->req_prod % XENSTORE_RING_SIZE] = bytes[i];
        store->req_prod++;
    }
}

static inline void store_get(void *data, size_t size)
{
    char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        uint32_t produced = store->rsp_prod;

        if (store->rsp_cons == produced) {
            event_port_notify(start_info->store_evtchn);
            wait_for_change(&store->rsp_prod, produced);
        }
        bytes[i] = store->rsp[store->rsp_cons % XENSTORE_RING_SIZE];
        store->rsp_cons++;
    }
}

/* The answer's type is the request's, or XS_ERROR; events in between are dropped. */
static inline bool ask(uint32_t type, uint32_t tx, const void *payload, size_t length)
{
    struct xsd_sockmsg header = { type, 1, tx, (uint32_t)length };

    store_put(&header, sizeof(header));
    store_put(payload, length);
    event_port_notify(start_info->store_evtchn);
    do {
        store_get(&header, sizeof(header));
        store_get(answer, header.len);
        answer[header.len] = '\0';
        answer_length = header.len;
    } while (header.type == XS_WATCH_EVENT);
    event_port_notify(start_info->store_evtchn); /* there is room again */
    return header.type == type;
}

/* "path NUL value": `fill` bytes of x after the value. */
static inline bool store_write(uint32_t tx, const char *path, const char *value, size_t fill)
{
    static char payload[XENSTORE_PAYLOAD_MAX];
    size_t length = (size_t)ksnprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

    memset(payload + length, 'x', fill);
    return ask(XS_WRITE, tx, payload, length + fill);
}

static inline bool store_read(uint32_t tx, const char *path)
{
    return ask(XS_READ, tx, path, strlen(path) + 1);
}

static inline uint32_t number(const char *text)
{
    uint32_t n = 0;

    while (*text >= '0' && *text <= '9')
        n = n * 10 + (uint32_t)(*text++ - '0');
    return n;
}

#endif

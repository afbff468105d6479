/*
 * Guests that want all of what dom0 has for them, and a quiet one beside them that says how it is
 * served.  The command line says which; tests/system/test_greedy.py runs them together.
 *
 * Each is served by what every guest has: its store ring, its console, its disk.
 */
#include "hypercall-abi/events.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/rings/block.h"
#include "hypercall-abi/rings/ring.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/own-grants.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "pv-kernel/string.h"
#include "tests/hostile/own-store.h"

#define SECOND_NS 1000000000ULL
#define VALUE     2000 /* bytes of a large value */

/* The disk: requests that all read into one page. */
#define SLOTS 32u

static volatile struct {
    struct ring_header header;
    union {
        struct blkif_request request;
        struct blkif_response response;
    } slots[SLOTS];
} * ring;

static evtchn_port_t disk_port;
static grant_ref_t page_ref;
static uint32_t answers_taken;

static void disk_start(void)
{
    static const char front[] = "device/vbd/51712/";
    char path[64], value[16], backend[80];
    grant_ref_t ring_ref;

    ring = frames_alloc(0);
    grant_access_give(0, frames_virt_to_mfn((void *)(uintptr_t)ring), false, &ring_ref);
    grant_access_give(0, frames_virt_to_mfn(frames_alloc(0)), false, &page_ref);
    event_port_alloc_unbound(DOMID_SELF, 0, &disk_port);
    event_port_set_handler(disk_port, ignore, NULL);
    ring->header.rsp_event = 1;
    ksnprintf(path, sizeof(path), "%sbackend", front);
    store_read(0, path);
    ksnprintf(backend, sizeof(backend), "%s/state", answer);
    ksnprintf(path, sizeof(path), "%sring-ref", front);
    ksnprintf(value, sizeof(value), "%u", ring_ref);
    store_write(0, path, value, 0);
    ksnprintf(path, sizeof(path), "%sevent-channel", front);
    ksnprintf(value, sizeof(value), "%u", disk_port);
    store_write(0, path, value, 0);
    ksnprintf(path, sizeof(path), "%sstate", front);
    store_write(0, path, "3", 0);
    while (!store_read(0, backend) || number(answer) != 4)
        hypercall_sched_op(SCHEDOP_yield, 0);
    store_write(0, path, "4", 0);
}

static void disk_ask(unsigned int segments)
{
    volatile struct blkif_request *r = &ring->slots[ring->header.req_prod % SLOTS].request;

    r->operation = BLKIF_OP_READ;
    r->nr_segments = (uint8_t)segments;
    r->id = ring->header.req_prod;
    r->sector_number = ring->header.req_prod % 64 * 88;
    for (unsigned int i = 0; i < segments; i++) {
        r->seg[i].gref = page_ref;
        r->seg[i].first_sect = 0;
        r->seg[i].last_sect = 7;
    }
    ring->header.req_prod++;
}

/* Waits for an answer; how many failed. */
static unsigned int disk_wait(void)
{
    unsigned int failed = 0;

    event_port_notify(disk_port);
    if (answers_taken == ring->header.rsp_prod) {
        ring->header.rsp_event = answers_taken + 1;
        wait_for_change(&ring->header.rsp_prod, answers_taken);
    }
    for (; answers_taken != ring->header.rsp_prod; answers_taken++)
        failed += ring->slots[answers_taken % SLOTS].response.status != BLKIF_RSP_OKAY;
    return failed;
}

/* The quiet one: a write, a read and a sector, again and again, and how often in each second. */
static void quiet(void)
{
    unsigned long rounds = 0, failures = 0;
    uint64_t told = clock_monotonic_ns();

    disk_start();
    for (;;) {
        failures += !store_write(0, "data/quiet", "1", 0);
        failures += !store_read(0, "data/quiet");
        disk_ask(1);
        failures += disk_wait();
        rounds++;
        if (clock_monotonic_ns() - told < SECOND_NS)
            continue;
        told = clock_monotonic_ns();
        kprintf("quiet: at %lu ms %lu rounds %lu failures\n", told / 1000000, rounds, failures);
    }
}

/* As many transactions as there may be, full of writes and of notes of what is not there. */
static void transactions(void)
{
    static char path[1500];

    memset(path, 'p', sizeof(path) - 1);
    for (;;) {
        for (int open = 0; open < 12; open++) {
            if (!ask(XS_TRANSACTION_START, 0, "", 1))
                continue;
            uint32_t tx = number(answer);

            for (unsigned int i = 0; store_write(tx, "data/tx", "", VALUE) && i < 40; i++)
                ;
            for (unsigned int i = 0; i < 1100; i++) {
                path[ksnprintf(path, sizeof(path), "%u", i)] = 'p';
                store_read(tx, path);
                if (!strcmp(answer, "ENOSPC") || !strcmp(answer, "ENOMEM"))
                    break;
            }
        }
        ask(XS_RESET_WATCHES, 0, "", 1);
    }
}

/* All watches and nodes there may be, as large as may be, written again and again. */
static void watches(void)
{
    static char payload[1200];
    char path[40];

    for (unsigned int i = 0; i < 200; i++) {
        size_t length = (size_t)ksnprintf(payload, sizeof(payload), "data%c%u", 0, i);

        memset(payload + length, 't', 1000);
        payload[length + 1000] = '\0';
        ask(XS_WATCH, 0, payload, length + 1001);
    }
    for (unsigned int i = 0;; i++) {
        ksnprintf(path, sizeof(path), "data/%u/%u", i / 100 % 16, i % 100);
        store_write(0, path, "", VALUE);
    }
}

static void log_lines(void)
{
    for (;;)
        kprintf("greedy greedy greedy greedy greedy greedy greedy greedy greedy greedy greedy\n");
}

static void reboots(void)
{
    kprintf("greedy: once more\n");
    kernel_shutdown(SHUTDOWN_reboot);
}

static void events(void)
{
    for (;;) {
        event_port_notify(start_info->store_evtchn);
        event_port_notify(start_info->console.domU.evtchn);
    }
}

static void disk(void)
{
    disk_start();
    for (;;) {
        while (ring->header.req_prod - answers_taken < SLOTS)
            disk_ask(BLKIF_MAX_SEGMENTS_PER_REQUEST);
        disk_wait();
    }
}

/* A stack that is at its end: what is below it cannot be written. */
static void stack(void)
{
    char *page = frames_alloc(0);

    page_tables_protect(page, false);
    __asm__ volatile("mov %0, %%rsp; push $0" : : "r"(page + PAGE_SIZE) : "memory");
}

void guest_main(struct start_info *si)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {
        { "quiet", quiet },     { "transactions", transactions },
        { "watches", watches }, { "log", log_lines },
        { "reboots", reboots }, { "events", events },
        { "disk", disk },       { "stack", stack },
    };

    store_start();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (!strcmp(kinds[i].name, (const char *)si->cmd_line))
            kinds[i].run();
    kprintf("greedy: no such kind\n");
    kernel_shutdown(SHUTDOWN_crash);
}

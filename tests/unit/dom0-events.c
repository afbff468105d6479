/*
 * dom0's event ports against a storm: a guest that sends again while its last event is delivered
 * does not keep dom0 in the upcall, and loses nothing.
 *
 * In both formats of event channels.
 *
 * Sources: dom0/pv-kernel/event-ports.c dom0/pv-kernel/event-fifo.c
 * Flags: -include tests/unit/fake-hypercalls.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pv-kernel/event-ports.h"
#include "pv-kernel/kernel.h"

#define PORTS 200u

static struct shared_info page;
struct shared_info *shared_info = &page;
static unsigned int calls[PORTS], deliveries;
static bool storm, has_fifo;
static evtchn_port_t next_port;

void kernel_panic(const char *format, ...)
{
    print_error("%s", format);
    abort();
}

uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va;
}

void *frames_alloc(unsigned int order)
{
    static uint8_t memory[16 * 4096] __attribute__((aligned(4096)));
    static size_t used;

    used += 4096u << order;
    return used <= sizeof(memory) ? memory + used - (4096u << order) : NULL;
}

void frames_free(void *va, unsigned int order)
{
    (void)va;
    (void)order;
}

/* The hypervisor's side of the FIFO format, for one vCPU and the default priority. */
static struct evtchn_fifo_control_block *block;
static uint32_t *words[4], word_pages, tail;

#define FIFO_PENDING (1u << EVTCHN_FIFO_PENDING)
#define FIFO_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define FIFO_LINKED  (1u << EVTCHN_FIFO_LINKED)

static uint32_t *word_of(evtchn_port_t port)
{
    assert_in_range(port, 0, word_pages * 1024 - 1);
    return &words[port / 1024][port % 1024];
}

static void raise_fifo(evtchn_port_t port)
{
    uint32_t *word = word_of(port);

    *word |= FIFO_PENDING;
    if (*word & (FIFO_MASKED | FIFO_LINKED))
        return;
    if (tail == port)
        tail = 0;
    *word |= FIFO_LINKED;
    if (tail && *word_of(tail) & FIFO_LINKED) {
        *word_of(tail) |= port;
    } else {
        block->head[EVTCHN_FIFO_PRIORITY_DEFAULT] = port;
        block->ready |= 1u << EVTCHN_FIFO_PRIORITY_DEFAULT;
        page.vcpu_info[0].evtchn_upcall_pending = 1;
    }
    tail = port;
}

/* The hypervisor's side of a send. */
static void raise(evtchn_port_t port)
{
    if (block) {
        raise_fifo(port);
        return;
    }

    uint64_t bit = 1ULL << (port % 64);

    page.evtchn_pending[port / 64] |= bit;
    if (page.evtchn_mask[port / 64] & bit)
        return;
    page.vcpu_info[0].evtchn_pending_sel |= 1ULL << (port / 64);
    page.vcpu_info[0].evtchn_upcall_pending = 1;
}

int64_t hypercall_event_channel_op(uint64_t operation, uint64_t argument)
{
    evtchn_port_t port;

    if (operation == EVTCHNOP_init_control && has_fifo) {
        block = (void *)((struct evtchn_init_control *)argument)->control_gfn;
    } else if (operation == EVTCHNOP_init_control) {
        return -38;
    } else if (operation == EVTCHNOP_expand_array) {
        words[word_pages++] = (void *)((struct evtchn_expand_array *)argument)->array_gfn;
    } else if (operation == EVTCHNOP_bind_ipi || operation == EVTCHNOP_bind_virq) {
        ((struct evtchn_bind_virq *)argument)->port = next_port;
    } else if (operation == EVTCHNOP_unmask && block) {
        port = ((struct evtchn_unmask *)argument)->port;
        *word_of(port) &= ~FIFO_MASKED;
        if (*word_of(port) & FIFO_PENDING)
            raise(port);
    } else if (operation == EVTCHNOP_unmask) {
        port = ((struct evtchn_unmask *)argument)->port;
        page.evtchn_mask[port / 64] &= ~(1ULL << (port % 64));
        if (page.evtchn_pending[port / 64] & 1ULL << (port % 64))
            raise(port);
    }
    return 0;
}

int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument)
{
    (void)operation;
    (void)argument;
    return 0;
}

int64_t hypercall_sched_op(uint64_t operation, uint64_t argument)
{
    (void)operation;
    (void)argument;
    return 0;
}

static void handler(evtchn_port_t port, void *arg)
{
    assert_ptr_equal(arg, &page);
    calls[port]++;
    if (++deliveries > 1000)
        fail_msg("the upcall does not end");
    if (storm)
        raise(port);
}

static unsigned int far_calls;

static void far_handler(evtchn_port_t port, void *arg)
{
    (void)arg;
    assert_int_equal(port, 3000);
    far_calls++;
}

static int setup(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    memset(calls, 0, sizeof(calls));
    deliveries = 0;
    storm = false;
    event_ports_start();
    for (evtchn_port_t port = 1; port < PORTS; port++)
        event_port_set_guest_handler(port, handler, &page);
    return 0;
}

static void a_storm_is_delivered_once(void **state)
{
    (void)state;
    storm = true;
    raise(5);
    raise(130);
    event_ports_upcall();
    assert_int_equal(calls[5], 1);
    assert_int_equal(calls[130], 1);
    event_ports_upcall();
    assert_int_equal(deliveries, 2);
}

static void looking_after_it_lets_the_next_one_in(void **state)
{
    (void)state;
    storm = true;
    raise(5);
    event_ports_upcall();
    for (unsigned int turn = 2; turn < 10; turn++) {
        event_port_reopen(5); /* what the storm has raised since comes now, once */
        assert_int_equal(calls[5], turn);
    }
    storm = false;
    event_port_reopen(5);
    assert_int_equal(calls[5], 10);
    event_port_reopen(5);
    assert_int_equal(calls[5], 10); /* nothing was there */
    raise(5);
    event_ports_upcall();
    assert_int_equal(calls[5], 11);
}

static void reopening_with_events_masked_waits(void **state)
{
    (void)state;
    raise(7);
    event_ports_upcall();
    raise(7);
    bool was = events_mask_save();

    event_port_reopen(7);
    assert_int_equal(calls[7], 1);
    events_mask_restore(was);
    assert_int_equal(calls[7], 2);
}

/* dom0's own ports stay open; even then a word is gone through once a pass. */
static void other_ports_get_their_turn(void **state)
{
    (void)state;
    event_port_set_handler(3, handler, &page);
    raise(3);
    raise(9);
    event_ports_upcall();
    assert_int_equal(calls[3], 1);
    assert_int_equal(calls[9], 1);
    raise(3);
    event_ports_upcall();
    assert_int_equal(calls[3], 2);
}

static void a_closed_port_is_silent(void **state)
{
    (void)state;
    event_port_close(5);
    raise(5);
    event_ports_upcall();
    assert_int_equal(deliveries, 0);
}

/* In this format ports are numerous; those got before it was asked for go on. */
static int setup_fifo(void **state)
{
    static bool done;

    setup(state);
    if (!done) {
        assert_null(block);
        has_fifo = true;
        event_ports_use_fifo();
        assert_non_null(block);
        done = true;
    }
    for (evtchn_port_t port = 1; port < PORTS; port++)
        *word_of(port) = FIFO_MASKED;
    memset(block, 0, sizeof(*block));
    tail = 0;
    for (evtchn_port_t port = 1; port < PORTS; port++)
        event_port_set_guest_handler(port, handler, &page);
    memset(calls, 0, sizeof(calls)); /* of what the test before has left */
    deliveries = 0;
    return 0;
}

static void the_format_may_be_missing(void **state)
{
    (void)state;
    has_fifo = false;
    event_ports_use_fifo();
    assert_null(block);
    raise(5);
    event_ports_upcall();
    assert_int_equal(calls[5], 1);
}

static void many_in_a_row(void **state)
{
    (void)state;
    for (evtchn_port_t port = 1; port < PORTS; port++)
        raise(port);
    for (evtchn_port_t port = 1; port < PORTS; port++)
        raise(port);
    event_ports_upcall();
    for (evtchn_port_t port = 1; port < PORTS; port++)
        assert_int_equal(calls[port], 1);
    assert_int_equal(block->ready, 0);
}

static void a_port_far_up(void **state)
{
    evtchn_port_t port;

    (void)state;
    next_port = 3000;
    assert_int_equal(event_port_bind_virq(0, &port), 0);
    assert_int_equal(word_pages, 3);
    raise(port); /* masked until it has a handler */
    event_ports_upcall();
    event_port_set_handler(port, far_handler, NULL);
    event_ports_upcall();
    assert_int_equal(far_calls, 1);
    event_port_close(port);
}

int main(void)
{
#define FIFO_CASE(name)                             \
    {                                               \
        "fifo_" #name, name, setup_fifo, NULL, NULL \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_storm_is_delivered_once, setup),
        cmocka_unit_test_setup(looking_after_it_lets_the_next_one_in, setup),
        cmocka_unit_test_setup(reopening_with_events_masked_waits, setup),
        cmocka_unit_test_setup(other_ports_get_their_turn, setup),
        cmocka_unit_test_setup(a_closed_port_is_silent, setup),
        cmocka_unit_test_setup(the_format_may_be_missing, setup),
        FIFO_CASE(a_storm_is_delivered_once),
        FIFO_CASE(looking_after_it_lets_the_next_one_in),
        FIFO_CASE(reopening_with_events_masked_waits),
        FIFO_CASE(other_ports_get_their_turn),
        FIFO_CASE(a_closed_port_is_silent),
        FIFO_CASE(many_in_a_row),
        FIFO_CASE(a_port_far_up),
    };

    return cmocka_run_group_tests_name("dom0-events", tests, NULL, NULL);
}

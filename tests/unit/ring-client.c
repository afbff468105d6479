/*
 * A guest's way to the store, with a store at the other end of the ring that answers in pieces, and
 * one that writes what cannot be.
 *
 * Sources: dom0/xenstore/ring-client.c dom0/xenstore/ring-copy.c dom0/xenstore/client.c
 * Sources: dom0/xenstore/wire.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "tasks/wait-queue.h"
#include "xenstore/client.h"
#include "xenstore/ring-copy.h"

#define PORT 3u
/* Its number is its address, so it is low: all up to it are looked at. */
#define LOW_PAGE ((void *)0x200000)

static struct start_info info;
struct start_info *start_info = &info;
static struct xenstore_domain_interface *page;
static struct ring_ends store;
static event_handler_t handler;
static void *handler_argument;
static uint64_t now = 1000;

/* The store: what it sends, a piece at each wait; what it was sent. */
static char outgoing[8192], incoming[8192];
static size_t outgoing_bytes, outgoing_sent, incoming_bytes, piece_bytes;
static void (*mischief)(void);

uint64_t frames_pfn_to_mfn(uint64_t pfn)
{
    return pfn == (uint64_t)(uintptr_t)page >> PAGE_SHIFT ? info.store_mfn : 0;
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t function, void *argument)
{
    assert_int_equal(port, PORT);
    handler = function;
    handler_argument = argument;
}

void event_port_reopen(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
}

int event_port_notify(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    return 0;
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was)
{
    (void)was;
}

static void store_moves(void)
{
    size_t moved;

    assert_int_equal(
        ring_take(&store, incoming + incoming_bytes, sizeof(incoming) - incoming_bytes, &moved), 0);
    incoming_bytes += moved;
    moved = outgoing_bytes - outgoing_sent;
    moved = moved < piece_bytes ? moved : piece_bytes;
    assert_int_equal(ring_put(&store, outgoing + outgoing_sent, moved, &moved), 0);
    outgoing_sent += moved;
    if (mischief)
        mischief();
    handler(PORT, handler_argument);
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    store_moves();
}

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline)
{
    (void)queue;
    if (outgoing_sent == outgoing_bytes) {
        now = deadline;
        return -ETIMEDOUT;
    }
    store_moves();
    return 0;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

static void will_send(uint32_t type, uint32_t request, const void *payload, uint32_t bytes)
{
    struct xsd_sockmsg header = { type, request, 0, bytes };

    memcpy(outgoing + outgoing_bytes, &header, sizeof(header));
    memcpy(outgoing + outgoing_bytes + sizeof(header), payload, bytes);
    outgoing_bytes += sizeof(header) + bytes;
}

static struct xs_client *client;

static void begin(size_t piece)
{
    page = mmap(LOW_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(page, LOW_PAGE);
    memset(page, 0, PAGE_SIZE);
    page->rsp_prod = 77; /* somebody before us did not read it */
    page->rsp_cons = 5;
    info.store_mfn = 4711;
    info.store_evtchn = PORT;
    info.nr_pages = ((uint64_t)(uintptr_t)page >> PAGE_SHIFT) + 1;
    outgoing_bytes = outgoing_sent = incoming_bytes = 0;
    piece_bytes = piece;
    mischief = NULL;
    ring_ends_start(&store, page);
}

static void answers_in_pieces(void **state)
{
    char *value, *path, *token, long_value[3000];
    size_t length;

    (void)state;
    memset(long_value, 'x', sizeof(long_value));
    will_send(XS_READ, 1, "one", 3);
    assert_int_equal(xs_read(client, XS_NO_TX, "a", &value, &length), 0);
    assert_string_equal(value, "one");
    free(value);
    will_send(XS_WATCH_EVENT, 0, "a\0t", 4); /* in between */
    will_send(XS_WRITE, 2, "OK", 3);
    assert_int_equal(xs_write(client, XS_NO_TX, "a", long_value, sizeof(long_value)), 0);
    store_moves();
    assert_int_equal(incoming_bytes, 2 * sizeof(struct xsd_sockmsg) + 2 + 2 + sizeof(long_value));
    assert_int_equal(xs_wait_watch(client, 1000, &path, &token), 0);
    assert_string_equal(path, "a");
    assert_string_equal(token, "t");
    free(path);
    free(token);
    assert_int_equal(xs_wait_watch(client, 1000, &path, &token), -ETIMEDOUT);
    will_send(XS_ERROR, 3, "ENOENT", 7);
    assert_int_equal(xs_rm(client, XS_NO_TX, "a"), -ENOENT);
}

static void index_runs_ahead(void)
{
    page->rsp_prod += 5000;
}

static void index_of_requests_runs_back(void)
{
    page->req_cons -= 5000;
}

static void broken(int error)
{
    char *value;

    assert_int_equal(error, -EIO);
    assert_int_equal(xs_read(client, XS_NO_TX, "a", &value, NULL), -EIO);
}

static void an_index_of_answers_that_cannot_be(void **state)
{
    char *value;

    (void)state;
    mischief = index_runs_ahead;
    broken(xs_read(client, XS_NO_TX, "a", &value, NULL));
}

static void an_index_of_requests_that_cannot_be(void **state)
{
    static const char large[3000];

    (void)state;
    mischief = index_of_requests_runs_back;
    broken(xs_write(client, XS_NO_TX, "a", large, sizeof(large)));
}

static void an_answer_too_long(void **state)
{
    struct xsd_sockmsg header = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };
    char *value;

    (void)state;
    memcpy(outgoing, &header, sizeof(header));
    outgoing_bytes = 6000;
    broken(xs_read(client, XS_NO_TX, "a", &value, NULL));
}

static void events_that_are_none(void **state)
{
    char *path, *token;

    (void)state;
    will_send(XS_WATCH_EVENT, 0, *state, (uint32_t)strlen(*state));
    broken(xs_wait_watch(client, -1, &path, &token));
}

static int setup(void **state)
{
    (void)state;
    begin(1 + (size_t)(now++ % 700));
    client = xs_open();
    assert_non_null(client);
    assert_null(xs_open()); /* one at a time */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xs_close(client);
    munmap(page, PAGE_SIZE);
    return 0;
}

/* A connection that broke stays so: those cases are processes of their own. */
static void in_a_child(void (*test)(void **), void *argument)
{
    int status;
    pid_t child = fork();

    if (!child) {
        setup(NULL);
        test(&argument);
        teardown(NULL);
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_cannot_be_ends_the_connection(void **state)
{
    (void)state;
    in_a_child(an_index_of_answers_that_cannot_be, NULL);
    in_a_child(an_index_of_requests_that_cannot_be, NULL);
    in_a_child(an_answer_too_long, NULL);
    in_a_child(events_that_are_none, (void *)(uintptr_t) "");
    in_a_child(events_that_are_none, (void *)(uintptr_t) "path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_in_pieces, setup, teardown),
        cmocka_unit_test(what_cannot_be_ends_the_connection),
    };

    return cmocka_run_group_tests_name("ring-client", tests, NULL, NULL);
}

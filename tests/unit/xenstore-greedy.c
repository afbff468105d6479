/*
 * Guests that want too much of the store: what it remembers for them is charged and bounded, and
 * no request of theirs takes long.
 *
 * Where work is measured, it is processor time with `times` as much to do against once as much:
 * about that for what is linear, its square for a square; about one for what does not depend on
 * it.  The bound lies well between, in tries whose best counts: a busy machine changes nothing.
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 */
#include "unit/store-fixture.h"

#include <time.h>

#include "xenstore/string-table.h"

static uint64_t processor_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The least of some tries of a story: it prepares, then says how long what counts took. */
static uint64_t least(uint64_t (*story)(unsigned int), unsigned int size)
{
    uint64_t best = UINT64_MAX;
    void *none = NULL;

    for (int i = 0; i < 5; i++) {
        setup(&none);
        uint64_t took = story(size);

        teardown(&none);
        best = took < best ? took : best;
    }
    return best;
}

static void expect_growth(uint64_t (*story)(unsigned int), unsigned int size, unsigned int times,
                          unsigned int most)
{
    uint64_t once = least(story, size), more = least(story, times * size);

    assert_in_range(more, 0, most * once);
}

static void expect_linear(uint64_t (*story)(unsigned int), unsigned int size)
{
    expect_growth(story, size, 8, 30);
}

/* One more event, while so many are not fetched. */
static uint64_t unfetched_events(unsigned int count)
{
    char path[40];

    assert_int_equal(ask2(guest1, XS_WATCH, "/local/domain/1", "t"), 0);
    drain(guest1);
    for (unsigned int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/local/domain/1/%u", i);
        assert_int_equal(put(dom0, 0, path, ""), 0);
        assert_int_equal(ask1(dom0, XS_RM, 0, path), 0);
    }
    assert_int_equal(guest1->events_lost, 0);
    uint64_t start = processor_ns();

    for (unsigned int i = 0; i < 2000; i++)
        put(dom0, 0, path, "");
    return processor_ns() - start;
}

static void waiting_events_are_found_quickly(void **state)
{
    (void)state;
    expect_growth(unfetched_events, 250, 16, 5);
}

/* Events whose hashes are all the same, as by names chosen for it, while none is fetched: about as
 * many as are tried find no room. */
static uint64_t equal_hashes(unsigned int different)
{
    static char path[1900];

    memset(path, 'p', sizeof(path) - 1);
    uint64_t start = processor_ns();

    for (unsigned int i = 0; i < 4000; i++) {
        snprintf(path + sizeof(path) - 9, 9, "%08x", i);
        connection_event(guest1, path, "t", different ? i : 7);
    }
    return processor_ns() - start;
}

static void names_with_equal_hashes_cost_no_more(void **state)
{
    (void)state;
    uint64_t different = least(equal_hashes, 1), equal = least(equal_hashes, 0);

    assert_in_range(equal, 0, 30 * different); /* some 200 times, if all that wait are compared */
}

static void hashes_cannot_be_foreseen(void **state)
{
    (void)state;
    uint64_t before = string_hash("a name"), multiplier = string_hash_multiplier;

    assert_int_equal(string_hash("a name"), before);
    string_hash_choose(1, 0);
    assert_int_not_equal(string_hash("a name"), before);
    string_hash_choose(1, 0); /* as it was */
    assert_int_equal(string_hash("a name"), before);
    string_hash_choose(0, 7);
    assert_int_not_equal(string_hash("a name"), before);
    assert_true(string_hash_multiplier & 1);
    string_hash_choose(0, 7);
    assert_int_equal(string_hash_multiplier, multiplier);
}

static void deep_path(char *path, unsigned int depth)
{
    size_t length = (size_t)sprintf(path, "/local/domain/1");

    for (unsigned int i = 0; i < depth; i++)
        length += (size_t)sprintf(path + length, "/d");
}

/* A node far down, written again; watched at its top, as by a backend. */
static uint64_t deep_writes(unsigned int depth)
{
    static char path[PATH_BUFFER];

    deep_path(path, depth);
    assert_int_equal(put(dom0, 0, path, ""), 0);
    assert_int_equal(ask2(dom0, XS_WATCH, "/local/domain/1", "t"), 0);
    uint64_t start = processor_ns();

    for (int i = 0; i < 40; i++) {
        assert_int_equal(put(dom0, 0, path, "x"), 0);
        drain(dom0);
    }
    return processor_ns() - start;
}

static void deep_paths_fire_in_one_pass(void **state)
{
    (void)state;
    expect_linear(deep_writes, 180);
}

/* A path whose first half is there and whose last is not. */
static uint64_t deep_misses(unsigned int depth)
{
    static char path[PATH_BUFFER];

    deep_path(path, depth / 2);
    assert_int_equal(put(dom0, 0, path, ""), 0);
    deep_path(path, depth);
    uint64_t start = processor_ns();

    for (int i = 0; i < 40; i++)
        assert_int_equal(get(dom0, 0, path), -ENOENT);
    return processor_ns() - start;
}

static void missing_paths_are_sought_once(void **state)
{
    (void)state;
    expect_linear(deep_misses, 180);
}

/* Another guest's nodes that all name the dead one. */
static uint64_t purge(unsigned int count)
{
    static const char rights[] = "n0\0r1";
    char message[80];

    for (unsigned int i = 0; i < count; i++) {
        int n = snprintf(message, sizeof(message), "/shared/%u/%u", i % 64, i);

        assert_int_equal(put(dom0, 0, message, ""), 0);
        memcpy(message + n + 1, rights, sizeof(rights));
        assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, message, (size_t)n + 1 + sizeof(rights)), 0);
    }
    uint64_t start = processor_ns();

    assert_int_equal(store_domain_release(store, 1), 0);
    uint64_t took = processor_ns() - start;

    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "/shared/1/1"), 0);
    assert_int_equal(answer_length, 3);
    return took;
}

static void the_dead_are_forgotten_in_one_walk(void **state)
{
    (void)state;
    expect_linear(purge, 350);
}

static void notes_are_charged(void **state)
{
    static char path[XENSTORE_REL_PATH_MAX + 1];
    unsigned int noted = 0;

    (void)state;
    for (unsigned int i = 0; i < LIMIT_GUEST_TRANSACTIONS; i++) {
        uint32_t tx = begin(guest1);
        int error;

        do {
            memset(path, 'p', sizeof(path) - 1);
            path[snprintf(path, sizeof(path), "%u", noted)] = 'p';
            error = get(guest1, tx, path);
            noted += error == -ENOENT;
        } while (error == -ENOENT);
        assert_int_equal(error, -ENOSPC);
    }
    assert_in_range(noted, 100, LIMIT_GUEST_TRANSACTION_BYTES / sizeof(path));
    assert_int_equal(ASK(guest1, XS_RESET_WATCHES, 0, ""), 0);
    assert_int_equal(guest1->transaction_bytes, 0);
}

static void dom0s_own_events_are_bounded(void **state)
{
    char path[40];
    bool summed_up = false;

    (void)state;
    assert_int_equal(ask2(dom0, XS_WATCH, "/local/domain/1", "t"), 0);
    drain(dom0);
    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "state/%d", i);
        assert_int_equal(put(guest1, 0, path, ""), 0);
        assert_int_equal(ask1(guest1, XS_RM, 0, path), 0);
    }
    assert_in_range(dom0->event_bytes, 1, LIMIT_DOM0_EVENT_BYTES);
    while (!fetch(dom0))
        summed_up |= !strcmp(answer, "/local/domain/1");
    assert_true(summed_up);
    assert_int_equal(dom0->event_bytes, 0);
    assert_int_equal(put(guest1, 0, "state", ""), 0);
    expect_event(dom0, "/local/domain/1/state", "t");
    expect_silence(dom0);
}

/* A watch that goes while its stand-by event waits. */
static void standby_events_outlive_their_watch(void **state)
{
    struct connection *other = connection_create(store, 0);
    char path[40];

    (void)state;
    assert_int_equal(ask2(dom0, XS_WATCH, "/local/domain/1", "t"), 0);
    drain(dom0);
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "/local/domain/1/%d", i);
        assert_int_equal(put(other, 0, path, ""), 0);
    }
    assert_true(dom0->event_bytes + 200 > LIMIT_DOM0_EVENT_BYTES);
    assert_int_equal(ask2(dom0, XS_UNWATCH, "/local/domain/1", "t"), 0);
    drain(dom0);
    assert_int_equal(dom0->event_bytes, 0);
}

/* When dom0 runs short, guests get no more of it and dom0's own clients do; what gives memory
 * back goes on for all. */
static void guests_do_not_grow_when_memory_is_short(void **state)
{
    uint32_t tx = begin(guest1);

    (void)state;
    assert_int_equal(put(guest1, 0, "old", "x"), 0);
    memory_is_short = true;
    assert_int_equal(put(guest1, 0, "new", "x"), -ENOMEM);
    assert_int_equal(put(guest1, 0, "old", "y"), -ENOMEM);
    assert_int_equal(ask1(guest1, XS_MKDIR, 0, "new"), -ENOMEM);
    assert_int_equal(ask2(guest1, XS_WATCH, "old", "t"), -ENOMEM);
    assert_int_equal(ASK(guest1, XS_TRANSACTION_START, 0, ""), -ENOMEM);
    assert_int_equal(get(guest1, tx, "old"), -ENOMEM);
    assert_int_equal(get(guest1, 0, "old"), 0);
    assert_int_equal(ask1(guest1, XS_RM, 0, "old"), 0);
    assert_int_equal(end(guest1, tx, "F"), 0);
    assert_int_equal(put(dom0, 0, "/dom0s", "x"), 0);
    assert_int_equal(ask2(dom0, XS_WATCH, "/dom0s", "t"), 0);
    memory_is_short = false;
    assert_int_equal(put(guest1, 0, "new", "x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_events_are_found_quickly),
        cmocka_unit_test(names_with_equal_hashes_cost_no_more),
        cmocka_unit_test(hashes_cannot_be_foreseen),
        cmocka_unit_test(deep_paths_fire_in_one_pass),
        cmocka_unit_test(missing_paths_are_sought_once),
        cmocka_unit_test(the_dead_are_forgotten_in_one_walk),
        cmocka_unit_test_setup_teardown(notes_are_charged, setup, teardown),
        cmocka_unit_test_setup_teardown(dom0s_own_events_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(standby_events_outlive_their_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_do_not_grow_when_memory_is_short, setup, teardown),
    };

    return cmocka_run_group_tests_name("xenstore-greedy", tests, NULL, NULL);
}

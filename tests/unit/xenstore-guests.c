/*
 * The store and its guests: what they may not do, what they may not cost, and what a dead one
 * leaves.
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 */
#include "unit/store-fixture.h"

static void guests_are_kept_to_their_rights(void **state)
{
    (void)state;
    assert_int_equal(put(dom0, 0, "/secret", "x"), 0);
    assert_int_equal(get(guest1, 0, "/secret"), -EACCES);
    assert_int_equal(get(guest1, 0, "/nothing"), -EACCES);
    assert_int_equal(put(guest1, 0, "/mine", "x"), -EACCES);
    assert_int_equal(put(guest1, 0, "data/x", "1"), 0);
    assert_int_equal(get(guest2, 0, "/local/domain/1/data/x"), -EACCES);
    assert_int_equal(get(dom0, 0, "/local/domain/1/data/x"), 0);
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "data/x", "r1"), 0);
    assert_int_equal(get(guest2, 0, "/local/domain/1/data/x"), 0);
    assert_int_equal(put(guest2, 0, "/local/domain/1/data/x", "2"), -EACCES);
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "data/x", "n2"), -EPERM);
    assert_int_equal(ask2(guest2, XS_SET_PERMS, "/local/domain/1/data/x", "b2"), -EACCES);
    assert_int_equal(ask1(guest1, XS_RELEASE, 0, "2"), -EACCES);
    assert_int_equal(ask1(guest1, XS_RESUME, 0, "2"), -EACCES);
    assert_int_equal(ask2(guest1, XS_SET_TARGET, "1", "2"), -EACCES);
    assert_int_equal(ask2(guest1, XS_INTRODUCE, "3", "1"), -EACCES);
    assert_int_equal(ask1(guest1, XS_CONTROL, 0, "check"), -EACCES);
    assert_int_equal(put(guest1, 0, "/local/domain/2/mine", "x"), -EACCES);
    assert_int_equal(ask1(guest1, XS_GET_DOMAIN_PATH, 0, "1"), 0);
    assert_string_equal(answer, "/local/domain/1");
    assert_int_equal(ask2(dom0, XS_SET_TARGET, "2", "1"), 0);
    assert_int_equal(put(guest2, 0, "/local/domain/1/data/x", "2"), 0);
}

static void has_permissions(const char *path, const char *list, size_t length)
{
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, path), 0);
    assert_int_equal(answer_length, length);
    assert_memory_equal(answer, list, length);
}

/* A new node, and each above it that is made with it, has its parent's list; a guest owns what it
 * makes itself. */
static void new_nodes_have_their_parents_permissions(void **state)
{
    static const char shared[] = "/shared\0n0\0b1\0r2";

    (void)state;
    assert_int_equal(put(dom0, 0, "/shared", ""), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, shared, sizeof(shared)), 0);
    assert_int_equal(put(dom0, 0, "/shared/a/b", "x"), 0);
    has_permissions("/shared/a", "n0\0b1\0r2", 9);
    has_permissions("/shared/a/b", "n0\0b1\0r2", 9);
    assert_int_equal(put(guest1, 0, "/shared/c/d", "x"), 0);
    has_permissions("/shared/c", "n1\0b1\0r2", 9);
    has_permissions("/shared/c/d", "n1\0b1\0r2", 9);
    assert_int_equal(get(guest2, 0, "/shared/c/d"), 0);
    assert_int_equal(put(guest2, 0, "/shared/c/d", "y"), -EACCES);
    assert_int_equal(put(guest2, 0, "/shared/e", "y"), -EACCES);
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "/shared/a", "n1"), -EACCES);
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "/shared/c", "n1"), 0);
    /* What the control domain makes in a guest's folder is the guest's. */
    assert_int_equal(put(dom0, 0, "/local/domain/1/data/made", "x"), 0);
    has_permissions("/local/domain/1/data/made", "n1", 3);
    assert_int_equal(get(guest2, 0, "/local/domain/1/data/made"), -EACCES);
    assert_int_equal(put(guest1, 0, "data/made", "y"), 0);
}

static void watches_tell_only_who_may_read(void **state)
{
    (void)state;
    assert_int_equal(ask2(guest2, XS_WATCH, "/local/domain/1", "spy"), 0);
    expect_event(guest2, "/local/domain/1", "spy");
    assert_int_equal(put(guest1, 0, "data/hidden", "x"), 0);
    expect_silence(guest2);
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "data/hidden", "r1"), 0);
    expect_event(guest2, "/local/domain/1/data/hidden", "spy");
    assert_int_equal(ask2(guest2, XS_WATCH, "@introduceDomain", "spy"), 0);
    drain(guest2);
    assert_int_equal(store_domain_introduce(store, 3, 5, 5), 0);
    expect_silence(guest2);
    assert_int_equal(store_domain_release(store, 3), 0);
}

static void guests_meet_their_quota(void **state)
{
    static char big[LIMIT_GUEST_NODE_SIZE + 2];
    char path[64];
    unsigned int made = 0;
    int error = 0;

    (void)state;
    memset(big, 'x', LIMIT_GUEST_NODE_SIZE + 1);
    assert_int_equal(put(guest1, 0, "big", big), -ENOSPC);
    big[LIMIT_GUEST_NODE_SIZE] = '\0';
    assert_int_equal(put(guest1, 0, "big", big), 0);
    for (unsigned int i = 0; i < 2000 && !error; i++) {
        snprintf(path, sizeof(path), "d%u/n%u", i / 100, i % 100);
        error = put(guest1, 0, path, "");
        made += !error;
    }
    assert_int_equal(error, -ENOSPC);
    assert_in_range(made, 900, LIMIT_GUEST_NODES);
    uint32_t tx = begin(guest1);

    assert_int_equal(put(guest1, tx, "one-more", ""), -ENOSPC);
    assert_int_equal(ask1(guest1, XS_RM, tx, "d0"), 0);
    assert_int_equal(put(guest1, tx, "one-more", ""), 0);
    assert_int_equal(end(guest1, tx, "T"), 0);
    assert_int_equal(ask1(guest1, XS_RM, 0, "d1"), 0);
    assert_int_equal(put(guest1, 0, "still-one-more", ""), 0);
    error = 0;
    for (unsigned int i = 0; i < 2000 && !error; i++) {
        snprintf(path, sizeof(path), "token%u", i);
        error = ask2(guest1, XS_WATCH, "d2", path);
        drain(guest1);
    }
    assert_int_equal(error, -E2BIG);
    for (unsigned int i = 0; i < LIMIT_GUEST_TRANSACTIONS; i++)
        begin(guest1);
    assert_int_equal(ASK(guest1, XS_TRANSACTION_START, 0, ""), -ENOSPC);
    assert_int_equal(ASK(guest1, XS_RESET_WATCHES, 0, ""), 0);
    begin(guest1);
}

/* The guest's own directory is three deep. */
static void guests_nodes_are_not_far_down(void **state)
{
    char path[XENSTORE_ABS_PATH_MAX + 1] = "/local/domain/1";
    size_t length = strlen(path);

    (void)state;
    for (unsigned int depth = 3; depth < LIMIT_GUEST_DEPTH; depth++)
        length += (size_t)sprintf(path + length, "/d");
    assert_int_equal(put(guest1, 0, path, "x"), 0);
    memcpy(path + length, "/d", 3);
    assert_int_equal(put(guest1, 0, path, "x"), -ENOSPC);
    assert_int_equal(ask1(guest1, XS_MKDIR, 0, path), -ENOSPC);
    uint32_t tx = begin(guest1);

    assert_int_equal(put(guest1, tx, path, "x"), -ENOSPC);
    assert_int_equal(end(guest1, tx, "T"), 0);
    assert_int_equal(get(dom0, 0, path), -ENOENT);
    assert_int_equal(put(dom0, 0, path, "x"), 0);
    assert_int_equal(ask1(guest1, XS_RM, 0, "d"), 0);
}

static void guests_that_do_not_read_are_not_heard(void **state)
{
    struct xsd_sockmsg header = { XS_READ, 1, 0, 5 };
    unsigned int sent = 0;

    (void)state;
    for (;;) {
        if (feed(guest1, &header, sizeof(header)))
            break;
        assert_int_equal(feed(guest1, "data", 5), 0);
        sent++;
    }
    assert_int_equal(sent, LIMIT_GUEST_REPLIES);
    drain(guest1);
    assert_int_equal(get(guest1, 0, "data"), -ENOENT);
}

static void guests_events_are_bounded(void **state)
{
    char path[700], folder[600];

    (void)state;
    memset(folder, 'f', sizeof(folder) - 1);
    folder[sizeof(folder) - 1] = '\0';
    assert_int_equal(ask2(guest1, XS_WATCH, "/local/domain/1", "t"), 0);
    for (int i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "/local/domain/1/%s/%d", folder, i);
        assert_int_equal(put(dom0, 0, path, ""), 0);
    }
    assert_true(guest1->event_bytes <= LIMIT_GUEST_EVENT_BYTES);
    assert_true(guest1->events_lost > 0);
}

static void old_snapshots_are_given_up(void **state)
{
    static char big[2001];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    uint32_t tx = begin(guest1), mine = begin(dom0);

    assert_int_equal(put(guest1, tx, "data", "x"), 0);
    for (unsigned int i = 0; i < 2 * LIMIT_SNAPSHOT_CHURN / 2000; i++)
        assert_int_equal(put(dom0, 0, "/churn", big), 0);
    assert_int_equal(get(guest1, tx, "data"), -EAGAIN);
    assert_int_equal(end(guest1, tx, "T"), -EAGAIN);
    assert_int_equal(end(guest1, tx, "T"), -ENOENT);
    assert_int_equal(end(dom0, mine, "T"), 0);
}

static void dead_domains_leave_nothing(void **state)
{
    static const char shared[] = "/shared\0n0\0b1\0r2";

    (void)state;
    changed_error = -ENOSYS;
    assert_int_equal(put(guest1, 0, "data/x", "1"), 0);
    assert_int_equal(put(dom0, 0, "/shared", "1"), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, shared, sizeof(shared)), 0);
    assert_int_equal(ask2(dom0, XS_WATCH, "@releaseDomain", "r"), 0);
    drain(dom0);
    life[1] = DOMAIN_SHUT_DOWN;
    store_domains_check(store);
    expect_event(dom0, "@releaseDomain", "r");
    store_domains_check(store);
    expect_silence(dom0);
    assert_int_equal(get(dom0, 0, "/local/domain/1/data/x"), 0);
    life[1] = DOMAIN_GONE;
    store_domains_check(store);
    expect_event(dom0, "@releaseDomain", "r");
    assert_int_equal(get(dom0, 0, "/local/domain/1"), -ENOENT);
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "/shared"), 0);
    assert_int_equal(answer_length, 6);
    assert_memory_equal(answer, "n0\0r2", 6);
    assert_int_equal(ask1(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "1"), 0);
    assert_string_equal(answer, "F");
    assert_int_equal(ask1(dom0, XS_RELEASE, 0, "1"), -ENOENT);
}

/* Who is told of by name is looked at, nobody else; and who asked for it learns the name. */
static void changes_are_told_by_name(void **state)
{
    static const char named[] = "@releaseDomain\0named\0001", odd[] = "@releaseDomain\0odd\0002";

    (void)state;
    changed_error = 0;
    assert_int_equal(ask_in(dom0, XS_WATCH, 0, named, sizeof(named)), 0);
    assert_int_equal(ask_in(dom0, XS_WATCH, 0, odd, sizeof(odd)), 0);
    drain(dom0);
    life[1] = life[2] = DOMAIN_SHUT_DOWN;
    assert_false(store_domains_check(store));
    expect_silence(dom0);
    changed_domid = 2;
    assert_true(store_domains_check(store));
    assert_false(store_domains_check(store));
    expect_event(dom0, "@releaseDomain", "odd");
    expect_event(dom0, "@releaseDomain/2", "named");
    expect_silence(dom0);
    changed_domid = 9; /* one the store does not know */
    assert_true(store_domains_check(store));
    expect_silence(dom0);
    life[1] = life[2] = DOMAIN_LIVES;
}

/* Wherever the dead domain is named: right below, deep below what others own, in a transaction's
 * new nodes, and in lists that came later. */
static void the_dead_are_found_everywhere(void **state)
{
    static const char below[] = "/deep/a/b\0n0\0r1", later[] = "/late\0n2\0b1";
    static const char open[] = "/open/x\0b0", too[] = "/too/x\0b0";

    (void)state;
    changed_error = -ENOSYS;
    assert_int_equal(put(dom0, 0, "/deep/a/b/c", "1"), 0);
    assert_int_equal(put(dom0, 0, "/late/x", "1"), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, below, sizeof(below)), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, later, sizeof(later)), 0);
    assert_int_equal(put(dom0, 0, "/open/x", "1"), 0);
    assert_int_equal(put(dom0, 0, "/too/x", "1"), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, open, sizeof(open)), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, too, sizeof(too)), 0);
    assert_int_equal(put(guest1, 0, "/open/x/mine", "1"), 0);
    uint32_t tx = begin(guest1);

    assert_int_equal(put(guest1, tx, "/late/x/y", "1"), -EACCES);
    assert_int_equal(put(guest1, tx, "/too/x/mine/deep", "1"), 0);
    assert_int_equal(put(guest1, tx, "/late/mine/too", "1"), 0);
    assert_int_equal(put(dom0, 0, "/other", "1"), 0); /* so it is merged */
    assert_int_equal(end(guest1, tx, "T"), 0);
    assert_int_equal(get(dom0, 0, "/late/mine/too"), 0);
    life[1] = DOMAIN_GONE;
    store_domains_check(store);
    assert_int_equal(get(dom0, 0, "/late/mine"), -ENOENT);
    assert_int_equal(get(dom0, 0, "/open/x/mine"), -ENOENT);
    assert_int_equal(get(dom0, 0, "/too/x/mine"), -ENOENT);
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "/late"), 0);
    assert_int_equal(answer_length, 3);
    assert_memory_equal(answer, "n2", 3);
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "/deep/a/b"), 0);
    assert_memory_equal(answer, "n0", 3);
    assert_int_equal(answer_length, 3);
}

static void introduction_is_checked(void **state)
{
    static const char bad[] = "0\0"
                              "1\0"
                              "1",
                      fails[] = "5\0"
                                "666\0"
                                "1",
                      good[] = "5\0"
                               "7\0"
                               "1";

    (void)state;
    assert_int_equal(ask_in(dom0, XS_INTRODUCE, 0, bad, sizeof(bad)), -EINVAL);
    assert_int_equal(ask_in(dom0, XS_INTRODUCE, 0, fails, sizeof(fails)), -EIO);
    assert_int_equal(ask2(dom0, XS_WATCH, "@introduceDomain", "i"), 0);
    drain(dom0);
    assert_int_equal(ask_in(dom0, XS_INTRODUCE, 0, good, sizeof(good)), 0);
    assert_int_equal(ask1(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "5"), 0);
    assert_string_equal(answer, "T");
    assert_int_equal(ask1(dom0, XS_RESUME, 0, "5"), 0);
    assert_int_equal(ask1(dom0, XS_RELEASE, 0, "5"), 0);
}

static void deep_trees_need_no_stack(void **state)
{
    static char path[XENSTORE_ABS_PATH_MAX + 1];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(path); i += 2)
        memcpy(path + i, "/d", 3);
    assert_int_equal(put(dom0, 0, path, "x"), 0);
    uint32_t tx = begin(dom0);

    assert_int_equal(ask1(dom0, XS_RM, tx, "/d"), 0);
    assert_int_equal(put(dom0, 0, "/local/other", ""), 0);
    assert_int_equal(end(dom0, tx, "T"), 0);
    assert_int_equal(get(dom0, 0, "/d"), -ENOENT);
}

/* Random bytes as messages of a guest: nothing may break, and the counts stay right. */
static void random_requests_do_no_harm(void **state)
{
    static const char *const words[] = { "data",
                                         "a",
                                         "b",
                                         "/local/domain/1",
                                         "/local/domain/2/a",
                                         "@releaseDomain",
                                         "/",
                                         "",
                                         "T",
                                         "F",
                                         "1",
                                         "n1",
                                         "w2" };
    unsigned int seed = 1;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char payload[256];
        size_t length = 0;
        struct connection *connection = rand_r(&seed) % 2 ? guest1 : guest2;

        for (int n = rand_r(&seed) % 5; n > 0; n--) {
            const char *word =
                words[(unsigned int)rand_r(&seed) % (sizeof(words) / sizeof(*words))];

            memcpy(payload + length, word, strlen(word) + 1);
            length += strlen(word) + (rand_r(&seed) % 4 ? 1 : 0);
        }
        if (length && rand_r(&seed) % 8 == 0)
            payload[(unsigned int)rand_r(&seed) % length] = (char)rand_r(&seed);
        struct xsd_sockmsg header = { (uint32_t)rand_r(&seed) % (XS_TYPE_COUNT + 1), 1,
                                      rand_r(&seed) % 2 ? (uint32_t)rand_r(&seed) % 50 : 0,
                                      (uint32_t)length };

        if (rand_r(&seed) % 3 == 0 && connection->transactions)
            header.tx_id = store->next_transaction_id;
        assert_int_equal(feed(connection, &header, sizeof(header)), 0);
        if (length)
            assert_int_equal(feed(connection, payload, length), 0);
        drain(connection);
        if (i % 5000 == 0)
            ASK(connection, XS_RESET_WATCHES, 0, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(guests_are_kept_to_their_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(new_nodes_have_their_parents_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_tell_only_who_may_read, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_meet_their_quota, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_nodes_are_not_far_down, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_that_do_not_read_are_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_events_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(old_snapshots_are_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_domains_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_are_told_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(the_dead_are_found_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(introduction_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_trees_need_no_stack, setup, teardown),
        cmocka_unit_test_setup_teardown(random_requests_do_no_harm, setup, teardown),
    };

    return cmocka_run_group_tests_name("xenstore-guests", tests, NULL, NULL);
}

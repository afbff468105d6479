/*
 * The store's core, fed with messages as a transport would: each message type, watches,
 * transactions with conflicts.
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 */
#include "unit/store-fixture.h"

static void paths_have_one_grammar(void **state)
{
    char path[PATH_BUFFER], huge[XENSTORE_ABS_PATH_MAX + 2];

    (void)state;
    assert_int_equal(path_canonicalise(path, "/a/b-c_d@e", 3, false), 0);
    assert_int_equal(path_canonicalise(path, "x/y", 3, false), 0);
    assert_string_equal(path, "/local/domain/3/x/y");
    assert_int_equal(path_canonicalise(path, "/", 3, false), 0);
    assert_int_equal(path_canonicalise(path, "@releaseDomain", 3, true), 0);
    static const char *const bad[] = { "", "//", "/a//b", "/a/", "/a b", "/\xc3\xa4", "@x", "a/" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(path_canonicalise(path, bad[i], 3, false), -EINVAL);
    memset(huge, 'a', sizeof(huge) - 1);
    huge[0] = '/';
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(path_canonicalise(path, huge, 3, false), -EINVAL);
    huge[sizeof(huge) - 2] = '\0';
    assert_int_equal(path_canonicalise(path, huge, 3, false), 0);
}

static void nodes_are_written_and_read(void **state)
{
    (void)state;
    assert_int_equal(put(dom0, 0, "/a/b/c", "value"), 0);
    assert_int_equal(get(dom0, 0, "/a/b/c"), 0);
    assert_string_equal(answer, "value");
    assert_int_equal(get(dom0, 0, "/a/b"), 0);
    assert_int_equal(answer_length, 0);
    assert_int_equal(get(dom0, 0, "/a/x"), -ENOENT);
    assert_int_equal(ask1(dom0, XS_DIRECTORY, 0, "/"), 0);
    assert_memory_equal(answer, "a\0local", 8);
    assert_int_equal(ask1(dom0, XS_MKDIR, 0, "/a/b/c"), 0);
    assert_int_equal(get(dom0, 0, "/a/b/c"), 0);
    assert_string_equal(answer, "value");
    assert_int_equal(ask1(dom0, XS_RM, 0, "/a/b"), 0);
    assert_int_equal(ask1(dom0, XS_RM, 0, "/a/b"), 0);
    assert_int_equal(ask1(dom0, XS_RM, 0, "/a/b/c"), -ENOENT);
    assert_int_equal(ask1(dom0, XS_RM, 0, "/"), -EINVAL);
}

static void bad_messages_are_refused(void **state)
{
    struct xsd_sockmsg header = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };

    (void)state;
    assert_int_equal(ask_in(dom0, XS_READ, 0, "/a", 2), -EINVAL);
    assert_int_equal(ask_in(dom0, XS_READ, 0, "", 0), -EINVAL);
    assert_int_equal(ask_in(dom0, 20, 0, "", 0), -ENOSYS);
    assert_int_equal(ask_in(dom0, 12345, 0, "", 0), -ENOSYS);
    assert_int_equal(ASK(dom0, XS_WATCH_EVENT, 0, "/"), -ENOSYS);
    assert_int_equal(ask1(dom0, XS_READ, 999, "/"), -ENOENT);
    assert_int_equal(ask2(dom0, XS_SET_PERMS, "/a", "q0"), -EINVAL);
    assert_int_equal(feed(guest1, &header, sizeof(header)), -EPROTO);
    guest1->input_length = 0;
}

static void long_directories_come_in_parts(void **state)
{
    char path[64], names[16384];
    size_t total = 0, got = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "/big/a-rather-long-name-%d", i);
        assert_int_equal(put(dom0, 0, path, ""), 0);
        total += strlen(path) - 5 + 1;
    }
    assert_int_equal(ask1(dom0, XS_DIRECTORY, 0, "/big"), -E2BIG);
    for (;;) {
        char offset[16];

        snprintf(offset, sizeof(offset), "%zu", got);
        assert_int_equal(ask2(dom0, XS_DIRECTORY_PART, "/big", offset), 0);
        size_t start = strlen(answer) + 1;
        size_t length = answer_length - start;

        memcpy(names + got, answer + start, length);
        got += length;
        if (length < 2 || (names[got - 1] == '\0' && names[got - 2] == '\0'))
            break;
    }
    assert_int_equal(got, total + 1);
}

static void permissions_are_told(void **state)
{
    static const char three[] = "/p\0n0\0r1\0b2";

    (void)state;
    assert_int_equal(put(dom0, 0, "/p", ""), 0);
    assert_int_equal(ask_in(dom0, XS_SET_PERMS, 0, three, sizeof(three)), 0);
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "/p"), 0);
    assert_int_equal(answer_length, 9);
    assert_memory_equal(answer, "n0\0r1\0b2", 9);
    assert_int_equal(ask2(dom0, XS_SET_PERMS, "@releaseDomain", "r0"), 0);
    assert_int_equal(ask1(dom0, XS_GET_PERMS, 0, "@releaseDomain"), 0);
    assert_string_equal(answer, "r0");
    assert_int_equal(ask2(guest1, XS_SET_PERMS, "@releaseDomain", "r1"), -EACCES);
}

static void watchers_are_told(void **state)
{
    (void)state;
    assert_int_equal(ask2(dom0, XS_WATCH, "/w", "tok"), 0);
    expect_event(dom0, "/w", "tok");
    assert_int_equal(ask2(dom0, XS_WATCH, "/w", "tok"), -EEXIST);
    assert_int_equal(put(guest1, 0, "data", "x"), 0);
    expect_silence(dom0);
    struct connection *other = connection_create(store, 0);

    assert_int_equal(put(other, 0, "/w/deep/er", "1"), 0);
    expect_event(dom0, "/w/deep/er", "tok");
    assert_int_equal(ask2(dom0, XS_WATCH, "/w/deep/er", "low"), 0);
    expect_event(dom0, "/w/deep/er", "low");
    assert_int_equal(ask1(other, XS_RM, 0, "/w/deep"), 0);
    expect_event(dom0, "/w/deep", "tok");
    expect_event(dom0, "/w/deep/er", "low");
    expect_silence(dom0);
    assert_int_equal(ask2(dom0, XS_UNWATCH, "/w", "tok"), 0);
    assert_int_equal(ask2(dom0, XS_UNWATCH, "/w", "tok"), -ENOENT);
    assert_int_equal(put(other, 0, "/w", "1"), 0);
    expect_silence(dom0);
    assert_int_equal(ask2(guest1, XS_WATCH, "data", "rel"), 0);
    expect_event(guest1, "data", "rel");
    assert_int_equal(put(other, 0, "/local/domain/1/data/y", "1"), 0);
    expect_event(guest1, "data/y", "rel");
}

static void equal_events_are_merged(void **state)
{
    (void)state;
    struct connection *other = connection_create(store, 0);

    assert_int_equal(ask2(dom0, XS_WATCH, "/w", "t"), 0);
    expect_event(dom0, "/w", "t");
    for (int i = 0; i < 100; i++)
        assert_int_equal(put(other, 0, "/w", "1"), 0);
    expect_event(dom0, "/w", "t");
    expect_silence(dom0);
}

static void transactions_isolate_and_commit(void **state)
{
    (void)state;
    assert_int_equal(put(dom0, 0, "/t/a", "1"), 0);
    uint32_t tx = begin(dom0);

    assert_int_equal(put(dom0, tx, "/t/a", "2"), 0);
    assert_int_equal(put(dom0, tx, "/t/new/deep", "3"), 0);
    assert_int_equal(get(dom0, 0, "/t/a"), 0);
    assert_string_equal(answer, "1");
    assert_int_equal(get(dom0, tx, "/t/a"), 0);
    assert_string_equal(answer, "2");
    assert_int_equal(ask2(guest1, XS_WATCH, "data", "t"), 0);
    drain(guest1);
    assert_int_equal(put(dom0, 0, "/elsewhere", "x"), 0); /* no conflict: commit by building */
    assert_int_equal(end(dom0, tx, "T"), 0);
    assert_int_equal(get(dom0, 0, "/t/a"), 0);
    assert_string_equal(answer, "2");
    assert_int_equal(get(dom0, 0, "/t/new/deep"), 0);
    assert_int_equal(get(dom0, 0, "/elsewhere"), 0);
    assert_int_equal(end(dom0, tx, "T"), -ENOENT);
    tx = begin(dom0);
    assert_int_equal(ask1(dom0, XS_RM, tx, "/t"), 0);
    assert_int_equal(end(dom0, tx, "F"), 0);
    assert_int_equal(get(dom0, 0, "/t/a"), 0);
}

static void transactions_conflict(void **state)
{
    (void)state;
    assert_int_equal(put(dom0, 0, "/t/a", "1"), 0);
    uint32_t tx = begin(dom0);

    assert_int_equal(get(dom0, tx, "/t/a"), 0);
    assert_int_equal(put(dom0, tx, "/t/b", "1"), 0);
    assert_int_equal(put(dom0, 0, "/t/a", "2"), 0);
    assert_int_equal(end(dom0, tx, "T"), -EAGAIN);
    assert_int_equal(get(dom0, 0, "/t/b"), -ENOENT);

    tx = begin(dom0);
    assert_int_equal(ask1(dom0, XS_DIRECTORY, tx, "/t"), 0);
    assert_int_equal(put(dom0, 0, "/t/c", "1"), 0);
    assert_int_equal(end(dom0, tx, "T"), -EAGAIN);

    tx = begin(dom0);
    assert_int_equal(get(dom0, tx, "/t/later"), -ENOENT);
    assert_int_equal(put(dom0, 0, "/t/later", "1"), 0);
    assert_int_equal(end(dom0, tx, "T"), -EAGAIN);
}

static void transactions_recreate_what_they_removed(void **state)
{
    (void)state;
    assert_int_equal(put(dom0, 0, "/t/a/b", "1"), 0);
    assert_int_equal(ask2(guest1, XS_WATCH, "data", "t"), 0);
    drain(guest1);
    uint32_t tx = begin(dom0);

    assert_int_equal(get(dom0, tx, "/t/a/new/x"), -ENOENT);
    assert_int_equal(ask1(dom0, XS_RM, tx, "/t/a"), 0);
    assert_int_equal(put(dom0, tx, "/t/a/new/x", "2"), 0);
    assert_int_equal(put(dom0, 0, "/elsewhere", "x"), 0);
    assert_int_equal(end(dom0, tx, "T"), 0);
    assert_int_equal(get(dom0, 0, "/t/a/b"), -ENOENT);
    assert_int_equal(get(dom0, 0, "/t/a/new/x"), 0);
    assert_string_equal(answer, "2");
}

static void transactions_tell_watchers_at_their_end(void **state)
{
    (void)state;
    struct connection *other = connection_create(store, 0);

    assert_int_equal(put(dom0, 0, "/t/a/b", "1"), 0);
    assert_int_equal(ask2(other, XS_WATCH, "/t", "t"), 0);
    drain(other);
    uint32_t tx = begin(dom0);

    assert_int_equal(put(dom0, tx, "/t/x", "1"), 0);
    assert_int_equal(ask1(dom0, XS_RM, tx, "/t/a"), 0);
    expect_silence(other);
    assert_int_equal(end(dom0, tx, "T"), 0);
    expect_event(other, "/t/x", "t");
    expect_event(other, "/t/a", "t");
    expect_silence(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_have_one_grammar),
        cmocka_unit_test_setup_teardown(nodes_are_written_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_messages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(long_directories_come_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(permissions_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(watchers_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_events_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_isolate_and_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_recreate_what_they_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_tell_watchers_at_their_end, setup, teardown),
    };

    return cmocka_run_group_tests_name("xenstore", tests, NULL, NULL);
}

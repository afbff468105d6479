/*
 * The store's core, fed with messages as a transport would: each message type, permissions
 * of guests, quotas, transactions with conflicts, watches and what a dead domain leaves.
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "xenstore/connection.h"
#include "xenstore/control.h"
#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"

static enum domain_life life[16];

static int introduce(void *argument, struct store_domain *domain)
{
    (void)argument;
    return domain->gfn == 666 ? -EIO : 0;
}

static void release(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
}

static enum domain_life domain_life(void *argument, uint32_t domid)
{
    (void)argument;
    return life[domid];
}

static const struct store_platform platform = { introduce, release, domain_life };

static struct xenstore *store;
static struct connection *dom0, *guest1, *guest2;

/* The last answer. */
static char answer[XENSTORE_PAYLOAD_MAX + 1];
static size_t answer_length;
static uint32_t answer_type;

static int feed(struct connection *connection, const void *data, size_t size)
{
    const char *from = data;

    while (size) {
        void *buffer;
        size_t wanted = connection_want(connection, &buffer);

        if (!wanted)
            return -EAGAIN;
        if (wanted > size)
            wanted = size;
        memcpy(buffer, from, wanted);
        from += wanted;
        size -= wanted;
        int error = connection_filled(connection, wanted);

        if (error)
            return error;
    }
    return 0;
}

static int fetch(struct connection *connection)
{
    struct xsd_sockmsg header;
    const void *data;
    size_t size = connection_output(connection, &data);

    if (!size)
        return -EAGAIN;
    memcpy(&header, data, sizeof(header));
    answer_type = header.type;
    answer_length = header.len;
    memcpy(answer, (const char *)data + sizeof(header), header.len);
    answer[header.len] = '\0';
    connection_sent(connection, size);
    return 0;
}

/* Sends a request and gets its answer: 0 or the error it names. */
static int ask_in(struct connection *connection, uint32_t type, uint32_t tx, const void *payload,
                  size_t length)
{
    char message[WIRE_MESSAGE_MAX];
    struct xsd_sockmsg header = { type, 77, tx, (uint32_t)length };

    memcpy(message, &header, sizeof(header));
    if (length)
        memcpy(message + sizeof(header), payload, length);
    assert_int_equal(feed(connection, message, sizeof(header) + length), 0);
    do
        assert_int_equal(fetch(connection), 0);
    while (answer_type == XS_WATCH_EVENT);
    return answer_type == XS_ERROR ? -wire_error_number(answer) : 0;
}

#define ASK(connection, type, tx, payload) ask_in(connection, type, tx, payload, sizeof(payload))

static int put(struct connection *connection, uint32_t tx, const char *path, const char *value)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    int length = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

    return ask_in(connection, XS_WRITE, tx, payload, (size_t)length);
}

static int get(struct connection *connection, uint32_t tx, const char *path)
{
    return ask_in(connection, XS_READ, tx, path, strlen(path) + 1);
}

static int ask1(struct connection *connection, uint32_t type, uint32_t tx, const char *path)
{
    return ask_in(connection, type, tx, path, strlen(path) + 1);
}

static int ask2(struct connection *connection, uint32_t type, const char *a, const char *b)
{
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    int length = snprintf(payload, sizeof(payload), "%s%c%s%c", a, 0, b, 0);

    return ask_in(connection, type, 0, payload, (size_t)length);
}

static uint32_t begin(struct connection *connection)
{
    assert_int_equal(ASK(connection, XS_TRANSACTION_START, 0, ""), 0);
    return (uint32_t)strtoul(answer, NULL, 10);
}

static int end(struct connection *connection, uint32_t tx, const char *how)
{
    return ask1(connection, XS_TRANSACTION_END, tx, how);
}

static void drain(struct connection *connection)
{
    while (!fetch(connection))
        ;
}

static void expect_event(struct connection *connection, const char *path, const char *token)
{
    assert_int_equal(fetch(connection), 0);
    assert_int_equal(answer_type, XS_WATCH_EVENT);
    assert_string_equal(answer, path);
    assert_string_equal(answer + strlen(path) + 1, token);
}

static void expect_silence(struct connection *connection)
{
    assert_int_equal(fetch(connection), -EAGAIN);
}

static int setup(void **state)
{
    (void)state;
    memset(life, 0, sizeof(life));
    store = xenstore_create(&platform, NULL);
    dom0 = connection_create(store, 0);
    assert_int_equal(store_domain_introduce(store, 1, 100, 1), 0);
    assert_int_equal(store_domain_introduce(store, 2, 101, 1), 0);
    guest1 = store_domain_find(store, 1)->connection;
    guest2 = store_domain_find(store, 2)->connection;
    for (int i = 1; i <= 2; i++) {
        char path[64], owner[16];

        snprintf(path, sizeof(path), "/local/domain/%d", i);
        snprintf(owner, sizeof(owner), "n%d", i);
        assert_int_equal(ask1(dom0, XS_MKDIR, 0, path), 0);
        assert_int_equal(ask2(dom0, XS_SET_PERMS, path, owner), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    char text[128];

    (void)state;
    if (dom0) {
        assert_int_equal(control_run(store, "check", text, sizeof(text)), 0);
        assert_string_equal(text, "OK");
    }
    while (store->connections)
        connection_destroy(store->connections);
    xenstore_destroy(store);
    return 0;
}

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
    assert_int_equal(ask1(guest1, XS_CONTROL, 0, "check"), -EACCES);
    assert_int_equal(ask1(guest1, XS_GET_DOMAIN_PATH, 0, "1"), 0);
    assert_string_equal(answer, "/local/domain/1");
    assert_int_equal(ask2(dom0, XS_SET_TARGET, "2", "1"), 0);
    assert_int_equal(put(guest2, 0, "/local/domain/1/data/x", "2"), 0);
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
        cmocka_unit_test(paths_have_one_grammar),
        cmocka_unit_test_setup_teardown(nodes_are_written_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_messages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(long_directories_come_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_are_kept_to_their_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(permissions_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(watchers_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_tell_only_who_may_read, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_events_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_isolate_and_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_recreate_what_they_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_tell_watchers_at_their_end, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_meet_their_quota, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_that_do_not_read_are_not_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_events_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(old_snapshots_are_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_domains_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(introduction_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_trees_need_no_stack, setup, teardown),
        cmocka_unit_test_setup_teardown(random_requests_do_no_harm, setup, teardown),
    };

    return cmocka_run_group_tests_name("xenstore", tests, NULL, NULL);
}

/*
 * The store when memory runs out: the same conversation again and again, each time with
 * another allocation failing.  Nothing may break, leak or be counted wrong, and a commit
 * happens whole or not at all (XSA-414, -415, -418, -421).
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 * Libraries: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "xenstore/connection.h"
#include "xenstore/control.h"
#include "xenstore/domain.h"
#include "xenstore/node.h"
#include "xenstore/store.h"

/* Allocations until one fails; negative: none does. */
static long countdown = -1;
static bool failed_one, all_fail;

static bool fails(void)
{
    if (all_fail)
        return true;
    if (countdown < 0 || countdown-- > 0)
        return false;
    failed_one = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static int introduce(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
    return 0;
}

static void release(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
}

static enum domain_life life(void *argument, uint32_t domid)
{
    (void)argument;
    (void)domid;
    return DOMAIN_LIVES;
}

static const struct store_platform platform = { introduce, release, life, NULL, NULL };

/* Sends a request and drops whatever answer comes; the number a transaction got. */
static uint32_t say(struct connection *connection, uint32_t type, uint32_t tx, const char *payload,
                    size_t length)
{
    struct xsd_sockmsg header = { type, 1, tx, (uint32_t)length }, answer;
    uint32_t number = 0;
    const void *data;
    void *buffer;
    size_t size;

    connection_want(connection, &buffer);
    memcpy(buffer, &header, sizeof(header));
    connection_filled(connection, sizeof(header));
    if (length) {
        connection_want(connection, &buffer);
        memcpy(buffer, payload, length);
        connection_filled(connection, length);
    }
    while ((size = connection_output(connection, &data))) {
        memcpy(&answer, data, sizeof(answer));
        if (answer.type == XS_TRANSACTION_START)
            number = (uint32_t)strtoul((const char *)data + sizeof(answer), NULL, 10);
        connection_sent(connection, size);
    }
    return number;
}

#define SAY(connection, type, tx, payload) say(connection, type, tx, payload, sizeof(payload))

static bool is_there(struct xenstore *store, const char *path)
{
    return tree_find(store->root, path) != NULL;
}

/* Watches, writes, a transaction that is committed onto a changed root, removals. */
static void conversation(struct xenstore *store, struct connection *dom0)
{
    SAY(dom0, XS_MKDIR, 0, "/local/domain/1");
    SAY(dom0, XS_SET_PERMS, 0, "/local/domain/1\0n1");
    store_domain_introduce(store, 1, 1, 1);
    struct store_domain *domain = store_domain_find(store, 1);
    struct connection *guest = domain && domain->introduced ? domain->connection : dom0;

    SAY(dom0, XS_WATCH, 0, "/local/domain/1\0token");
    SAY(guest, XS_WATCH, 0, "/local/domain/1/data\0token");
    SAY(guest, XS_WRITE, 0, "/local/domain/1/data/a/b/c\0value");
    SAY(guest, XS_WRITE, 0, "/local/domain/1/data/a\0value");
    SAY(guest, XS_DIRECTORY, 0, "/local/domain/1/data");
    SAY(guest, XS_DIRECTORY_PART, 0,
        "/local/domain/1\0"
        "0");
    SAY(guest, XS_GET_PERMS, 0, "/local/domain/1");
    uint32_t tx = SAY(guest, XS_TRANSACTION_START, 0, "");

    SAY(guest, XS_RM, tx, "/local/domain/1/data/a");
    SAY(guest, XS_WRITE, tx, "/local/domain/1/data/both/one\0x");
    SAY(guest, XS_WRITE, tx, "/local/domain/1/data/both/two\0x");
    SAY(dom0, XS_WRITE, 0, "/elsewhere\0x");
    SAY(guest, XS_TRANSACTION_END, tx, "T");
    SAY(guest, XS_SET_PERMS, 0, "/local/domain/1/data\0n1\0r0");
    SAY(guest, XS_RM, 0, "/local/domain/1/data/both");
    SAY(guest, XS_UNWATCH, 0, "/local/domain/1/data\0token");
}

/* The whole story with the n-th allocation failing; false: it had fewer. */
static bool run(long n)
{
    char text[128];

    countdown = -1;
    struct xenstore *store = xenstore_create(&platform, NULL);
    struct connection *dom0 = connection_create(store, 0);

    failed_one = false;
    countdown = n;
    conversation(store, dom0);
    countdown = -1;
    assert_int_equal(is_there(store, "/local/domain/1/data/both/one"),
                     is_there(store, "/local/domain/1/data/both/two"));
    assert_int_equal(control_run(store, "check", text, sizeof(text)), 0);
    assert_string_equal(text, "OK");
    SAY(dom0, XS_RELEASE, 0, "1");
    while (store->connections)
        connection_destroy(store->connections);
    xenstore_destroy(store);
    return failed_one;
}

static void every_allocation_may_fail(void **state)
{
    long n = 0;

    (void)state;
    while (run(n))
        n++;
    assert_in_range(n, 100, 100000);
}

/* With no memory at all each request still gets an answer, whatever it says. */
static void every_request_is_answered(void **state)
{
    struct xenstore *store = xenstore_create(&platform, NULL);
    struct connection *dom0 = connection_create(store, 0);
    static const char payload[] = "/a\0b";

    (void)state;
    SAY(dom0, XS_WRITE, 0,
        "/a\0some value that is longer than what fits into the last word's room");
    all_fail = true;
    for (uint32_t type = 0; type <= XS_TYPE_COUNT; type++) {
        struct xsd_sockmsg header = { type, 7, 0, sizeof(payload) }, answer;
        const void *data;
        void *buffer;

        assert_int_equal(connection_want(dom0, &buffer), sizeof(header));
        memcpy(buffer, &header, sizeof(header));
        connection_filled(dom0, sizeof(header));
        assert_int_equal(connection_want(dom0, &buffer), sizeof(payload));
        memcpy(buffer, payload, sizeof(payload));
        connection_filled(dom0, sizeof(payload));
        size_t size = connection_output(dom0, &data);

        assert_in_range(size, sizeof(answer), 200);
        memcpy(&answer, data, sizeof(answer));
        assert_int_equal(answer.req_id, 7);
        connection_sent(dom0, size);
        assert_int_equal(connection_output(dom0, &data), 0);
    }
    all_fail = false;
    connection_destroy(dom0);
    xenstore_destroy(store);
}

static int of_domain_1(void *argument, const char *path, const struct node *node)
{
    (void)path;
    for (uint32_t i = 0; i < node->permissions->count; i++)
        *(unsigned int *)argument += node->permissions->entries[i].domid == 1;
    return 0;
}

/* A dead domain's rights go although there is no memory and snapshots share the tree. */
static void the_dead_are_forgotten_without_memory(void **state)
{
    struct xenstore *store = xenstore_create(&platform, NULL);
    struct connection *dom0 = connection_create(store, 0);
    unsigned int left = 0;
    char text[128];

    (void)state;
    conversation(store, dom0);
    SAY(dom0, XS_WRITE, 0, "/shared/deep/in\0x");
    SAY(dom0, XS_SET_PERMS, 0, "/shared/deep/in\0n0\0b1\0r2");
    SAY(dom0, XS_SET_PERMS, 0, "@introduceDomain\0n0\0r1");
    SAY(dom0, XS_WRITE, 0, "/shared/its/own\0x");
    SAY(dom0, XS_SET_PERMS, 0, "/shared/its/own\0n1");
    uint32_t tx = SAY(dom0, XS_TRANSACTION_START, 0, "");

    SAY(dom0, XS_WRITE, tx, "/shared/deep/other\0x");
    all_fail = true;
    assert_int_equal(store_domain_release(store, 1), 0);
    all_fail = false;
    tree_walk(store->root, "/", of_domain_1, &left);
    assert_int_equal(left, 0);
    assert_int_equal(store->introduce_permissions->count, 1);
    assert_true(is_there(store, "/shared/deep/in"));
    assert_false(is_there(store, "/shared/its/own"));
    assert_int_equal(control_run(store, "check", text, sizeof(text)), 0);
    assert_string_equal(text, "OK");
    while (store->connections)
        connection_destroy(store->connections);
    xenstore_destroy(store);
}

static void creation_may_fail(void **state)
{
    struct xenstore *store = NULL;

    (void)state;
    for (long n = 0; !store; n++) {
        countdown = n;
        store = xenstore_create(&platform, NULL);
        assert_true(n < 20);
    }
    countdown = -1;
    xenstore_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(creation_may_fail),
        cmocka_unit_test(every_request_is_answered),
        cmocka_unit_test(the_dead_are_forgotten_without_memory),
    };

    return cmocka_run_group_tests_name("xenstore-memory", tests, NULL, NULL);
}

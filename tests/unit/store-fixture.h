/*
 * What the store's unit tests share: a store with dom0 and two guests, and talking to it as a
 * transport would.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

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
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"

static enum domain_life life[16];

static __attribute__((unused)) int introduce(void *argument, struct store_domain *domain)
{
    (void)argument;
    return domain->gfn == 666 ? -EIO : 0;
}

static __attribute__((unused)) void release(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
}

static enum domain_life domain_life(void *argument, uint32_t domid)
{
    (void)argument;
    return life[domid];
}

static bool memory_is_short;

static __attribute__((unused)) bool short_of_memory(void *argument)
{
    (void)argument;
    return memory_is_short;
}

/* What the hypervisor says of changed domains: -ENOSYS, or who (0: none). */
static int changed_error;
static uint32_t changed_domid;

static __attribute__((unused)) int changed(void *argument, uint32_t *domid)
{
    (void)argument;
    if (changed_error)
        return changed_error;
    *domid = changed_domid;
    changed_domid = 0;
    return *domid ? 0 : -ENOENT;
}

static const struct store_platform platform = { introduce, release, domain_life, short_of_memory,
                                                changed };

static struct xenstore *store;
static struct connection *dom0, *guest1, *guest2;

/* The last answer. */
static char answer[XENSTORE_PAYLOAD_MAX + 1];
static size_t answer_length;
static uint32_t answer_type;

static __attribute__((unused)) int feed(struct connection *connection, const void *data,
                                        size_t size)
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

static __attribute__((unused)) int fetch(struct connection *connection)
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
static __attribute__((unused)) int ask_in(struct connection *connection, uint32_t type, uint32_t tx,
                                          const void *payload, size_t length)
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

static __attribute__((unused)) int put(struct connection *connection, uint32_t tx, const char *path,
                                       const char *value)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    int length = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

    return ask_in(connection, XS_WRITE, tx, payload, (size_t)length);
}

static __attribute__((unused)) int get(struct connection *connection, uint32_t tx, const char *path)
{
    return ask_in(connection, XS_READ, tx, path, strlen(path) + 1);
}

static __attribute__((unused)) int ask1(struct connection *connection, uint32_t type, uint32_t tx,
                                        const char *path)
{
    return ask_in(connection, type, tx, path, strlen(path) + 1);
}

static __attribute__((unused)) int ask2(struct connection *connection, uint32_t type, const char *a,
                                        const char *b)
{
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    int length = snprintf(payload, sizeof(payload), "%s%c%s%c", a, 0, b, 0);

    return ask_in(connection, type, 0, payload, (size_t)length);
}

static __attribute__((unused)) uint32_t begin(struct connection *connection)
{
    assert_int_equal(ASK(connection, XS_TRANSACTION_START, 0, ""), 0);
    return (uint32_t)strtoul(answer, NULL, 10);
}

static __attribute__((unused)) int end(struct connection *connection, uint32_t tx, const char *how)
{
    return ask1(connection, XS_TRANSACTION_END, tx, how);
}

static __attribute__((unused)) void drain(struct connection *connection)
{
    while (!fetch(connection))
        ;
}

static __attribute__((unused)) void expect_event(struct connection *connection, const char *path,
                                                 const char *token)
{
    assert_int_equal(fetch(connection), 0);
    assert_int_equal(answer_type, XS_WATCH_EVENT);
    assert_string_equal(answer, path);
    assert_string_equal(answer + strlen(path) + 1, token);
}

static __attribute__((unused)) void expect_silence(struct connection *connection)
{
    assert_int_equal(fetch(connection), -EAGAIN);
}

static __attribute__((unused)) int setup(void **state)
{
    (void)state;
    memset(life, 0, sizeof(life));
    memory_is_short = false;
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

static __attribute__((unused)) int teardown(void **state)
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

#endif

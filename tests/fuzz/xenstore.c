/*
 * Fuzzer: any bytes as what two guests and dom0 send to the store.  The first byte of each
 * piece says who; the counts of what guests own stay right.
 *
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/control.h"
#include "xenstore/domain.h"
#include "xenstore/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void give(struct connection *connection, const void *data, size_t size)
{
    const uint8_t *from = data;
    const void *output;
    void *buffer;
    size_t room, ready;

    while (size && (room = connection_want(connection, &buffer))) {
        room = room < size ? room : size;
        memcpy(buffer, from, room);
        from += room;
        size -= room;
        if (connection_filled(connection, room)) {
            connection_reset(connection);
            return;
        }
    }
    while ((ready = connection_output(connection, &output)))
        connection_sent(connection, ready);
}

/* A message of a type, for a transaction or none, with the rest of the piece as its payload. */
static void give_message(struct connection *connection, const uint8_t *piece, size_t size)
{
    struct xsd_sockmsg header = { piece[0] % (XS_TYPE_COUNT + 1), 1, 0, (uint32_t)(size - 1) };

    if (piece[0] & 0x40)
        header.tx_id = connection->store->next_transaction_id;
    give(connection, &header, sizeof(header));
    give(connection, piece + 1, size - 1);
}

static struct connection *speaker(struct xenstore *store, struct connection *dom0, uint8_t who)
{
    struct store_domain *domain = store_domain_find(store, who % 3);

    return who % 3 && domain && domain->introduced ? domain->connection : dom0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xenstore *store = xenstore_create(&platform, NULL);
    struct connection *dom0 = connection_create(store, 0);
    char text[128];

    store_domain_introduce(store, 1, 1, 1);
    store_domain_introduce(store, 2, 2, 2);
    while (size > 3) { /* who, how long, then the piece */
        size_t length = 1 + data[1] % 64;

        if (length > size - 2)
            length = size - 2;
        give_message(speaker(store, dom0, data[0]), data + 2, length);
        data += 2 + length;
        size -= 2 + length;
    }
    if (control_run(store, "check", text, sizeof(text)) || strcmp(text, "OK") != 0)
        abort();
    while (store->connections)
        connection_destroy(store->connections);
    xenstore_destroy(store);
    return 0;
}

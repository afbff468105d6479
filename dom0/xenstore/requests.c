/*
 * Requests: one table row and one handler for each message type.
 *
 * A handler gets the payload (with a NUL behind it, so that its strings end) and answers with
 * connection_reply, or returns -errno, which becomes an ERROR message.
 */
#include "xenstore/requests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/access.h"
#include "xenstore/connection.h"
#include "xenstore/control.h"
#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"
#include "xenstore/transaction.h"
#include "xenstore/watch.h"

struct request {
    struct access access;
    char *payload;
    size_t length;
    char path[PATH_BUFFER]; /* canonical, for those with a path first */
};

static int reply(struct request *request, const void *data, size_t length)
{
    struct connection *connection = request->access.connection;

    connection_reply(connection, connection->input.header.type, data, length);
    return 0;
}

static int reply_ok(struct request *request)
{
    return reply(request, "OK", 3);
}

/* Splits the payload into exactly or at least `count` NUL-terminated strings. */
static int payload_strings(struct request *request, char **strings, size_t count)
{
    char *at = request->payload, *end = at + request->length;

    for (size_t i = 0; i < count; i++) {
        char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

        if (!nul)
            return -EINVAL;
        strings[i] = at;
        at = nul + 1;
    }
    return 0;
}

static int payload_path(struct request *request, bool specials)
{
    char *sent;
    int error = payload_strings(request, &sent, 1);

    if (error)
        return error;
    return path_canonicalise(request->path, sent, request->access.connection->domid, specials);
}

static int parse_number(const char *text, uint64_t largest, uint64_t *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return errno || *end || *number > largest ? -EINVAL : 0;
}

static int payload_domid(struct request *request, uint32_t *domid)
{
    char *text;
    uint64_t number;
    int error = payload_strings(request, &text, 1);

    if (!error)
        error = parse_number(text, 0x7fef, &number);
    if (!error)
        *domid = (uint32_t)number;
    return error;
}

/* The children's names, each with its NUL, in one block of node->child_names bytes. */
static char *children_text(const struct node *node)
{
    char *text = malloc(node->child_names + 1), *at = text;

    for (uint32_t i = 0; text && i < node->child_count; i++)
        at = stpcpy(at, node->children[i]->name) + 1;
    return text;
}

static int handle_directory(struct request *request)
{
    const struct node *node;
    int error = payload_path(request, false);

    if (!error)
        error = access_find(&request->access, request->path, ACCESS_READ, &node);
    if (error)
        return error;
    if (node->child_names > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    char *text = children_text(node);

    if (!text)
        return -ENOMEM;
    reply(request, text, node->child_names);
    free(text);
    return 0;
}

/* The most whole names from an offset on that fit, and whether they are the last. */
static size_t names_that_fit(const char *names, size_t offset, size_t size, size_t room)
{
    size_t length = 0;

    while (offset + length < size) {
        size_t name = strlen(names + offset + length) + 1;

        if (length + name > room)
            break;
        length += name;
    }
    return length;
}

static int handle_directory_part(struct request *request)
{
    char answer[XENSTORE_PAYLOAD_MAX];
    const struct node *node;
    char *strings[2];
    uint64_t offset;
    int error = payload_strings(request, strings, 2);

    if (!error)
        error = parse_number(strings[1], UINT32_MAX, &offset);
    if (!error)
        error = payload_path(request, false);
    if (!error)
        error = access_find(&request->access, request->path, ACCESS_READ, &node);
    if (error)
        return error;
    size_t start = (size_t)snprintf(answer, sizeof(answer), "%" PRIu64, node->generation) + 1;
    char *names = children_text(node);

    if (!names)
        return -ENOMEM;
    size_t length = 0, size = node->child_names;

    if (offset < size) {
        length = names_that_fit(names, offset, size, sizeof(answer) - start - 1);
        memcpy(answer + start, names + offset, length);
    }
    if (offset >= size || offset + length == size)
        answer[start + length++] = '\0'; /* an empty name ends the list */
    free(names);
    return reply(request, answer, start + length);
}

static int handle_read(struct request *request)
{
    const struct node *node;
    int error = payload_path(request, false);

    if (!error)
        error = access_find(&request->access, request->path, ACCESS_READ, &node);
    if (error)
        return error;
    return reply(request, node->value ? node->value->data : "",
                 node->value ? node->value->length : 0);
}

static int handle_write(struct request *request)
{
    int error = payload_path(request, false);

    if (error)
        return error;
    size_t skip = strlen(request->payload) + 1;

    error = access_write(&request->access, request->path, request->payload + skip,
                         request->length - skip);
    return error ? error : reply_ok(request);
}

static int handle_mkdir(struct request *request)
{
    int error = payload_path(request, false);

    if (!error)
        error = access_mkdir(&request->access, request->path);
    return error ? error : reply_ok(request);
}

static int handle_rm(struct request *request)
{
    int error = payload_path(request, false);

    if (!error)
        error = access_remove(&request->access, request->path);
    return error ? error : reply_ok(request);
}

static int handle_get_perms(struct request *request)
{
    char answer[XENSTORE_PAYLOAD_MAX];
    const struct permissions *list;
    size_t length = 0;
    int error = payload_path(request, true);

    if (error)
        return error;
    if (path_is_special(request->path)) {
        struct permissions **special =
            xenstore_special(request->access.connection->store, request->path);

        if (!special)
            return -EINVAL;
        list = *special;
    } else {
        const struct node *node;

        error = access_find(&request->access, request->path, ACCESS_READ, &node);
        if (error)
            return error;
        list = node->permissions;
    }
    for (uint32_t i = 0; i < list->count; i++)
        length += permission_format(&list->entries[i], answer + length, sizeof(answer) - length);
    return reply(request, answer, length);
}

static int handle_set_perms(struct request *request)
{
    struct permission entries[LIMIT_PERMISSIONS];
    uint32_t limit = connection_is_guest(request->access.connection) ? LIMIT_GUEST_PERMISSIONS
                                                                     : LIMIT_PERMISSIONS;
    uint32_t count = 0;
    int error = payload_path(request, true);
    const char *end = request->payload + request->length;

    if (error)
        return error;
    for (const char *at = request->payload + strlen(request->payload) + 1; at < end;
         at += strlen(at) + 1) {
        if (count == limit)
            return -ENOSPC;
        error = permission_parse(at, &entries[count++]);
        if (error)
            return error;
    }
    if (!count)
        return -EINVAL;
    if (path_is_special(request->path) &&
        !xenstore_special(request->access.connection->store, request->path))
        return -EINVAL;
    error = access_set_permissions(&request->access, request->path, entries, count);
    return error ? error : reply_ok(request);
}

/* Behind the token of a watch of a special path may stand a depth: 1 asks for the domain's number
 * in the events' paths. */
static bool wants_domains(const struct request *request, const char *token)
{
    const char *depth = token + strlen(token) + 1;

    return path_is_special(request->path) && depth < request->payload + request->length &&
           !strcmp(depth, "1");
}

static int handle_watch(struct request *request)
{
    struct connection *connection = request->access.connection;
    char *strings[2];
    int error = payload_strings(request, strings, 2);

    if (!error)
        error = payload_path(request, true);
    if (error)
        return error;
    if (strlen(strings[1]) > LIMIT_TOKEN)
        return -EINVAL;
    if (path_is_special(request->path) && !xenstore_special(connection->store, request->path))
        return -EINVAL;
    if (watch_exists(connection, request->path, strings[1]))
        return -EEXIST;
    if (connection_is_guest(connection) && connection->watch_count >= LIMIT_GUEST_WATCHES)
        return -E2BIG;
    if (!connection_may_grow(connection))
        return -ENOMEM;
    error = watch_add(connection,
                      &(struct watch_wish){ .path = request->path,
                                            .sent = strings[0],
                                            .token = strings[1],
                                            .domains = wants_domains(request, strings[1]) });
    if (error)
        return error;
    reply_ok(request);
    watch_send_first(connection);
    return 0;
}

static int handle_unwatch(struct request *request)
{
    char *strings[2];
    int error = payload_strings(request, strings, 2);

    if (!error)
        error = payload_path(request, true);
    if (!error)
        error = watch_remove(request->access.connection, request->path, strings[1]);
    return error ? error : reply_ok(request);
}

static int handle_reset_watches(struct request *request)
{
    transactions_drop(request->access.connection);
    watches_drop(request->access.connection);
    return reply_ok(request);
}

static int handle_transaction_start(struct request *request)
{
    char text[16];
    uint32_t id;

    if (request->access.transaction)
        return -EBUSY; /* no nesting */
    int error = transaction_start(request->access.connection, &id);

    if (error)
        return error;
    int length = snprintf(text, sizeof(text), "%u", (unsigned int)id);

    return reply(request, text, (size_t)length + 1);
}

static int handle_transaction_end(struct request *request)
{
    struct connection *connection = request->access.connection;
    char *text;
    int error = payload_strings(request, &text, 1);

    if (!error && strcmp(text, "T") != 0 && strcmp(text, "F") != 0)
        error = -EINVAL;
    if (!error)
        error = transaction_end(connection, connection->input.header.tx_id, text[0] == 'T');
    return error ? error : reply_ok(request);
}

static int handle_introduce(struct request *request)
{
    char *strings[3];
    uint64_t domid, gfn, port;
    int error = payload_strings(request, strings, 3);

    if (!error)
        error = parse_number(strings[0], 0x7fef, &domid);
    if (!error)
        error = parse_number(strings[1], UINT64_MAX, &gfn);
    if (!error)
        error = parse_number(strings[2], UINT32_MAX, &port);
    if (!error && domid == 0)
        error = -EINVAL;
    if (!error)
        error = store_domain_introduce(request->access.connection->store, (uint32_t)domid, gfn,
                                       (uint32_t)port);
    return error ? error : reply_ok(request);
}

static int handle_release(struct request *request)
{
    uint32_t domid;
    int error = payload_domid(request, &domid);

    if (!error && domid == 0)
        error = -EINVAL;
    if (!error)
        error = store_domain_release(request->access.connection->store, domid);
    return error ? error : reply_ok(request);
}

static int handle_resume(struct request *request)
{
    uint32_t domid;
    int error = payload_domid(request, &domid);

    if (!error)
        error = store_domain_resume(request->access.connection->store, domid);
    return error ? error : reply_ok(request);
}

static int handle_set_target(struct request *request)
{
    struct xenstore *store = request->access.connection->store;
    char *strings[2];
    uint64_t domid, target;
    int error = payload_strings(request, strings, 2);

    if (!error)
        error = parse_number(strings[0], 0x7fef, &domid);
    if (!error)
        error = parse_number(strings[1], 0x7fef, &target);
    if (error)
        return error;
    struct store_domain *domain = store_domain_find(store, (uint32_t)domid);

    if (!domain || !domain->introduced || !store_domain_find(store, (uint32_t)target))
        return -ENOENT;
    domain->connection->target = (uint32_t)target;
    return reply_ok(request);
}

static int handle_get_domain_path(struct request *request)
{
    char text[40];
    uint32_t domid;
    int error = payload_domid(request, &domid);

    if (error)
        return error;
    int length = snprintf(text, sizeof(text), "/local/domain/%u", (unsigned int)domid);

    return reply(request, text, (size_t)length + 1);
}

static int handle_is_introduced(struct request *request)
{
    uint32_t domid;
    int error = payload_domid(request, &domid);

    if (error)
        return error;
    const struct store_domain *domain = store_domain_find(request->access.connection->store, domid);

    return reply(request, domid == 0 || (domain && domain->introduced) ? "T" : "F", 2);
}

static int handle_control(struct request *request)
{
    char answer[XENSTORE_PAYLOAD_MAX];
    char *command;
    int error = payload_strings(request, &command, 1);

    if (error)
        return error;
    error = control_run(request->access.connection->store, command, answer, sizeof(answer));
    return error ? error : reply(request, answer, strlen(answer) + 1);
}

static const struct {
    int (*handle)(struct request *request);
    bool dom0_only;
    bool may_end; /* is for a transaction that was given up, too */
} handlers[XS_TYPE_COUNT] = {
    [XS_CONTROL] = { handle_control, true, false },
    [XS_DIRECTORY] = { handle_directory, false, false },
    [XS_READ] = { handle_read, false, false },
    [XS_GET_PERMS] = { handle_get_perms, false, false },
    [XS_WATCH] = { handle_watch, false, false },
    [XS_UNWATCH] = { handle_unwatch, false, false },
    [XS_TRANSACTION_START] = { handle_transaction_start, false, false },
    [XS_TRANSACTION_END] = { handle_transaction_end, false, true },
    [XS_INTRODUCE] = { handle_introduce, true, false },
    [XS_RELEASE] = { handle_release, true, false },
    [XS_GET_DOMAIN_PATH] = { handle_get_domain_path, false, false },
    [XS_WRITE] = { handle_write, false, false },
    [XS_MKDIR] = { handle_mkdir, false, false },
    [XS_RM] = { handle_rm, false, false },
    [XS_SET_PERMS] = { handle_set_perms, false, false },
    [XS_IS_DOMAIN_INTRODUCED] = { handle_is_introduced, false, false },
    [XS_RESUME] = { handle_resume, true, false },
    [XS_SET_TARGET] = { handle_set_target, true, false },
    [XS_RESET_WATCHES] = { handle_reset_watches, false, false },
    [XS_DIRECTORY_PART] = { handle_directory_part, false, false },
};

static int request_run(struct connection *connection)
{
    const struct xsd_sockmsg *header = &connection->input.header;
    struct request request = {
        .access.connection = connection,
        .payload = connection->input.bytes + sizeof(*header),
        .length = header->len,
    };

    if (header->type >= XS_TYPE_COUNT || !handlers[header->type].handle)
        return -ENOSYS;
    if (handlers[header->type].dom0_only && connection_is_guest(connection))
        return -EACCES;
    if (header->tx_id && !handlers[header->type].may_end) {
        int error = transaction_find(connection, header->tx_id, &request.access.transaction);

        if (error)
            return error;
    }
    return handlers[header->type].handle(&request);
}

void request_handle(struct connection *connection)
{
    int error = request_run(connection);

    if (error < 0) {
        const char *name = wire_error_name(-error);

        connection_reply(connection, XS_ERROR, name, strlen(name) + 1);
    }
}

/*
 * The client's side of the wire protocol.  See client.h.
 *
 * One request at a time: send, then receive until the answer with our number comes; watch
 * events that come in between on a wire are kept for xs_wait_watch.
 */
#include "xenstore/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/transport.h"

struct kept_event {
    struct kept_event *next;
    char text[]; /* path, NUL, token, NUL */
};

struct xs_client {
    const struct xs_transport *operations;
    void *transport;
    uint32_t last_request;
    struct kept_event *first_event, *last_event;
    char message[WIRE_MESSAGE_MAX];
    char answer[XENSTORE_PAYLOAD_MAX + 1];
};

struct xs_client *xs_client_create(const struct xs_transport *operations, void *transport)
{
    struct xs_client *client = calloc(1, sizeof(*client));

    if (!client) {
        operations->close(transport);
        return NULL;
    }
    client->operations = operations;
    client->transport = transport;
    return client;
}

void xs_close(struct xs_client *client)
{
    if (!client)
        return;
    client->operations->close(client->transport);
    while (client->first_event) {
        struct kept_event *event = client->first_event;

        client->first_event = event->next;
        free(event);
    }
    free(client);
}

static int event_keep(struct xs_client *client, size_t length)
{
    struct kept_event *event = malloc(sizeof(*event) + length + 1);

    if (!event)
        return -ENOMEM;
    memcpy(event->text, client->answer, length);
    event->text[length] = '\0';
    event->next = NULL;
    if (client->last_event)
        client->last_event->next = event;
    else
        client->first_event = event;
    client->last_event = event;
    return 0;
}

/* Receives one message; an event is kept and *header tells so by its type. */
static int client_receive(struct xs_client *client, struct xsd_sockmsg *header, int64_t timeout_ns)
{
    int error = client->operations->receive(client->transport, header, client->answer, timeout_ns);

    if (error)
        return error;
    client->answer[header->len] = '\0';
    return header->type == XS_WATCH_EVENT ? event_keep(client, header->len) : 0;
}

/* The next message that may be the answer. */
static int client_receive_answer(struct xs_client *client, struct xsd_sockmsg *header)
{
    if (!client->operations->answer)
        return client_receive(client, header, -1);
    int error = client->operations->answer(client->transport, header, client->answer);

    if (!error)
        client->answer[header->len] = '\0';
    return error;
}

/* The pieces of a payload, sent one after the other. */
struct piece {
    const void *data;
    size_t size;
};

static struct piece piece_string(const char *text)
{
    return (struct piece){ text, strlen(text) + 1 };
}

/* A whole exchange; the answer is in client->answer, *length bytes (may be NULL). */
static int client_ask(struct xs_client *client, uint32_t type, uint32_t tx,
                      const struct piece *pieces, size_t count, size_t *length)
{
    struct xsd_sockmsg header = { type, ++client->last_request, tx, 0 };
    size_t size = sizeof(header);

    for (size_t i = 0; i < count; i++) {
        if (pieces[i].size > sizeof(client->message) - size)
            return -E2BIG;
        memcpy(client->message + size, pieces[i].data, pieces[i].size);
        size += pieces[i].size;
    }
    header.len = (uint32_t)(size - sizeof(header));
    memcpy(client->message, &header, sizeof(header));
    int error = client->operations->send(client->transport, client->message, size);

    while (!error) {
        error = client_receive_answer(client, &header);
        if (!error && header.type != XS_WATCH_EVENT && header.req_id == client->last_request)
            break;
    }
    if (error)
        return error;
    if (header.type == XS_ERROR)
        return -wire_error_number(client->answer);
    if (header.type != type)
        return -EIO;
    if (length)
        *length = header.len;
    return 0;
}

static int client_ask_path(struct xs_client *client, uint32_t type, uint32_t tx, const char *path,
                           size_t *length)
{
    struct piece piece = piece_string(path);

    return client_ask(client, type, tx, &piece, 1, length);
}

int xs_read(struct xs_client *client, uint32_t tx, const char *path, char **value, size_t *length)
{
    size_t size;
    int error = client_ask_path(client, XS_READ, tx, path, &size);

    if (error)
        return error;
    *value = malloc(size + 1);
    if (!*value)
        return -ENOMEM;
    memcpy(*value, client->answer, size + 1);
    if (length)
        *length = size;
    return 0;
}

int xs_read_number(struct xs_client *client, uint32_t tx, const char *path, uint64_t *number)
{
    size_t size;
    char *end;
    int error = client_ask_path(client, XS_READ, tx, path, &size);

    if (error)
        return error;
    if (client->answer[0] < '0' || client->answer[0] > '9')
        return -EINVAL;
    errno = 0;
    *number = strtoull(client->answer, &end, 10);
    return errno || end != client->answer + size ? -EINVAL : 0;
}

int xs_write(struct xs_client *client, uint32_t tx, const char *path, const void *value,
             size_t length)
{
    struct piece pieces[] = { piece_string(path), { value, length } };

    return client_ask(client, XS_WRITE, tx, pieces, 2, NULL);
}

int xs_printf(struct xs_client *client, uint32_t tx, const char *path, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(text))
        return -E2BIG;
    return xs_write(client, tx, path, text, (size_t)length);
}

int xs_mkdir(struct xs_client *client, uint32_t tx, const char *path)
{
    return client_ask_path(client, XS_MKDIR, tx, path, NULL);
}

int xs_rm(struct xs_client *client, uint32_t tx, const char *path)
{
    return client_ask_path(client, XS_RM, tx, path, NULL);
}

/* Makes one malloc'ed block of pointers and the strings they point to. */
static int strings_unpack(const char *text, size_t size, char ***strings, size_t *count)
{
    size_t found = 0, i = 0;

    for (const char *at = text; at < text + size; at += strlen(at) + 1)
        found++;
    *strings = malloc((found + 1) * sizeof(char *) + size + 1);
    if (!*strings)
        return -ENOMEM;
    char *copy = (char *)&(*strings)[found + 1];

    memcpy(copy, text, size);
    copy[size] = '\0';
    for (char *at = copy; at < copy + size; at += strlen(at) + 1)
        (*strings)[i++] = at;
    (*strings)[found] = NULL;
    *count = found;
    return 0;
}

/* A directory too long for one message, part by part; starts again if it changes meanwhile. */
static int list_in_parts(struct xs_client *client, uint32_t tx, const char *path, char **text,
                         size_t *size)
{
    char offset[24], generation[24] = "";

    *text = NULL;
    *size = 0;
    for (;;) {
        size_t length;

        snprintf(offset, sizeof(offset), "%zu", *size);
        struct piece pieces[] = { piece_string(path), piece_string(offset) };
        int error = client_ask(client, XS_DIRECTORY_PART, tx, pieces, 2, &length);

        if (error)
            return error;
        size_t skip = strlen(client->answer) + 1;

        if (skip > length || skip > sizeof(generation))
            return -EIO;
        if (*size && strcmp(generation, client->answer) != 0) {
            *size = 0;
            continue;
        }
        memcpy(generation, client->answer, skip);
        char *more = realloc(*text, *size + length - skip + 1);

        if (!more)
            return -ENOMEM;
        *text = more;
        memcpy(*text + *size, client->answer + skip, length - skip);
        *size += length - skip;
        /* The list's end is an empty string; one which is empty altogether has no name at all. */
        if (length - skip == 0 || (*text)[*size - 1] != '\0')
            return -EIO;
        if (*size == 1 || (*text)[*size - 2] == '\0') {
            --*size;
            return 0;
        }
    }
}

int xs_list(struct xs_client *client, uint32_t tx, const char *path, char ***names, size_t *count)
{
    size_t size;
    char *text;
    int error = client_ask_path(client, XS_DIRECTORY, tx, path, &size);

    if (!error)
        return strings_unpack(client->answer, size, names, count);
    if (error != -E2BIG)
        return error;
    error = list_in_parts(client, tx, path, &text, &size);
    if (!error)
        error = strings_unpack(text, size, names, count);
    free(text);
    return error;
}

int xs_get_perms(struct xs_client *client, uint32_t tx, const char *path, char ***perms,
                 size_t *count)
{
    size_t size;
    int error = client_ask_path(client, XS_GET_PERMS, tx, path, &size);

    return error ? error : strings_unpack(client->answer, size, perms, count);
}

int xs_set_perms(struct xs_client *client, uint32_t tx, const char *path, const char *const *perms,
                 size_t count)
{
    struct piece pieces[17];

    if (count > 16)
        return -E2BIG;
    pieces[0] = piece_string(path);
    for (size_t i = 0; i < count; i++)
        pieces[i + 1] = piece_string(perms[i]);
    return client_ask(client, XS_SET_PERMS, tx, pieces, count + 1, NULL);
}

int xs_transaction_start(struct xs_client *client, uint32_t *tx)
{
    int error = client_ask_path(client, XS_TRANSACTION_START, XS_NO_TX, "", NULL);

    if (!error)
        *tx = (uint32_t)strtoul(client->answer, NULL, 10);
    return error;
}

int xs_transaction_end(struct xs_client *client, uint32_t tx, bool abort)
{
    return client_ask_path(client, XS_TRANSACTION_END, tx, abort ? "F" : "T", NULL);
}

int xs_watch(struct xs_client *client, const char *path, const char *token)
{
    struct piece pieces[] = { piece_string(path), piece_string(token) };

    return client_ask(client, XS_WATCH, XS_NO_TX, pieces, 2, NULL);
}

int xs_watch_domains(struct xs_client *client, const char *path, const char *token)
{
    struct piece pieces[] = { piece_string(path), piece_string(token), piece_string("1") };
    int error = client_ask(client, XS_WATCH, XS_NO_TX, pieces, 3, NULL);

    return error == -EINVAL ? xs_watch(client, path, token) : error;
}

bool xs_event_domain(const char *path, uint32_t *domid)
{
    const char *slash = path[0] == '@' ? strchr(path, '/') : NULL;

    if (slash)
        *domid = (uint32_t)strtoul(slash + 1, NULL, 10);
    return slash != NULL;
}

int xs_unwatch(struct xs_client *client, const char *path, const char *token)
{
    struct piece pieces[] = { piece_string(path), piece_string(token) };

    return client_ask(client, XS_UNWATCH, XS_NO_TX, pieces, 2, NULL);
}

int xs_wait_watch(struct xs_client *client, int64_t timeout_ns, char **path, char **token)
{
    struct xsd_sockmsg header;

    while (!client->first_event) {
        int error = client_receive(client, &header, timeout_ns);

        if (error)
            return error;
    }
    struct kept_event *event = client->first_event;

    client->first_event = event->next;
    if (!event->next)
        client->last_event = NULL;
    *path = strdup(event->text);
    *token = strdup(event->text + strlen(event->text) + 1);
    free(event);
    if (*path && *token)
        return 0;
    free(*path);
    free(*token);
    return -ENOMEM;
}

int xs_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port)
{
    char texts[3][24];
    struct piece pieces[3];

    snprintf(texts[0], sizeof(texts[0]), "%u", (unsigned int)domid);
    snprintf(texts[1], sizeof(texts[1]), "%llu", (unsigned long long)gfn);
    snprintf(texts[2], sizeof(texts[2]), "%u", (unsigned int)port);
    for (int i = 0; i < 3; i++)
        pieces[i] = piece_string(texts[i]);
    return client_ask(client, XS_INTRODUCE, XS_NO_TX, pieces, 3, NULL);
}

static int client_ask_domain(struct xs_client *client, uint32_t type, uint32_t domid)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", (unsigned int)domid);
    return client_ask_path(client, type, XS_NO_TX, text, NULL);
}

int xs_release(struct xs_client *client, uint32_t domid)
{
    return client_ask_domain(client, XS_RELEASE, domid);
}

int xs_is_introduced(struct xs_client *client, uint32_t domid, bool *introduced)
{
    int error = client_ask_domain(client, XS_IS_DOMAIN_INTRODUCED, domid);

    if (!error)
        *introduced = client->answer[0] == 'T';
    return error;
}

int xs_set_target(struct xs_client *client, uint32_t domid, uint32_t target)
{
    char texts[2][16];

    snprintf(texts[0], sizeof(texts[0]), "%u", (unsigned int)domid);
    snprintf(texts[1], sizeof(texts[1]), "%u", (unsigned int)target);
    struct piece pieces[] = { piece_string(texts[0]), piece_string(texts[1]) };

    return client_ask(client, XS_SET_TARGET, XS_NO_TX, pieces, 2, NULL);
}

int xs_control(struct xs_client *client, const char *command, char **answer)
{
    int error = client_ask_path(client, XS_CONTROL, XS_NO_TX, command, NULL);

    if (error)
        return error;
    *answer = strdup(client->answer);
    return *answer ? 0 : -ENOMEM;
}

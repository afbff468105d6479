/*
 * Writing many nodes in one transaction.  See writer.h.
 */
#include "vmctl/domain/writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xenstore/client.h"

int node_writer_start(struct node_writer *writer, struct xs_client *store, uint32_t domid)
{
    memset(writer, 0, sizeof(*writer));
    writer->store = store;
    writer->domid = domid;
    return xs_transaction_start(store, &writer->tx);
}

void node_writer_base(struct node_writer *writer, const char *path)
{
    snprintf(writer->base, sizeof(writer->base), "%s", path);
}

static void whole_path(const struct node_writer *writer, const char *path, char *whole, size_t size)
{
    snprintf(whole, size, "%s%s%s", writer->base, path[0] ? "/" : "", path);
}

void node_put(struct node_writer *writer, const char *path, const char *format, ...)
{
    char whole[256], value[1100];
    va_list arguments;

    if (writer->error)
        return;
    whole_path(writer, path, whole, sizeof(whole));
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(value))
        writer->error = -E2BIG;
    else
        writer->error = xs_write(writer->store, writer->tx, whole, value, (size_t)length);
}

void node_make(struct node_writer *writer, const char *path)
{
    node_put(writer, path, "%s", "");
}

void node_give(struct node_writer *writer, const char *path, enum node_rights rights)
{
    char whole[256], guest_reads[16], guests[16];
    const char *shown[] = { "n0", guest_reads };
    const char *own[] = { guests, "r0" };

    if (writer->error)
        return;
    whole_path(writer, path, whole, sizeof(whole));
    snprintf(guest_reads, sizeof(guest_reads), "r%u", (unsigned int)writer->domid);
    snprintf(guests, sizeof(guests), "n%u", (unsigned int)writer->domid);
    if (rights == NODE_SHOWN)
        writer->error = xs_set_perms(writer->store, writer->tx, whole, shown, 2);
    else
        writer->error =
            xs_set_perms(writer->store, writer->tx, whole, own, rights == NODE_FRONT ? 2 : 1);
}

int node_writer_end(struct node_writer *writer)
{
    int error = xs_transaction_end(writer->store, writer->tx, writer->error != 0);

    return writer->error ? writer->error : error;
}

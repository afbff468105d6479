/*
 * Terms: what the backend says it can and what the disk is, what we say we can, and where our rings
 * are.  Keys: io/blkif.h of Xen's public headers; which of them are written and when is as Linux's
 * blkfront and blkback do it.
 */
#include "split-drivers/block/front/remote.h"
#include "split-drivers/handshake/xenbus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS_MOST (UINT64_MAX >> 9)
#define DISCARD_MOST (1ull << 31) /* sectors in one request */

static struct {
    bool no_flush, no_discard, no_indirect, persistent;
    unsigned int queues, order, segments;
} limits = { .queues = REMOTE_QUEUES_MAX,
             .order = REMOTE_ORDER_MAX,
             .segments = REMOTE_SEGMENTS_MAX };

static bool flag_parse(const char *word, size_t length)
{
    static const struct {
        const char *word;
        bool *limit;
    } words[] = { { "no-flush", &limits.no_flush },
                  { "no-discard", &limits.no_discard },
                  { "no-indirect", &limits.no_indirect },
                  { "persistent", &limits.persistent } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].word) == length && !memcmp(word, words[i].word, length)) {
            *words[i].limit = true;
            return true;
        }
    }
    return false;
}

static bool number_parse(const char *word, size_t length)
{
    static const struct {
        const char *word;
        unsigned int least, most, *limit;
    } words[] = { { "queues=", 1, REMOTE_QUEUES_MAX, &limits.queues },
                  { "order=", 0, REMOTE_ORDER_MAX, &limits.order },
                  { "segments=", 1, REMOTE_SEGMENTS_MAX, &limits.segments } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t name = strlen(words[i].word);
        unsigned long number;
        char *end;

        if (length <= name || memcmp(word, words[i].word, name))
            continue;
        number = strtoul(word + name, &end, 10);
        if (end != word + length || number < words[i].least || number > words[i].most)
            return false;
        *words[i].limit = (unsigned int)number;
        return true;
    }
    return false;
}

void terms_limits_parse(const char *command_line)
{
    const char *at = strstr(command_line, "blkfront=");

    if (!at)
        return;
    at += strlen("blkfront=");
    while (*at && *at != ' ') {
        size_t length = strcspn(at, ", ");

        if (!flag_parse(at, length) && !number_parse(at, length))
            printf("blkfront=%.*s: no such word\n", (int)length, at);
        at += length + (at[length] == ',');
    }
}

/* What the backend says, at most `most`; nothing, or nonsense: `otherwise`. */
static uint64_t backend_number(struct xs_client *store, const struct remote *remote,
                               const char *node, uint64_t most, uint64_t otherwise)
{
    uint64_t number;
    int error = handshake_read_number(store, remote->backend, node, UINT64_MAX, &number);

    if (error)
        return otherwise;
    return number < most ? number : most;
}

static void nodes_remove(struct xs_client *store, const char *folder, const char *const *nodes)
{
    for (; *nodes; nodes++)
        handshake_remove(store, folder, *nodes);
}

/*
 * What was told before, by a kernel before us or by ourselves, to a backend that went while it was
 * asked, is not to be left beside what is told now: the backend might believe it.
 */
static void old_nodes_remove(const struct remote *remote, struct xs_client *store)
{
    static const char *const nodes[] = {
        "ring-ref",  "ring-ref0",       "ring-ref1",     "ring-ref2",
        "ring-ref3", "ring-page-order", "event-channel", "multi-queue-num-queues",
        "queue-0",   "queue-1",         "queue-2",       "queue-3",
        NULL
    };

    nodes_remove(store, remote->path, nodes);
}

/* A ring of one page has a name of its own: a backend of before there were more knows no other. */
static void ring_node(char node[16], unsigned int order, unsigned int page)
{
    snprintf(node, 16, order ? "ring-ref%u" : "ring-ref", page % REMOTE_RING_PAGES);
}

static void queue_folder(const struct remote *remote, unsigned int number, char folder[64])
{
    if (remote->queue_count == 1)
        snprintf(folder, 64, "%s", remote->path);
    else
        snprintf(folder, 64, "%s/queue-%u", remote->path, number);
}

static int queue_tell(const struct remote *remote, struct xs_client *store, unsigned int number)
{
    const struct remote_queue *queue = &remote->queues[number];
    char folder[64], node[16];
    int error = 0;

    queue_folder(remote, number, folder);
    for (unsigned int i = 0; i < 1u << queue->order && !error; i++) {
        ring_node(node, queue->order, i);
        error = handshake_write(store, folder, node, "%u", (unsigned int)queue->refs[i]);
    }
    return error ? error
                 : handshake_write(store, folder, "event-channel", "%u", (unsigned int)queue->port);
}

static int link_tell(const struct remote *remote, struct xs_client *store, unsigned int order)
{
    const char *path = remote->path;
    int error = 0;

    old_nodes_remove(remote, store);
    for (unsigned int i = 0; i < remote->queue_count && !error; i++)
        error = queue_tell(remote, store, i);
    if (!error && remote->queue_count > 1)
        error = handshake_write(store, path, "multi-queue-num-queues", "%u", remote->queue_count);
    if (!error && order)
        error = handshake_write(store, path, "ring-page-order", "%u", order);
    if (!error)
        error = handshake_write(store, path, "protocol", "x86_64-abi");
    if (!error)
        error = handshake_write(store, path, "feature-persistent", "%d", limits.persistent);
    return error;
}

int terms_tell(struct remote *remote, struct xs_client *store)
{
    unsigned int queues =
        (unsigned int)backend_number(store, remote, "multi-queue-max-queues", limits.queues, 1);
    unsigned int order =
        (unsigned int)backend_number(store, remote, "max-ring-page-order", limits.order, 0);
    int error;

    remote->persistent = limits.persistent;
    error = link_make(remote, queues ? queues : 1, order);
    return error ? error : link_tell(remote, store, order);
}

int terms_seal(struct remote *remote, struct xs_client *store)
{
    const struct remote_queue *queue = &remote->queues[0];
    char folder[64], node[16], ring[96], state[96];
    uint64_t told;
    uint32_t tx;
    int error;

    queue_folder(remote, 0, folder);
    ring_node(node, queue->order, 0);
    snprintf(ring, sizeof(ring), "%s/%s", folder, node);
    snprintf(state, sizeof(state), "%s/state", remote->path);
    error = xs_transaction_start(store, &tx);
    if (error)
        return error;
    if (xs_read_number(store, tx, ring, &told) || told != queue->refs[0])
        error = -EAGAIN;
    else
        error = xs_printf(store, tx, state, "%d", XENBUS_INITIALISED);
    if (error) {
        xs_transaction_end(store, tx, true);
        return error;
    }
    return xs_transaction_end(store, tx, false);
}

/* A backend can provoke lines without end: only the first few are printed. */
static int complain(struct remote *remote, const char *what)
{
    if (remote->complaints++ < REMOTE_COMPLAINTS_MAX)
        printf("%s: %s: no disk\n", remote->path, what);
    return -ENOTSUP;
}

static void discard_read(const struct remote *remote, struct xs_client *store,
                         struct block_device *block)
{
    uint64_t granularity = backend_number(store, remote, "discard-granularity", UINT32_MAX, 0);

    if (limits.no_discard || block->read_only ||
        !backend_number(store, remote, "feature-discard", 1, 0))
        return;
    block->limits.discard_sectors = block->sectors < DISCARD_MOST ? block->sectors : DISCARD_MOST;
    block->limits.discard_granularity =
        granularity < block->limits.sector_size ? block->limits.sector_size : (uint32_t)granularity;
}

static void block_read(const struct remote *remote, struct xs_client *store,
                       struct block_device *block)
{
    struct block_limits *of = &block->limits;
    uint64_t segments =
        backend_number(store, remote, "feature-max-indirect-segments", limits.segments, 0);

    if (limits.no_indirect || segments < BLKIF_MAX_SEGMENTS_PER_REQUEST)
        segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
    if (segments > limits.segments)
        segments = limits.segments;
    block->sectors = backend_number(store, remote, "sectors", SECTORS_MOST, 0);
    of->sector_size = (uint32_t)backend_number(store, remote, "sector-size", UINT32_MAX, 512);
    of->physical_sector_size = (uint32_t)backend_number(store, remote, "physical-sector-size",
                                                        UINT32_MAX, of->sector_size);
    if (of->sector_size >= 512)
        block->sectors -= block->sectors % (of->sector_size / 512);
    of->segments = (unsigned int)segments;
    of->bytes = of->segments * 4096u;
    of->paged = true;
    of->flush = !limits.no_flush && backend_number(store, remote, "feature-flush-cache", 1, 0);
    block->read_only = backend_number(store, remote, "info", UINT32_MAX, 0) & VDISK_READONLY;
    discard_read(remote, store, block);
}

static bool can_as_much(const struct block_device *now, const struct block_device *before)
{
    const struct block_limits *a = &now->limits, *b = &before->limits;

    return now->sectors == before->sectors && a->sector_size == b->sector_size &&
           a->segments >= b->segments && a->flush >= b->flush &&
           !a->discard_sectors <= !b->discard_sectors && now->read_only <= before->read_only;
}

/* What the disk layer needs of us for each command of the disk. */
static int commands_make(struct remote *remote, unsigned int segments)
{
    unsigned int slots = 0;

    for (unsigned int i = 0; i < remote->queue_count; i++)
        slots += remote->queues[i].slots;
    slots = slots < DISK_SLOTS_MAX ? slots : DISK_SLOTS_MAX;
    if (!slots)
        return -ENODEV; /* the link is gone meanwhile */
    remote->commands = calloc(slots, sizeof(*remote->commands));
    remote->pieces = calloc((size_t)slots * segments, sizeof(*remote->pieces));
    if (!remote->commands || !remote->pieces) {
        free(remote->commands);
        free(remote->pieces);
        remote->commands = NULL;
        remote->pieces = NULL;
        return -ENOMEM;
    }
    for (unsigned int i = 0; i < slots; i++)
        remote->commands[i].pieces = &remote->pieces[i * segments];
    remote->disk.slots = slots;
    return 0;
}

int terms_read(struct remote *remote, struct xs_client *store)
{
    struct block_device *block = &remote->disk.block, now = { 0 };
    int error;

    block_read(remote, store, &now);
    if (!now.sectors || now.limits.sector_size < 512 || now.limits.sector_size > 4096 ||
        now.limits.sector_size & (now.limits.sector_size - 1))
        return complain(remote, "its backend says no size that makes sense");
    remote->kept = remote->persistent && backend_number(store, remote, "feature-persistent", 1, 0);
    if (remote->known)
        return can_as_much(&now, block) ? 0 : complain(remote, "it is not the disk it was");
    error = commands_make(remote, now.limits.segments);
    if (error)
        return complain(remote, strerror(-error));
    block->sectors = now.sectors;
    block->limits = now.limits;
    block->read_only = now.read_only;
    snprintf(block->model, sizeof(block->model), "xen-blkfront");
    remote->known = true;
    return 0;
}

void terms_print(const struct remote *remote)
{
    const struct block_limits *has = &remote->disk.block.limits;

    printf("%s: %u queue%s of %u page%s, %u segments%s%s%s%s\n", remote->disk.block.name,
           remote->queue_count, remote->queue_count > 1 ? "s" : "", 1u << remote->queues[0].order,
           remote->queues[0].order ? "s" : "", has->segments, has->flush ? ", flush" : "",
           has->discard_sectors ? ", discard" : "", remote->persistent ? ", persistent" : "",
           remote->kept ? " and kept" : "");
}

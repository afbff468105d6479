/*
 * Offer: what the backend says it can, what we say we can, and where our rings are.  Keys:
 * io/netif.h of Xen's public headers; which of them are written and when is as Linux's netfront
 * does it.
 */
#include "split-drivers/net/front/front.h"
#include "split-drivers/handshake/xenbus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_PLAIN 1500u
#define MTU_MOST  9216u
#define MTU_LEAST 68u /* RFC 791 */

static struct {
    bool no_sg, no_tso, no_checksum, no_checksum6, no_split;
    unsigned int queues;
} limits = { .queues = FRONT_QUEUES_MAX };

static void limit_parse(const char *word, size_t length)
{
    static const struct {
        const char *word;
        bool *limit;
    } words[] = { { "no-sg", &limits.no_sg },
                  { "no-tso", &limits.no_tso },
                  { "no-checksum", &limits.no_checksum },
                  { "no-checksum6", &limits.no_checksum6 },
                  { "no-split", &limits.no_split } };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].word) == length && !memcmp(word, words[i].word, length)) {
            *words[i].limit = true;
            return;
        }
    }
    if (length == 8 && !memcmp(word, "queues=", 7) && word[7] >= '1' && word[7] <= '4')
        limits.queues = (unsigned int)(word[7] - '0');
    else
        printf("netfront=%.*s: no such word\n", (int)length, word);
}

void offer_limits_parse(const char *command_line)
{
    const char *at = strstr(command_line, "netfront=");

    if (!at)
        return;
    at += strlen("netfront=");
    while (*at && *at != ' ') {
        size_t length = strcspn(at, ", ");

        limit_parse(at, length);
        at += length + (at[length] == ',');
    }
}

static bool backend_says(struct xs_client *store, const struct front *front, const char *node)
{
    uint64_t number;

    return !handshake_read_number(store, front->backend, node, UINT32_MAX, &number) && number;
}

static uint32_t features_read(struct xs_client *store, const struct front *front, bool sg)
{
    uint32_t features = 0;

    /* A device either computes all of them or none. */
    if (limits.no_checksum || limits.no_checksum6 ||
        backend_says(store, front, "feature-no-csum-offload") ||
        !backend_says(store, front, "feature-ipv6-csum-offload"))
        return 0;
    features = NET_SENDS_CHECKSUM;
    if (!sg || limits.no_tso)
        return features;
    if (backend_says(store, front, "feature-gso-tcpv4"))
        features |= NET_SENDS_TCP4;
    if (backend_says(store, front, "feature-gso-tcpv6"))
        features |= NET_SENDS_TCP6;
    return features;
}

static int mac_read(struct xs_client *store, struct front *front)
{
    char *text = handshake_read_string(store, front->path, "mac"), end;
    unsigned int byte[6];
    bool good = text && sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2],
                               &byte[3], &byte[4], &byte[5], &end) == 6;

    free(text);
    for (unsigned int i = 0; i < 6 && good; i++)
        front->net.mac[i] = (uint8_t)byte[i];
    return good && !(byte[0] & 1) ? 0 : -ENOTSUP;
}

static unsigned int mtu_read(struct xs_client *store, const struct front *front, bool sg)
{
    uint64_t mtu;

    if (handshake_read_number(store, front->path, "mtu", MTU_MOST, &mtu) || mtu < MTU_LEAST)
        mtu = MTU_PLAIN;
    return sg || mtu < MTU_PLAIN ? (unsigned int)mtu : MTU_PLAIN;
}

/* Of a node that was taken away meanwhile nothing is true.  A backend can provoke lines without
 * end: only the first few are printed. */
static int complain(struct front *front, struct xs_client *store, const char *what)
{
    if (handshake_read_state(store, front->backend) != XENBUS_INIT_WAIT)
        return -EAGAIN;
    if (front->complaints++ < FRONT_COMPLAINTS_MAX)
        printf("%s: %s: no link\n", front->path, what);
    return -ENOTSUP;
}

int offer_read(struct front *front, struct xs_client *store)
{
    struct net_device *net = &front->net;
    bool sg = !limits.no_sg && backend_says(store, front, "feature-sg");
    uint32_t features = features_read(store, front, sg);
    unsigned int mtu = mtu_read(store, front, sg), buffers = sg ? FRONT_BUFFERS_MAX : 1;

    if (!backend_says(store, front, "feature-rx-copy"))
        return complain(front, store, "the backend cannot copy");
    if (mac_read(store, front))
        return complain(front, store, "its node has no address");
    if (front->registered)
        return (features & net->features) == net->features && mtu >= net->mtu_max &&
                       buffers >= net->buffers_max
                   ? 0
                   : complain(front, store, "the backend can do less than it could");
    net->features = features;
    net->buffers_max = buffers;
    net->mtu_max = mtu;
    snprintf(net->model, sizeof(net->model), "xen-netfront");
    snprintf(net->place, sizeof(net->place), "vif/%u", front->number);
    return 0;
}

static unsigned int queues_wanted(struct front *front, struct xs_client *store)
{
    uint64_t most;

    if (handshake_read_number(store, front->backend, "multi-queue-max-queues", UINT32_MAX, &most) ||
        !most)
        most = 1;
    return most < limits.queues ? (unsigned int)most : limits.queues;
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
static int queue_tell(const struct front_queue *queue, struct xs_client *store, const char *folder)
{
    static const char *const one_port[] = { "event-channel", NULL };
    static const char *const two_ports[] = { "event-channel-tx", "event-channel-rx", NULL };
    bool split = queue->rx_port != queue->tx_port;
    int error;

    nodes_remove(store, folder, split ? one_port : two_ports);
    error = handshake_write(store, folder, "tx-ring-ref", "%u", (unsigned int)queue->tx_ref);
    if (!error)
        error = handshake_write(store, folder, "rx-ring-ref", "%u", (unsigned int)queue->rx_ref);
    if (!error)
        error = handshake_write(store, folder, split ? "event-channel-tx" : "event-channel", "%u",
                                (unsigned int)queue->tx_port);
    if (!error && split)
        error =
            handshake_write(store, folder, "event-channel-rx", "%u", (unsigned int)queue->rx_port);
    return error;
}

static int features_tell(const struct front *front, struct xs_client *store)
{
    const struct {
        const char *node;
        bool can;
    } features[] = {
        { "request-rx-copy", true },
        { "feature-rx-notify", true },
        { "feature-sg", !limits.no_sg },
        { "feature-gso-tcpv4", !limits.no_sg && !limits.no_tso && !limits.no_checksum },
        { "feature-gso-tcpv6",
          !limits.no_sg && !limits.no_tso && !limits.no_checksum && !limits.no_checksum6 },
        { "feature-no-csum-offload", limits.no_checksum },
        { "feature-ipv6-csum-offload", !limits.no_checksum && !limits.no_checksum6 },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]) && !error; i++)
        error = handshake_write(store, front->path, features[i].node, "%d", features[i].can);
    return error;
}

static int many_queues_tell(const struct front *front, struct xs_client *store)
{
    static const char *const of_one[] = { "tx-ring-ref",      "rx-ring-ref",      "event-channel",
                                          "event-channel-tx", "event-channel-rx", NULL };
    char folder[64];
    int error = 0;

    nodes_remove(store, front->path, of_one);
    for (unsigned int i = 0; i < front->queue_count && !error; i++) {
        snprintf(folder, sizeof(folder), "%s/queue-%u", front->path, i);
        error = queue_tell(front->queues[i], store, folder);
    }
    return error ? error
                 : handshake_write(store, front->path, "multi-queue-num-queues", "%u",
                                   front->queue_count);
}

static int queues_tell(const struct front *front, struct xs_client *store)
{
    char folder[16];

    for (unsigned int i = front->queue_count == 1 ? 0 : front->queue_count; i < FRONT_QUEUES_MAX;
         i++) {
        snprintf(folder, sizeof(folder), "queue-%u", i);
        handshake_remove(store, front->path, folder);
    }
    if (front->queue_count > 1)
        return many_queues_tell(front, store);
    handshake_remove(store, front->path, "multi-queue-num-queues");
    return queue_tell(front->queues[0], store, front->path);
}

int offer_seal(struct front *front, struct xs_client *store)
{
    uint64_t ref = front->queues[0]->tx_ref, told;
    char ring[96], state[96];
    uint32_t tx;
    int error;

    snprintf(ring, sizeof(ring), "%s%s/tx-ring-ref", front->path,
             front->queue_count > 1 ? "/queue-0" : "");
    snprintf(state, sizeof(state), "%s/state", front->path);
    error = xs_transaction_start(store, &tx);
    if (error)
        return error;
    if (xs_read_number(store, tx, ring, &told) || told != ref)
        error = -EAGAIN;
    else
        error = xs_printf(store, tx, state, "%d", XENBUS_CONNECTED);
    if (error) {
        xs_transaction_end(store, tx, true);
        return error;
    }
    return xs_transaction_end(store, tx, false);
}

int offer_make(struct front *front, struct xs_client *store)
{
    unsigned int count = queues_wanted(front, store);
    bool split = !limits.no_split && backend_says(store, front, "feature-split-event-channels");
    int error = 0;

    while (front->queue_count < count && !error) {
        error = queue_create(front, split, &front->queues[front->queue_count]);
        front->queue_count += !error;
    }
    if (!error)
        error = queues_tell(front, store);
    if (!error)
        error = features_tell(front, store);
    if (error)
        queues_end(front);
    return error;
}

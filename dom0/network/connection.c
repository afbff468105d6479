/*
 * TCP connections.  See connection.h.
 */
#include "network/connection.h"
#include "network/host-stack.h"
#include "pv-kernel/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/err.h"
#include "lwip/tcp.h"

/* Of frames, since grant copies read the one and clearing is cheap for both. */
#define RECEIVE_ORDER 8u
#define RECEIVE_BYTES (PAGE_SIZE << RECEIVE_ORDER)
#define SEND_ORDER    7u
#define SEND_BYTES    (PAGE_SIZE << SEND_ORDER)
#define WRITE_BYTES   (32u << 10) /* in one call of lwIP's */
#define WAITING_MAX   4u          /* connections nobody has accepted yet */

_Static_assert(RECEIVE_BYTES >= TCP_WND, "what the window allows has room");
_Static_assert(SEND_BYTES >= TCP_SND_BUF, "likewise");

/* Memory that is a ring: `count` bytes from `first` on are in use. */
struct ring {
    uint8_t *memory;
    size_t size, first, count;
};

struct connection {
    struct tcp_pcb *pcb; /* NULL: lwIP has none any more */
    int error;           /* why; 0: as it should */
    bool open;           /* connected */
    bool ended;          /* the peer will send no more */
    bool finished;       /* nor will we */
    struct wait_queue changed;
    struct ring received, sent;
    struct connection *next;       /* waiting to be accepted */
    struct send_memory *send_pool; /* where sent.memory came from */
};

/*
 * Memory of send buffers goes back to this list, cleared, never to the frames: a segment of a
 * connection that has ended may still wait in lwIP for its neighbour's address.
 */
struct send_memory {
    struct send_memory *next;
    uint8_t *memory;
};

static struct send_memory *send_pool;

struct listener {
    struct tcp_pcb *pcb;
    struct wait_queue came;
    struct connection *first;
    unsigned int waiting;
};

int connection_error(int error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return -ENOMEM;
    case ERR_TIMEOUT:
        return -ETIMEDOUT;
    case ERR_RTE:
        return -EHOSTUNREACH;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_RST:
    case ERR_ABRT:
        return -ECONNRESET;
    case ERR_CLSD:
    case ERR_CONN:
        return -ENOTCONN;
    default:
        return -EINVAL;
    }
}

/* Bytes behind the used ones, as far as they lie in one stretch. */
static size_t ring_room(const struct ring *ring, uint8_t **at)
{
    size_t end = (ring->first + ring->count) % ring->size;

    *at = ring->memory + end;
    if (ring->count == ring->size)
        return 0;
    return end < ring->first ? ring->first - end : ring->size - end;
}

static void ring_take(struct ring *ring, size_t bytes)
{
    ring->first = (ring->first + bytes) % ring->size;
    ring->count -= bytes;
}

static struct send_memory *send_memory_get(void)
{
    struct send_memory *memory = send_pool;

    if (memory) {
        send_pool = memory->next;
        return memory;
    }
    memory = calloc(1, sizeof(*memory));
    if (!memory)
        return NULL;
    memory->memory = frames_alloc(SEND_ORDER);
    if (memory->memory)
        return memory;
    free(memory);
    return NULL;
}

static void connection_free(struct connection *connection)
{
    struct send_memory *memory = connection->send_pool;

    if (memory) {
        memset(memory->memory, 0, SEND_BYTES);
        memory->next = send_pool;
        send_pool = memory;
    }
    if (connection->received.memory)
        frames_free(connection->received.memory, RECEIVE_ORDER);
    free(connection);
}

static struct connection *connection_new(void)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->send_pool = send_memory_get();
    connection->received = (struct ring){ frames_alloc(RECEIVE_ORDER), RECEIVE_BYTES, 0, 0 };
    if (!connection->send_pool || !connection->received.memory) {
        connection_free(connection);
        return NULL;
    }
    connection->sent = (struct ring){ connection->send_pool->memory, SEND_BYTES, 0, 0 };
    return connection;
}

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct connection *connection = argument;

    (void)pcb;
    (void)error; /* lwIP: always ERR_OK */
    connection->open = true;
    wait_queue_wake_all(&connection->changed);
    return ERR_OK;
}

static void failed(void *argument, err_t error)
{
    struct connection *connection = argument;

    connection->pcb = NULL;
    /* ERR_CLSD: both sides have ended it, and lwIP has forgotten it. */
    connection->ended |= error == ERR_CLSD;
    connection->error = error == ERR_CLSD ? 0 : connection_error(error);
    if (error == ERR_ABRT)
        connection->error = -ETIMEDOUT; /* lwIP has tried often enough */
    if (error == ERR_RST && !connection->open)
        connection->error = -ECONNREFUSED;
    wait_queue_wake_all(&connection->changed);
}

static err_t arrived(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    struct connection *connection = argument;
    struct ring *ring = &connection->received;
    u16_t from = 0;

    (void)error;
    wait_queue_wake_all(&connection->changed);
    if (!pbuf) {
        connection->ended = true;
        return ERR_OK;
    }
    if (pbuf->tot_len > ring->size - ring->count)
        return ERR_MEM; /* more than the window: not from lwIP, which would keep it */
    while (from < pbuf->tot_len) {
        uint8_t *at;
        size_t room = ring_room(ring, &at), left = (size_t)(pbuf->tot_len - from);
        u16_t part = pbuf_copy_partial(pbuf, at, (u16_t)(left < room ? left : room), from);

        ring->count += part;
        from += part;
    }
    /* A large segment was more than one on its way: RFC 9293, 3.8.6.3 wants an answer. */
    if (pbuf->tot_len > pcb->mss)
        tcp_set_flags(pcb, TF_ACK_NOW);
    pbuf_free(pbuf);
    return ERR_OK;
}

static err_t acknowledged(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
    struct connection *connection = argument;

    (void)pcb;
    ring_take(&connection->sent, bytes);
    wait_queue_wake_all(&connection->changed);
    return ERR_OK;
}

static void adopt(struct connection *connection, struct tcp_pcb *pcb)
{
    connection->pcb = pcb;
    tcp_arg(pcb, connection);
    tcp_err(pcb, failed);
    tcp_recv(pcb, arrived);
    tcp_sent(pcb, acknowledged);
    tcp_nagle_disable(pcb);
}

static int open_wait(struct connection *connection, const struct patience *patience)
{
    int error = 0;

    while (!error && connection->pcb && !connection->open)
        error = patience_wait(patience, &connection->changed);
    return connection->open ? 0 : connection->error ? connection->error : error;
}

int connection_open(const ip_addr_t *address, uint16_t port, const struct patience *patience,
                    struct connection **connection)
{
    struct connection *opened = connection_new();
    struct tcp_pcb *pcb;
    int error;

    if (!opened)
        return -ENOMEM;
    pcb = tcp_new_ip_type(IP_GET_TYPE(address));
    if (!pcb) {
        connection_free(opened);
        return -ENOMEM;
    }
    adopt(opened, pcb);
    error = connection_error(tcp_connect(pcb, address, port, connected));
    if (!error)
        error = open_wait(opened, patience);
    if (error)
        connection_close(opened);
    else
        *connection = opened;
    return error;
}

bool connection_ready(const struct connection *connection)
{
    return connection->received.count || connection->ended || !connection->pcb;
}

struct wait_queue *connection_changes(struct connection *connection)
{
    return &connection->changed;
}

int connection_peek(struct connection *connection, const struct patience *patience,
                    const uint8_t **data, size_t *bytes)
{
    const struct ring *ring = &connection->received;
    int error = 0;

    while (!error && !connection_ready(connection))
        error = patience_wait(patience, &connection->changed);
    *data = ring->memory + ring->first;
    *bytes = LWIP_MIN(ring->count, ring->size - ring->first);
    if (*bytes || connection->ended)
        return 0;
    return error ? error : connection->error;
}

void connection_consume(struct connection *connection, size_t bytes)
{
    ring_take(&connection->received, bytes);
    while (bytes && connection->pcb) {
        u16_t part = (u16_t)LWIP_MIN(bytes, 0x8000u);

        tcp_recved(connection->pcb, part);
        bytes -= part;
    }
}

/* As much as there is room for now; 0: there is none. */
static size_t send_some(struct connection *connection, const uint8_t *data, size_t bytes)
{
    uint8_t *at;
    size_t part = LWIP_MIN(ring_room(&connection->sent, &at), WRITE_BYTES);
    u8_t more;

    part = LWIP_MIN(LWIP_MIN(part, bytes), tcp_sndbuf(connection->pcb));
    more = part < bytes ? TCP_WRITE_FLAG_MORE : 0;
    if (!part)
        return 0;
    MEMCPY(at, data, part);
    if (tcp_write(connection->pcb, at, (u16_t)part, more) != ERR_OK)
        return 0;
    connection->sent.count += part;
    return part;
}

int connection_send(struct connection *connection, const struct patience *patience,
                    const void *data, size_t bytes)
{
    const uint8_t *at = data;
    int error = 0;

    while (bytes && !error) {
        size_t part = connection->pcb ? send_some(connection, at, bytes) : 0;

        if (!connection->pcb)
            return connection->error ? connection->error : -ECONNRESET;
        at += part;
        bytes -= part;
        if (!part || !bytes)
            tcp_output(connection->pcb);
        if (!part)
            error = patience_wait(patience, &connection->changed);
    }
    host_stack_flush();
    return bytes ? error : 0;
}

int connection_finish(struct connection *connection, const struct patience *patience)
{
    int error = 0;

    while (!error && connection->pcb && connection->sent.count)
        error = patience_wait(patience, &connection->changed);
    if (connection->error || error)
        return connection->error ? connection->error : error;
    if (connection->pcb && !connection->finished)
        error = connection_error(tcp_shutdown(connection->pcb, 0, 1));
    connection->finished = !error;
    host_stack_flush();
    return error;
}

void connection_close(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;

    if (pcb) {
        tcp_arg(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        /* lwIP sends out of our buffer. */
        if (connection->sent.count || tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
    }
    host_stack_flush();
    connection_free(connection);
}

void connection_peer(const struct connection *connection, ip_addr_t *address, uint16_t *port)
{
    ip_addr_set_any(0, address);
    *port = 0;
    if (connection->pcb)
        tcp_tcp_get_tcp_addrinfo(connection->pcb, 0, address, port);
}

static err_t came(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct listener *listener = argument;
    struct connection *connection, **last;

    if (error != ERR_OK || !pcb || listener->waiting == WAITING_MAX)
        return ERR_MEM; /* lwIP refuses it */
    connection = connection_new();
    if (!connection)
        return ERR_MEM;
    adopt(connection, pcb);
    connection->open = true;
    for (last = &listener->first; *last; last = &(*last)->next)
        ;
    *last = connection;
    listener->waiting++;
    wait_queue_wake_all(&listener->came);
    return ERR_OK;
}

int listener_open(uint16_t port, struct listener **listener)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY), *listening;
    struct listener *opened = calloc(1, sizeof(*opened));
    err_t error = ERR_MEM;

    if (pcb && opened) {
        ip_set_option(pcb, SOF_REUSEADDR);
        error = tcp_bind(pcb, IP_ANY_TYPE, port);
        listening =
            error == ERR_OK ? tcp_listen_with_backlog_and_err(pcb, WAITING_MAX, &error) : NULL;
        if (listening) {
            opened->pcb = listening;
            tcp_arg(listening, opened);
            tcp_accept(listening, came);
            *listener = opened;
            return 0;
        }
    }
    if (pcb)
        tcp_abort(pcb);
    free(opened);
    return connection_error(error);
}

int listener_accept(struct listener *listener, const struct patience *patience,
                    struct connection **connection)
{
    int error = 0;

    while (!error && !listener->first)
        error = patience_wait(patience, &listener->came);
    if (!listener->first)
        return error;
    *connection = listener->first;
    listener->first = listener->first->next;
    listener->waiting--;
    return 0;
}

void listener_close(struct listener *listener)
{
    tcp_close(listener->pcb);
    while (listener->first) {
        struct connection *connection = listener->first;

        listener->first = connection->next;
        connection_close(connection);
    }
    free(listener);
}

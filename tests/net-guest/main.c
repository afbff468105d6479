/*
 * A test guest for network backends: the net frontend with a bridge and dom0's stack on it, on
 * pv-kernel.  tests/system/test_net_front.py and tests/matrix speak to it.
 *
 * Command line: ip=, as dom0's (host-address.h); netfront= (net-front.h); mtu=N; and
 *
 *     fetch=URL   gets it, and says how many bytes came and their SHA-256
 *     put=N,URL   sends N MiB there
 *
 * It answers pings, and serves HTTP: GET /N has N MiB (net_guest.py knows them), what comes by PUT
 * or POST is told as above.  What begins as what it serves itself should go on so: if it does not,
 * the place of the first other byte is told, too.
 */
#include "devices/net-device.h"
#include "libc/libc.h"
#include "network/bridges.h"
#include "network/connection.h"
#include "network/host-address.h"
#include "network/host-port.h"
#include "network/host-stack.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "shell/http-exchange.h"
#include "split-drivers/net/front/net-front.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB         (1u << 20)
#define HEAD_MAX    4096u
#define STRETCH     (64u << 10)
#define PATIENCE_MS 60000u
#define MIB_MAX     4096u

static uint32_t *block; /* a MiB */

static void must(int error, const char *what)
{
    if (error)
        kernel_panic("%s: %s", what, strerror(-error));
}

/* The word behind "name=" on the command line, malloc'ed; NULL: there is none. */
static char *word_of(const char *command_line, const char *name)
{
    const char *at = strstr(command_line, name);

    return at ? strndup(at + strlen(name), strcspn(at + strlen(name), " ")) : NULL;
}

/* What is sent: words of a generator (Marsaglia's xorshift), each MiB with its number in front. */
static void block_make(void)
{
    uint32_t x = 2463534242u;

    block = malloc(MIB);
    if (!block)
        kernel_panic("no memory");
    for (unsigned int i = 0; i < MIB / 4; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        block[i] = x;
    }
}

/* What came, or was sent. */
struct received {
    SHA2_CTX hash;
    uint64_t bytes, same; /* same: so many of the first are what we would send */
};

static uint8_t own_byte(uint64_t at)
{
    uint32_t number = (uint32_t)(at / MIB), in_block = (uint32_t)(at % MIB);

    return in_block < sizeof(number) ? (uint8_t)(number >> 8 * in_block)
                                     : ((const uint8_t *)block)[in_block];
}

static void received_add(struct received *received, const uint8_t *data, size_t bytes)
{
    SHA256Update(&received->hash, data, bytes);
    for (size_t i = 0; received->same == received->bytes + i && i < bytes; i++)
        received->same += data[i] == own_byte(received->bytes + i);
    received->bytes += bytes;
}

static void received_print(const char *what, struct received *received)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[2 * SHA256_DIGEST_LENGTH + 1];

    SHA256Final(digest, &received->hash);
    for (unsigned int i = 0; i < sizeof(digest); i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
    printf("net-guest: %s %llu bytes %s\n", what, (unsigned long long)received->bytes, text);
    if (received->same >= 1024 && received->same < received->bytes)
        printf("net-guest: other than sent from byte %llu on\n",
               (unsigned long long)received->same);
}

/* Others' turn. */
static void breathe(void)
{
    host_stack_flush();
    task_yield();
}

static int bytes_send(struct connection *connection, const void *data, size_t bytes)
{
    struct patience patience = patience_ms(PATIENCE_MS);
    int error = connection_send(connection, &patience, data, bytes);

    breathe();
    return error;
}

static int blocks_send(struct connection *connection, uint32_t count)
{
    int error = 0;

    for (uint32_t i = 0; i < count && !error; i++) {
        error = bytes_send(connection, &i, sizeof(i));
        for (size_t at = sizeof(i); at < MIB && !error; at += STRETCH)
            error = bytes_send(connection, (uint8_t *)block + at,
                               MIB - at < STRETCH ? MIB - at : STRETCH);
    }
    return error;
}

/* A request's head, or as much of it as is looked at. */
static int head_receive(struct connection *connection, char *head)
{
    struct patience patience = patience_ms(PATIENCE_MS);
    size_t have = 0;

    while (have < HEAD_MAX - 1) {
        const uint8_t *data;
        size_t bytes;
        int error = connection_peek(connection, &patience, &data, &bytes);

        if (error || !bytes)
            return error ? error : -EPIPE;
        head[have++] = (char)*data;
        head[have] = '\0';
        connection_consume(connection, 1);
        if (have >= 4 && !strcmp(head + have - 4, "\r\n\r\n"))
            return 0;
    }
    return -E2BIG;
}

static int body_receive(struct connection *connection, uint64_t length)
{
    struct received received = { .bytes = 0 };

    SHA256Init(&received.hash);
    while (received.bytes < length) {
        uint64_t left = length - received.bytes;
        struct patience patience = patience_ms(PATIENCE_MS);
        const uint8_t *data;
        size_t bytes;
        int error = connection_peek(connection, &patience, &data, &bytes);

        if (error || !bytes) {
            received_print("taken only", &received);
            return error ? error : -EPIPE;
        }
        bytes = bytes < STRETCH ? bytes : STRETCH;
        bytes = bytes < left ? bytes : (size_t)left;
        received_add(&received, data, bytes);
        connection_consume(connection, bytes);
        breathe();
    }
    received_print("taken", &received);
    return 0;
}

static int text_send(struct connection *connection, const char *text)
{
    return bytes_send(connection, text, strlen(text));
}

static int request_serve(struct connection *connection, char *head)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");
    unsigned int count = (unsigned int)atoi(head + 5);
    char answer[128];
    int error;

    if (!strncmp(head, "GET /", 5) && count <= MIB_MAX) {
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\nConnection: close\r\n\r\n",
                 (unsigned long long)count * MIB);
        error = text_send(connection, answer);
        return error ? error : blocks_send(connection, count);
    }
    if (!length)
        return text_send(connection, "HTTP/1.1 400 What\r\nContent-Length: 0\r\n\r\n");
    error = body_receive(connection, strtoull(length + 17, NULL, 10));
    return error ? error
                 : text_send(connection, "HTTP/1.1 201 Taken\r\nContent-Length: 0\r\n"
                                         "Connection: close\r\n\r\n");
}

static void serve_one(void *arg)
{
    struct patience patience = patience_ms(PATIENCE_MS);
    struct connection *connection = arg;
    char *head = malloc(HEAD_MAX);
    int error = head ? head_receive(connection, head) : -ENOMEM;

    if (!error)
        error = request_serve(connection, head);
    if (!error)
        error = connection_finish(connection, &patience);
    if (error)
        printf("net-guest: a connection: %s\n", strerror(-error));
    connection_close(connection);
    host_stack_flush();
    free(head);
}

static void serve(void *arg)
{
    struct listener *listener = arg;

    for (;;) {
        struct patience patience = patience_ms(3600000);
        struct connection *connection;

        if (listener_accept(listener, &patience, &connection))
            continue;
        if (!task_spawn("http", serve_one, connection, 0))
            connection_close(connection);
    }
}

static int sink(void *argument, const uint8_t *data, size_t bytes)
{
    received_add(argument, data, bytes);
    return 0;
}

static void exchange(const char *url, const struct http_request *request)
{
    static struct http_exchange it;
    struct received fetched = { .bytes = 0 };
    int error = http_url_parse(url, &it.url);

    SHA256Init(&fetched.hash);
    if (!error)
        error = http_exchange_begin(&it, request);
    if (!error)
        error = http_exchange_body(&it, sink, &fetched);
    http_exchange_close(&it);
    host_stack_flush();
    if (error)
        printf("net-guest: %s %s: %s\n", request->method, url, strerror(-error));
    else
        received_print(request->upload ? "put" : "fetched", &fetched);
}

static void put(const char *words)
{
    unsigned int count = (unsigned int)atoi(words);
    const char *url = strchr(words, ',');
    uint8_t *upload = url ? malloc((size_t)count * MIB) : NULL;

    if (!upload) {
        printf("net-guest: put=%s: no\n", words);
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        block[0] = i;
        memcpy(upload + (size_t)i * MIB, block, MIB);
    }
    exchange(url + 1, &(struct http_request){
                          .method = "PUT", .upload = upload, .upload_bytes = (size_t)count * MIB });
    free(upload);
}

static struct netif *network_start(const char *command_line)
{
    const struct net_device *device = net_devices_first();
    char *mtu = word_of(command_line, " mtu=");
    struct bridge *bridge;
    struct netif *netif;

    if (!device)
        kernel_panic("there is no eth0");
    printf("net-guest: %s %s at %s, %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, features %x, %u pieces, "
           "link %s\n",
           device->name, device->model, device->place, device->mac[0], device->mac[1],
           device->mac[2], device->mac[3], device->mac[4], device->mac[5], device->mtu_max,
           (unsigned int)device->features, device->buffers_max, device->link ? "up" : "down");
    must(bridges_start(), "bridges");
    must(host_stack_start(), "stack");
    bridge = bridge_find(BRIDGE_DEFAULT);
    must(host_port_attach(bridge->net_switch, bridge->name, device->mac,
                          mtu ? (unsigned int)atoi(mtu) : device->mtu_max),
         "port");
    netif = host_port_netif(bridge->name);
    host_address_start(netif, command_line, true);
    host_stack_flush();
    free(mtu);
    return netif;
}

static void counters_print(void)
{
    const struct net_counters *c = &net_devices_first()->counters;

    printf("net-guest: received %llu, lost %llu, sent %llu, lost %llu\n",
           (unsigned long long)c->received_packets, (unsigned long long)c->received_lost,
           (unsigned long long)c->sent_packets, (unsigned long long)c->sent_lost);
}

void guest_main(struct start_info *si)
{
    const char *command_line = (const char *)si->cmd_line;
    struct patience patience;
    struct listener *listener;
    struct netif *netif;
    char *url, *words;

    tasks_start();
    console_input_start();
    libc_start();
    block_make();
    must(net_front_start(command_line), "net frontend");
    netif = network_start(command_line);
    patience = patience_ms(PATIENCE_MS);
    must(host_address_wait(netif, &patience), "address");
    must(listener_open(80, &listener), "port 80");
    task_spawn("serve", serve, listener, 0);
    printf("net-guest: address %s\n", ip4addr_ntoa(netif_ip4_addr(netif)));
    url = word_of(command_line, "fetch=");
    words = word_of(command_line, "put=");
    if (url)
        exchange(url, &(struct http_request){ .method = "GET" });
    if (words)
        put(words);
    for (;;) {
        int c = console_read_char();

        if (c == 'c')
            counters_print();
        if (c == 'q')
            return;
    }
}

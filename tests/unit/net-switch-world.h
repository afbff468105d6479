/* A switch with ports that remember what they were handed, for tests/unit/net-switch.c and
 * net-fallback.c. */
#ifndef TESTS_UNIT_NET_SWITCH_WORLD_H
#define TESTS_UNIT_NET_SWITCH_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fake-copies.h"
#include "network/batch.h"
#include "network/checksum.h"
#include "network/fallback.h"
#include "network/headers.h"
#include "network/switch.h"

/* A port that remembers the last packets it was handed, as bytes. */
#define KEPT 256u

struct test_port {
    struct switch_port port; /* first */
    unsigned int got;
    uint32_t bytes[KEPT];
    struct packet_offload offload[KEPT];
    uint8_t frame[KEPT][70000];
    int errors[KEPT];
    bool full;
};

static struct net_switch *net_switch;
static struct test_port *ports[6];

static void output(struct switch_port *port, const struct packet *packet)
{
    struct test_port *test = (struct test_port *)port;
    unsigned int i = test->got++ % KEPT;

    test->bytes[i] = packet->bytes;
    test->offload[i] = packet->offload;
    test->errors[i] = 0;
    batch_copy_to_local(test->frame[i], packet, 0, packet->bytes, &test->errors[i]);
}

static bool admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    (void)packet;
    (void)turn;
    return !((struct test_port *)port)->full;
}

static const struct switch_port_operations operations = { admit, output };

static void mac_of(unsigned int station, uint8_t mac[6])
{
    uint8_t made[6] = {
        0x02, 0, 0, (uint8_t)(station >> 16), (uint8_t)(station >> 8), (uint8_t)station
    };

    memcpy(mac, made, 6);
}

static struct test_port *port_add_as(unsigned int i, unsigned int station, bool guarded,
                                     uint16_t vlan)
{
    struct test_port *test = calloc(1, sizeof(*test));

    snprintf(test->port.name, sizeof(test->port.name), "port%u", i);
    test->port.operations = &operations;
    test->port.guarded = guarded;
    mac_of(station, test->port.mac);
    test->port.vlan = vlan;
    test->port.takes = PORT_TAKES_ALL;
    test->port.mtu = 1500;
    assert_int_equal(switch_attach(net_switch, &test->port), 0);
    ports[i] = test;
    return test;
}

static struct test_port *port_add(unsigned int i, bool guarded, uint16_t vlan)
{
    return port_add_as(i, i, guarded, vlan);
}

static int setup(void **state)
{
    (void)state;
    net_switch = switch_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 6; i++) {
        if (ports[i] && ports[i]->port.net_switch)
            switch_detach(&ports[i]->port);
        free(ports[i]);
        ports[i] = NULL;
    }
    switch_destroy(net_switch);
    return 0;
}

static uint8_t frame[70000] __attribute__((aligned(4096)));

static struct packet frame_packet(uint32_t bytes)
{
    struct packet packet = { .bytes = bytes };

    for (uint32_t at = 0; at < bytes; at += PAGE_SIZE)
        packet.pieces[packet.piece_count++] = (struct packet_piece){
            .local = frame + at, .length = bytes - at < PAGE_SIZE ? bytes - at : (uint32_t)PAGE_SIZE
        };
    return packet;
}

#define EVERYBODY UINT32_MAX

static void addresses(unsigned int to, unsigned int from)
{
    if (to == EVERYBODY)
        memset(frame, 0xff, 6);
    else
        mac_of(to, frame);
    mac_of(from, frame + 6);
}

/* What each port got since the last look, as digits. */
static unsigned int got(void)
{
    unsigned int all = 0;

    for (unsigned int i = 0; i < 6 && ports[i]; i++) {
        all = all * 10 + ports[i]->got;
        ports[i]->got = 0;
    }
    return all;
}

#endif

/*
 * Guests that send all they can.  Command line: KIND NUMBER.  Run by tests/system/test_floods.py
 * and test_fair_network.py.
 *
 *     send N           frames of N bytes to one station outside
 *     spoof N          each from another address that is not its own; N of them, then on and on
 *     arp, multicast, broadcast    for everybody
 *     forward N        two interfaces: what comes at one leaves by the other; N frames to begin
 * with
 *
 * Each second it says how much it has sent, and been refused.
 */
#include "tests/hostile/noise.h"
#include "tests/hostile/raw-vif.h"

#define SECOND_NS 1000000000ULL
#define TYPE      0x88b5

static struct raw_vif vifs[2];
static unsigned long sent, refused;
static uint64_t told;

static const uint8_t station[6] = { 0x02, 0x50, 0x56, 0xaa, 0xbb, 0x01 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };

static void tell(const char *kind)
{
    if (clock_monotonic_ns() - told < SECOND_NS)
        return;
    told = clock_monotonic_ns();
    kprintf("flood: %s %lu sent %lu refused\n", kind, sent, refused);
}

static void answers_take(struct raw_vif *v)
{
    uint32_t end = v->tx->header.rsp_prod;

    for (; v->tx_taken != end; v->tx_taken++, sent++)
        refused += v->tx->slots[v->tx_taken % RAW_SLOTS].response.status < 0;
}

static void received_take(struct raw_vif *v)
{
    v->rx_taken = v->rx->header.rsp_prod;
    raw_rx_post(v);
}

/* Keeps the ring full. */
static void flood(const char *kind, uint32_t bytes, void (*change)(uint8_t *page))
{
    struct raw_vif *v = &vifs[0];

    for (;;) {
        while (raw_tx_room(v)) {
            if (change)
                change(v->tx_pages[v->tx_at % RAW_SLOTS]);
            raw_tx_frame(v, bytes, 0);
        }
        raw_tx_push(v);
        v->tx->header.rsp_event = v->tx_taken + RAW_SLOTS / 2;
        raw_wait_index(&v->tx->header.rsp_prod, v->tx_taken + RAW_SLOTS / 2, SECOND_NS);
        answers_take(v);
        received_take(v);
        tell(kind);
    }
}

static void pages_fill(const uint8_t *to, unsigned int type)
{
    for (uint32_t i = 0; i < RAW_SLOTS; i++)
        raw_header(vifs[0].tx_pages[i], to, vifs[0].mac, type);
}

static uint32_t spoofed_most, spoofed;

static void spoof_change(uint8_t *page)
{
    uint32_t which = spoofed++ % spoofed_most;

    page[6] = 0x02;
    memcpy(page + 8, &which, sizeof(which));
}

static void arp_change(uint8_t *page)
{
    static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
    uint32_t asked = noise();

    memcpy(page + 14, head, sizeof(head));
    memcpy(page + 22, vifs[0].mac, 6);
    memcpy(page + 28, &asked, sizeof(asked)); /* who asks: somebody else each time */
    memset(page + 32, 0, 6);
    asked = noise();
    memcpy(page + 38, &asked, sizeof(asked));
}

/* What came goes on, from our own address as it has to be. */
static void pass_on(struct raw_vif *from, struct raw_vif *to)
{
    uint32_t end = from->rx->header.rsp_prod;

    answers_take(to);
    for (; from->rx_taken != end; from->rx_taken++) {
        uint32_t place = from->rx_taken % RAW_SLOTS;
        struct netif_rx_response response = from->rx->slots[place].response;
        uint8_t *page = to->tx_pages[to->tx_at % RAW_SLOTS];

        if (response.status < 14 || response.flags & NETRXF_more_data || !raw_tx_room(to))
            continue;
        memcpy(page, from->rx_pages[place], (size_t)response.status);
        memcpy(page + 6, to->mac, 6);
        raw_tx_frame(to, (uint32_t)response.status, 0);
    }
    from->rx->header.rsp_event = from->rx_taken + 1;
    raw_rx_post(from);
    raw_tx_push(to);
}

static void forward(uint32_t count)
{
    raw_open(&vifs[1], 1);
    raw_rx_post(&vifs[1]);
    pages_fill(broadcast, TYPE);
    while (count-- && raw_tx_room(&vifs[0]))
        raw_tx_frame(&vifs[0], 60 + noise() % 1400, 0);
    raw_tx_push(&vifs[0]);
    for (;;) {
        pass_on(&vifs[0], &vifs[1]);
        pass_on(&vifs[1], &vifs[0]);
        tell("forward");
        if (vifs[0].rx_taken == *(volatile uint32_t *)&vifs[0].rx->header.rsp_prod)
            raw_wait_index(&vifs[1].rx->header.rsp_prod, vifs[1].rx_taken + 1, MILLISECOND_NS);
    }
}

void guest_main(struct start_info *si)
{
    const char *line = (const char *)si->cmd_line, *at = line;
    uint32_t count;

    while (*at && *at != ' ')
        at++;
    count = number(at + (*at == ' '));
    raw_start();
    raw_open(&vifs[0], 0);
    raw_rx_post(&vifs[0]);
    kprintf("flood: begins\n");
    if (!strncmp(line, "forward", 7))
        forward(count);
    if (!strncmp(line, "send", 4)) {
        pages_fill(station, TYPE);
        flood("send", count, NULL);
    }
    spoofed_most = count;
    pages_fill(line[0] == 'm' ? group : broadcast, line[0] == 'a' ? 0x0806 : TYPE);
    if (line[0] == 's')
        flood("spoof", 60, spoof_change);
    if (line[0] == 'a')
        flood("arp", 60, arp_change);
    flood(line[0] == 'm' ? "multicast" : "broadcast", 1514, NULL);
}

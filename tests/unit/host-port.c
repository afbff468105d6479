/*
 * dom0's port: what the switch hands it reaches lwIP as it was, what is wrong or for others does
 * not, and no flood makes it hold more than it may.
 *
 * Sources: dom0/network/host-port.c dom0/network/host-gather.c dom0/network/host-address.c
 *
 * Stack: yes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stack-world.h"

#include "lwip/inet_chksum.h"
#include "lwip/prot/tcp.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "network/host-address.h"

#define OUR_ADDRESS  0x0a000001u
#define PEER_ADDRESS 0x0a000002u

static uint8_t frame[70000];
static const struct packet_offload there = { .checksum = PACKET_CHECKSUM_THERE };
static const struct packet_offload valid = { .checksum = PACKET_CHECKSUM_VALID };

int patience_wait(const struct patience *patience, struct wait_queue *queue)
{
    (void)patience;
    (void)queue;
    world_wait(50);
    return 0;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void begin_frame(uint16_t type)
{
    memset(frame, 0, 256);
    memcpy(frame, our_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, type);
}

static void begin_ip(uint8_t protocol, uint32_t payload)
{
    uint8_t *ip = frame + 14;

    begin_frame(0x0800);
    ip[0] = 0x45;
    put16(ip + 2, 20 + payload);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, PEER_ADDRESS);
    put32(ip + 16, OUR_ADDRESS);
    put16(ip + 10, lwip_htons(inet_chksum(ip, 20)));
}

static void send_arp(uint16_t operation)
{
    uint8_t *arp = frame + 14;

    begin_frame(0x0806);
    memcpy(arp, "\x00\x01\x08\x00\x06\x04\x00", 7);
    put16(arp + 6, operation);
    memcpy(arp + 8, peer_mac, 6);
    put32(arp + 14, PEER_ADDRESS);
    put32(arp + 24, OUR_ADDRESS);
    world_deliver(frame, 42, there);
}

static void begin_echo(uint32_t bytes)
{
    uint8_t *icmp = frame + 34;

    begin_ip(1, 8 + bytes);
    memset(icmp, 0, 8);
    icmp[0] = 8;
    memset(icmp + 8, 0x5a, bytes);
    put16(icmp + 2, lwip_htons(inet_chksum(icmp, (u16_t)(8 + bytes))));
}

static int attach(void **state)
{
    ip4_addr_t address = { PP_HTONL(OUR_ADDRESS) }, mask = { PP_HTONL(0xffffff00) };

    (void)state;
    world.fail_after = SIZE_MAX;
    assert_int_equal(host_port_attach(NULL, "xenbr0", our_mac, 1500), 0);
    netif_set_addr(netif_default, &address, &mask, NULL);
    world_wait(3000);
    send_arp(2);
    world_forget_sent();
    return 0;
}

static int detach(void **state)
{
    (void)state;
    world.fail_after = SIZE_MAX;
    world_wait(1000);
    host_port_detach(netif_default);
    world_forget_sent();
    return 0;
}

static void arp_is_answered(void **state)
{
    (void)state;
    send_arp(1);
    assert_int_equal(world.sent_count, 1);
    assert_memory_equal(world.sent[0].bytes, peer_mac, 6);
    assert_int_equal(get16(world.sent[0].bytes + 20), 2);
    assert_memory_equal(world.sent[0].bytes + 22, our_mac, 6);
}

static void an_echo_comes_back(void **state)
{
    (void)state;
    begin_echo(1000);
    world_deliver(frame, 42 + 1000, there);
    assert_int_equal(world.sent_count, 1);
    assert_int_equal(world.sent[0].length, 42 + 1000);
    assert_int_equal(world.sent[0].bytes[34], 0);
    assert_memory_equal(world.sent[0].bytes + 42, frame + 42, 1000);
    assert_int_equal(inet_chksum(world.sent[0].bytes + 34, 1008), 0);
}

/* The switch floods: what is for others takes no memory, nor does what is too short. */
/* The longest header there is comes back with it, and its sum. */
static void an_echo_with_options_comes_back(void **state)
{
    uint8_t *ip = frame + 14, *icmp = ip + 60;

    (void)state;
    begin_ip(1, 40 + 8 + 100);
    ip[0] = 0x4f;
    memset(ip + 20, 1, 40); /* no operation */
    put16(ip + 10, 0);
    put16(ip + 10, lwip_htons(inet_chksum(ip, 60)));
    memset(icmp, 0, 108);
    icmp[0] = 8;
    put16(icmp + 2, lwip_htons(inet_chksum(icmp, 108)));
    world_deliver(frame, 14 + 60 + 108, there);
    assert_int_equal(world.sent_count, 1);
    assert_int_equal(world.sent[0].length, 14 + 60 + 108);
    assert_int_equal(inet_chksum(world.sent[0].bytes + 14, 60), 0);
}

static u8_t heard(void *argument, struct raw_pcb *pcb, struct pbuf *packet, const ip_addr_t *from)
{
    (void)pcb;
    (void)packet;
    (void)from;
    ++*(unsigned int *)argument;
    return 0;
}

/* What we send to our own address arrives, though nobody makes its sums. */
static void our_own_address_answers(void **state)
{
    struct raw_pcb *pcb = raw_new(IP_PROTO_ICMP);
    struct pbuf *request = pbuf_alloc(PBUF_IP, 8, PBUF_RAM);
    ip_addr_t to = IPADDR4_INIT(PP_HTONL(OUR_ADDRESS));
    unsigned int packets = 0;

    (void)state;
    memset(request->payload, 0, 8);
    ((uint8_t *)request->payload)[0] = 8;
    put16((uint8_t *)request->payload + 2, lwip_htons(inet_chksum(request->payload, 8)));
    raw_recv(pcb, heard, &packets);
    raw_bind(pcb, IP_ANY_TYPE);
    assert_int_equal(raw_sendto(pcb, request, &to), ERR_OK);
    pbuf_free(request);
    world_wait(200);
    assert_int_equal(packets, 2); /* the request and the answer */
    raw_remove(pcb);
}

static void packets_for_others_cost_nothing(void **state)
{
    size_t before = world.allocations;

    (void)state;
    begin_echo(100);
    frame[5] ^= 1;
    world.fail_after = 0;
    world_deliver(frame, 142, there);
    begin_echo(100);
    for (uint32_t bytes = 14; bytes < 34; bytes++)
        world_deliver(frame, bytes, there);
    begin_frame(0x88cc);
    world_deliver(frame, 100, there);
    assert_int_equal(world.port->counters.out_dropped, 0);
    assert_int_equal(world.allocations, before);
    assert_int_equal(world.sent_count, 0);
}

static void without_memory_it_drops_and_counts(void **state)
{
    struct port_counters counters;
    struct host_port_lost lost;

    (void)state;
    begin_echo(100);
    world.fail_after = 0;
    for (int i = 0; i < 10; i++)
        world_deliver(frame, 142, there);
    assert_true(host_port_counters(netif_default, &counters, &lost));
    assert_int_equal(lost.no_memory, 10);
    assert_int_equal(counters.out_dropped, 10);
    assert_int_equal(world.sent_count, 0);
    world.fail_after = SIZE_MAX;
    world_deliver(frame, 142, there);
    assert_int_equal(world.sent_count, 1);
}

static void what_cannot_be_copied_is_dropped(void **state)
{
    struct packet packet = { .bytes = 142, .piece_count = 2 };
    struct port_counters counters;
    struct host_port_lost lost;

    (void)state;
    begin_echo(100);
    packet.pieces[0] = (struct packet_piece){ .local = frame, .length = 100 };
    packet.pieces[1] = (struct packet_piece){ .length = 42, .domid = 1, .ref = 8 };
    world.port->operations->output(world.port, &packet);
    host_stack_flush();
    assert_true(host_port_counters(netif_default, &counters, &lost));
    assert_int_equal(lost.copies, 1);
    assert_int_equal(world.sent_count, 0);
}

/* A SYN to a closed port, which is answered if its checksum was good, or need not be looked at. */
static unsigned int answers(struct packet_offload offload, uint16_t checksum)
{
    uint8_t *tcp = frame + 34;

    world_forget_sent();
    begin_ip(6, 20);
    memset(tcp, 0, 20);
    put16(tcp, 1000);
    put16(tcp + 2, 1001);
    tcp[12] = 5 << 4;
    tcp[13] = TCP_SYN;
    put16(tcp + 16, checksum);
    world_deliver(frame, 54, offload);
    return world.sent_count;
}

static uint16_t syn_checksum(void)
{
    ip4_addr_t from = { PP_HTONL(PEER_ADDRESS) }, to = { PP_HTONL(OUR_ADDRESS) };
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, 20, PBUF_RAM);
    uint16_t checksum;

    answers(valid, 0);
    memcpy(pbuf->payload, frame + 34, 20);
    checksum = lwip_htons(inet_chksum_pseudo(pbuf, 6, 20, &from, &to));
    pbuf_free(pbuf);
    return checksum;
}

static void checksums_are_looked_at_where_nobody_did(void **state)
{
    const struct packet_offload partial = { .checksum = PACKET_CHECKSUM_PARTIAL,
                                            .checksum_start = 34,
                                            .checksum_offset = 16 };
    uint16_t good = syn_checksum();

    (void)state;
    assert_int_equal(answers(there, good), 1);
    assert_int_equal(answers(there, good ^ 1), 0);
    assert_int_equal(answers(valid, good ^ 1), 1);
    assert_int_equal(answers(partial, 0x1234), 1);
    assert_int_equal(answers(there, good ^ 1), 0);
}

/* An answer's TCP checksum is left to others: the field holds the pseudo header's sum. */
static void answers_leave_their_checksum_open(void **state)
{
    const struct world_frame *answer = &world.sent[0];
    ip4_addr_t from = { PP_HTONL(OUR_ADDRESS) }, to = { PP_HTONL(PEER_ADDRESS) };
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, 20, PBUF_RAM);
    uint16_t sum;

    (void)state;
    assert_int_equal(answers(valid, 0), 1);
    assert_int_equal(answer->offload.checksum, PACKET_CHECKSUM_PARTIAL);
    sum = inet_chksum(answer->bytes + 34, 20);
    memcpy(pbuf->payload, answer->bytes + 34, 20);
    memset((uint8_t *)pbuf->payload + 16, 0, 2);
    assert_int_equal(sum, inet_chksum_pseudo(pbuf, 6, 20, &from, &to));
    assert_int_equal(inet_chksum(answer->bytes + 14, 20), 0);
    pbuf_free(pbuf);
}

static uint32_t got;

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    (void)argument;
    (void)error;
    if (!pbuf)
        return ERR_OK;
    for (struct pbuf *at = pbuf; at; at = at->next)
        for (u16_t i = 0; i < at->len; i++, got++)
            assert_int_equal(((uint8_t *)at->payload)[i], (uint8_t)(got * 7));
    tcp_recved(pcb, pbuf->tot_len);
    pbuf_free(pbuf);
    return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    (void)error;
    tcp_recv(pcb, received);
    return ERR_OK;
}

static void send_segment(uint8_t flags, uint32_t sequence, uint32_t acknowledged, uint32_t bytes)
{
    struct packet_offload offload = { .checksum = PACKET_CHECKSUM_PARTIAL,
                                      .checksum_start = 34,
                                      .checksum_offset = 16 };
    uint8_t *tcp = frame + 34;

    begin_ip(6, 20 + bytes);
    memset(tcp, 0, 20);
    put16(tcp, 1000);
    put16(tcp + 2, 7);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledged);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    put16(tcp + 14, 65535);
    for (uint32_t i = 0; i < bytes; i++)
        tcp[20 + i] = (uint8_t)(i * 7);
    if (bytes > 1460)
        offload = (struct packet_offload){ PACKET_CHECKSUM_PARTIAL, PACKET_TCP4, 34, 16, 1460, 54 };
    world_deliver(frame, 54 + bytes, offload);
}

/* The largest there is: an IP packet of 65535 bytes, behind a link header. */
static void a_large_segment_comes_in_one(void **state)
{
    struct tcp_pcb *pcb = tcp_new();
    uint32_t theirs;

    (void)state;
    tcp_bind(pcb, IP_ANY_TYPE, 7);
    pcb = tcp_listen(pcb);
    tcp_accept(pcb, accepted);
    send_segment(TCP_SYN, 100, 0, 0);
    assert_int_equal(world.sent_count, 1);
    theirs = get16(world.sent[0].bytes + 38) << 16 | get16(world.sent[0].bytes + 40);
    send_segment(TCP_ACK, 101, theirs + 1, 0);
    send_segment(TCP_ACK, 101, theirs + 1, 65535 - 40);
    assert_int_equal(got, 65535 - 40);
    send_segment(TCP_RST, 101 + got, 0, 0);
    tcp_close(pcb);
}

static void expect_address(const char *text, int error, enum host_address_kind kind)
{
    struct host_address address;

    assert_int_equal(host_address_parse(text, &address), error);
    if (!error)
        assert_int_equal(address.kind, kind);
}

static void the_command_line_is_understood(void **state)
{
    struct host_address address;

    (void)state;
    expect_address("dhcp", 0, HOST_ADDRESS_DHCP);
    expect_address("none", 0, HOST_ADDRESS_NONE);
    expect_address("10.1.2.3/24", 0, HOST_ADDRESS_STATIC);
    expect_address("10.1.2.3/32,,fec0::3", 0, HOST_ADDRESS_STATIC);
    expect_address("10.1.2.0/31", 0, HOST_ADDRESS_STATIC); /* RFC 3021 */
    expect_address("10.1.2.255/23", 0, HOST_ADDRESS_STATIC);
    assert_int_equal(host_address_parse("10.1.2.3/20,10.1.0.1,10.1.0.2", &address), 0);
    assert_int_equal(address.address.addr, PP_HTONL(0x0a010203));
    assert_int_equal(address.mask.addr, PP_HTONL(0xfffff000));
    assert_int_equal(address.gateway.addr, PP_HTONL(0x0a010001));
    assert_int_equal(ip_2_ip4(&address.dns)->addr, PP_HTONL(0x0a010002));
    for (const char *const *bad =
             (const char *const[]){ "", "10.1.2.3", "10.1.2.3/0", "10.1.2.3/33", "10.1.2.3/",
                                    "10.1.2.3/x", "0.0.0.0/8", "224.0.0.1/4", "a/24",
                                    "10.1.2.3/24,x", "10.1.2.3/24,10.1.2.1,y",
                                    "10.1.2.3/24,10.1.2.1,10.1.2.1,z", "10.1.2.0/24",
                                    "10.1.2.255/24", "127.0.0.1/8", "255.255.255.255/32", NULL };
         *bad; bad++)
        expect_address(*bad, -EINVAL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arp_is_answered, attach, detach),
        cmocka_unit_test_setup_teardown(an_echo_comes_back, attach, detach),
        cmocka_unit_test_setup_teardown(an_echo_with_options_comes_back, attach, detach),
        cmocka_unit_test_setup_teardown(our_own_address_answers, attach, detach),
        cmocka_unit_test_setup_teardown(packets_for_others_cost_nothing, attach, detach),
        cmocka_unit_test_setup_teardown(without_memory_it_drops_and_counts, attach, detach),
        cmocka_unit_test_setup_teardown(what_cannot_be_copied_is_dropped, attach, detach),
        cmocka_unit_test_setup_teardown(checksums_are_looked_at_where_nobody_did, attach, detach),
        cmocka_unit_test_setup_teardown(answers_leave_their_checksum_open, attach, detach),
        cmocka_unit_test_setup_teardown(a_large_segment_comes_in_one, attach, detach),
        cmocka_unit_test(the_command_line_is_understood),
    };

    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Fuzzer: a neighbour who sends dom0's stack anything: frames as they come, and such that fit what
 * the stack has just said (its connections, its DHCP and DNS questions), while time passes, memory
 * runs out and an application sends and closes.  No assertion of lwIP's is reached, nothing reads
 * or writes where it may not, what leaves is well-formed, and in the end all memory is back.
 *
 * Sources: dom0/network/host-port.c dom0/network/host-gather.c
 * Stack: yes
 */
#include "../unit/stack-world.h"

#include <stdio.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/icmp6.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#define ECHO_PORT   7
#define PEER_PORT   5555
#define SERVER_PORT 80
#define FRAME_MAX   66000u
#define STEPS_MAX   64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t left;
};

/* What a segment has to say to be heard: as the stack's own last one had it. */
struct heard {
    uint16_t local, remote;
    uint32_t next, wanted; /* its next sequence number, and ours */
};

static struct heard client, server;
static uint16_t dns_port, dns_id;
static uint32_t dhcp_id;
static struct tcp_pcb *client_pcb;
static uint8_t frame[FRAME_MAX];
static size_t baseline;

static uint8_t take8(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->data++;
}

static uint16_t take16(struct input *input)
{
    uint16_t high = take8(input);

    return (uint16_t)(high << 8 | take8(input));
}

static uint32_t take_bytes(struct input *input, uint8_t *to, uint32_t most)
{
    uint32_t bytes = most < input->left ? most : (uint32_t)input->left;

    memcpy(to, input->data, bytes);
    input->data += bytes;
    input->left -= bytes;
    return bytes;
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

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void listen_to_tcp(const uint8_t *tcp, uint32_t bytes)
{
    struct heard *heard = get16(tcp) == ECHO_PORT ? &server : &client;
    uint32_t header = (tcp[12] >> 4) * 4u;

    heard->local = (uint16_t)get16(tcp);
    heard->remote = (uint16_t)get16(tcp + 2);
    heard->next = get32(tcp + 4) + bytes - header + (tcp[13] & (TCP_SYN | TCP_FIN) ? 1 : 0);
    heard->wanted = get32(tcp + 8);
}

static void listen_to_udp(const uint8_t *udp, uint32_t bytes)
{
    if (bytes >= 12 && get16(udp + 2) == 53) {
        dns_port = (uint16_t)get16(udp);
        dns_id = (uint16_t)get16(udp + 8);
    }
    if (bytes >= 16 && get16(udp + 2) == 67)
        dhcp_id = get32(udp + 12);
}

/* Learns from what the stack has sent. */
static void listen_to_all(void)
{
    for (unsigned int i = 0; i < world.sent_count; i++) {
        const uint8_t *bytes = world.sent[i].bytes, *ip = bytes + 14;
        uint32_t length = world.sent[i].length;

        if (length < 14 + 28 || get16(bytes + 12) != ETHTYPE_IP || get16(ip + 6) & 0x3fff)
            continue;
        if (ip[9] == IP_PROTO_TCP && length >= 14 + 40)
            listen_to_tcp(ip + 20, length - 34);
        if (ip[9] == IP_PROTO_UDP)
            listen_to_udp(ip + 20, length - 34);
    }
    world_forget_sent();
}

static uint8_t *begin_frame(uint16_t type)
{
    memcpy(frame, our_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    put16(frame + 12, type);
    return frame + 14;
}

static void deliver(uint32_t bytes, uint8_t checksum)
{
    struct packet_offload offload = { .checksum = checksum };

    if (bytes > 14 + 1500 && checksum == PACKET_CHECKSUM_PARTIAL) {
        offload.segmentation = PACKET_TCP4;
        offload.segment_bytes = 1460;
    }
    world_deliver(frame, bytes, offload);
    listen_to_all();
}

/* An IPv4 header for what lies behind it. */
static void send_ip4(uint8_t protocol, uint16_t fragment, uint32_t payload, uint8_t checksum)
{
    uint8_t *ip = begin_frame(ETHTYPE_IP);

    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 20 + payload);
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, 0x0a000002);
    memcpy(ip + 16, &netif_default->ip_addr.u_addr.ip4, 4);
    put16(ip + 10, lwip_htons(inet_chksum(ip, 20)));
    deliver(34 + payload, checksum);
}

static void send_tcp(struct input *input, const struct heard *heard)
{
    uint8_t shape = take8(input), *tcp = frame + 34;
    uint32_t options = shape & 7 ? 0 : (take8(input) & 15) * 4u;
    uint32_t bytes = shape & 8 ? 0 : shape & 16 ? take16(input) : take8(input);

    if (20 + options + bytes > 65535 - 20)
        bytes = 65535 - 40 - options;
    memset(tcp, 0, 20 + options + bytes);
    put16(tcp, heard->remote);
    put16(tcp + 2, heard->local);
    put32(tcp + 4, heard->wanted + (uint32_t)(shape & 32 ? (int16_t)take16(input) : 0));
    put32(tcp + 8, heard->next + (uint32_t)(shape & 64 ? (int8_t)take8(input) : 0));
    tcp[12] = (uint8_t)((20 + options) / 4 << 4);
    tcp[13] = shape & 128 ? take8(input) : TCP_ACK;
    put16(tcp + 14, shape & 4 ? take16(input) : 65535);
    take_bytes(input, tcp + 20, options);
    take_bytes(input, tcp + 20 + options, bytes < 16 ? bytes : 16);
    send_ip4(IP_PROTO_TCP, 0, 20 + options + bytes,
             bytes > 1460 ? PACKET_CHECKSUM_PARTIAL : PACKET_CHECKSUM_VALID);
}

/* Options of DHCP as the answer to the last question. */
static uint32_t dhcp_answer(struct input *input, uint8_t *dhcp)
{
    memset(dhcp, 0, 240);
    dhcp[0] = 2;
    dhcp[1] = 1;
    dhcp[2] = 6;
    put32(dhcp + 4, dhcp_id);
    put32(dhcp + 16, 0x0a000001);
    memcpy(dhcp + 28, our_mac, 6);
    put32(dhcp + 236, 0x63825363);
    memcpy(dhcp + 240, "\x35\x01", 2);
    dhcp[242] = take8(input);
    memcpy(dhcp + 243, "\x36\x04\x0a\x00\x00\x02", 6);
    return 249 + take_bytes(input, dhcp + 249, take16(input) % 1000);
}

static void send_udp(struct input *input)
{
    uint8_t shape = take8(input), *udp = frame + 34;
    uint32_t bytes = 0;

    put16(udp, take16(input));
    put16(udp + 2, 9);
    if ((shape & 3) == 1) {
        put16(udp, 67);
        put16(udp + 2, 68);
        bytes = dhcp_answer(input, udp + 8);
    } else if ((shape & 3) == 2) {
        put16(udp, 53);
        put16(udp + 2, dns_port);
        put16(udp + 8, dns_id);
        put16(udp + 10, 0x8180);
        bytes = 4 + take_bytes(input, udp + 12, take8(input));
    } else {
        bytes = take_bytes(input, udp + 8, take16(input) % 1400);
    }
    put16(udp + 4, shape & 8 ? take16(input) : 8 + bytes);
    put16(udp + 6, shape & 16 ? take16(input) : 0);
    send_ip4(IP_PROTO_UDP, 0, 8 + bytes,
             shape & 32 ? PACKET_CHECKSUM_THERE : PACKET_CHECKSUM_VALID);
}

static void send_fragment(struct input *input)
{
    uint8_t protocol = (uint8_t[]){ 1, 6, 17, 2 }[take8(input) & 3];
    uint16_t fragment = (uint16_t)(take16(input) & 0x3fff);
    uint32_t bytes = take16(input) % 1480;

    memset(frame + 34, 0x55, bytes);
    take_bytes(input, frame + 34, bytes < 32 ? bytes : 32);
    send_ip4(protocol, fragment, bytes, PACKET_CHECKSUM_THERE);
}

/* ICMPv6 with a checksum that is right, so that neighbour discovery listens. */
static void send_icmp6(struct input *input)
{
    uint8_t shape = take8(input), *ip = begin_frame(ETHTYPE_IPV6), *icmp = ip + 40;
    uint32_t bytes;
    ip6_addr_t from = { { 0 }, 0 }, to = { { 0 }, 0 };
    struct pbuf *pbuf;

    memset(ip, 0, 48);
    ip[0] = 0x60;
    ip[6] = IP6_NEXTH_ICMP6;
    ip[7] = shape & 1 ? 64 : 255;
    put32(ip + 8, 0xfe800000);
    put32(ip + 20, shape & 2 ? 0 : 2);
    memcpy(ip + 24, netif_ip6_addr(netif_default, shape & 4 ? 1 : 0)->addr, 16);
    if (shape & 8)
        memcpy(ip + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    icmp[0] = shape & 16 ? take8(input) : (uint8_t)(128 + take8(input) % 10);
    icmp[1] = shape & 32 ? take8(input) : 0;
    bytes = 4 + take_bytes(input, icmp + 4, take16(input) % 1400);
    if (icmp[0] == ICMP6_TYPE_PTB && bytes >= 48) /* of what was sent to the peer */
        memcpy(icmp + 8 + 24, ip + 8, 16);
    put16(ip + 4, bytes);
    put16(icmp + 2, 0);
    memcpy(from.addr, ip + 8, 16);
    memcpy(to.addr, ip + 24, 16);
    pbuf = pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_RAM);
    if (!pbuf)
        return;
    memcpy(pbuf->payload, icmp, bytes);
    put16(icmp + 2, lwip_htons(ip6_chksum_pseudo(pbuf, IP6_NEXTH_ICMP6, (u16_t)bytes, &from, &to)));
    pbuf_free(pbuf);
    deliver(54 + bytes, PACKET_CHECKSUM_THERE);
}

static void send_ip6(struct input *input)
{
    uint8_t *ip = begin_frame(ETHTYPE_IPV6);
    uint32_t bytes;

    memset(ip, 0, 40);
    ip[0] = 0x60;
    ip[6] = (uint8_t[]){ 0, 6, 17, 43, 44, 58, 59, 60 }[take8(input) & 7];
    ip[7] = 64;
    put32(ip + 8, 0xfe800000);
    put32(ip + 20, 2);
    memcpy(ip + 24, netif_ip6_addr(netif_default, 0)->addr, 16);
    bytes = take_bytes(input, ip + 40, take16(input) % 1460);
    put16(ip + 4, bytes);
    deliver(54 + bytes, take8(input) & 1 ? PACKET_CHECKSUM_THERE : PACKET_CHECKSUM_VALID);
}

/* A datagram that is sent back as it is. */
static void send_udp6(struct input *input)
{
    uint8_t *ip = begin_frame(ETHTYPE_IPV6), *udp = ip + 40;
    uint32_t bytes = 8 + take16(input) % 1400;

    memset(ip, 0, 40 + bytes);
    ip[0] = 0x60;
    put16(ip + 4, bytes);
    ip[6] = IP6_NEXTH_UDP;
    ip[7] = 64;
    put32(ip + 8, 0xfe800000);
    put32(ip + 20, 2);
    memcpy(ip + 24, netif_ip6_addr(netif_default, 0)->addr, 16);
    put16(udp, 1000);
    put16(udp + 2, 9);
    put16(udp + 4, bytes);
    deliver(54 + bytes, PACKET_CHECKSUM_VALID);
}

static void send_raw(struct input *input)
{
    static const uint16_t types[] = { ETHTYPE_IP, ETHTYPE_ARP, ETHTYPE_IPV6, 0x88cc };
    uint8_t shape = take8(input), *at = begin_frame(types[shape & 3]);
    uint32_t bytes = take_bytes(input, at, take16(input) % 1500);

    if (shape & 4)
        memset(frame, 0xff, 6);
    deliver(14 + bytes, shape & 8 ? PACKET_CHECKSUM_VALID : PACKET_CHECKSUM_THERE);
}

static err_t echo(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    (void)argument;
    (void)error;
    if (!pbuf && pcb == client_pcb)
        client_pcb = NULL;
    if (!pbuf)
        return tcp_close(pcb) == ERR_OK ? ERR_OK : ERR_MEM;
    tcp_recved(pcb, pbuf->tot_len);
    tcp_write(pcb, pbuf->payload, pbuf->len, TCP_WRITE_FLAG_COPY);
    pbuf_free(pbuf);
    return ERR_OK;
}

static void client_gone(void *argument, err_t error)
{
    (void)argument;
    (void)error;
    client_pcb = NULL;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    if (error != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_recv(pcb, echo);
    return ERR_OK;
}

static void datagram(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                     const ip_addr_t *address, u16_t port)
{
    (void)argument;
    udp_sendto(pcb, pbuf, address, port);
    pbuf_free(pbuf);
}

static void named(const char *name, const ip_addr_t *address, void *argument)
{
    (void)name;
    (void)address;
    (void)argument;
}

/* What an application might do. */
static void act(struct input *input)
{
    static uint8_t payload[20000];
    uint8_t what = take8(input);
    ip_addr_t address;

    if (what % 6 == 0)
        dns_gethostbyname("name.example", &address, named, NULL);
    else if (what % 6 == 1)
        dhcp_start(netif_default);
    else if (what % 6 == 2 && client_pcb && client_pcb->state >= ESTABLISHED)
        tcp_write(client_pcb, payload, take16(input) % sizeof(payload), 0);
    else if (what % 6 == 3 && client_pcb) {
        tcp_arg(client_pcb, NULL);
        tcp_err(client_pcb, NULL);
        if (tcp_close(client_pcb) == ERR_OK)
            client_pcb = NULL;
        else
            tcp_err(client_pcb, client_gone);
    } else if (what % 6 == 4)
        world.fail_after = take8(input);
    else
        world.fail_after = SIZE_MAX;
    if (client_pcb)
        tcp_output(client_pcb);
    host_stack_flush();
    listen_to_all();
}

static void step(struct input *input)
{
    switch (take8(input) % 11) {
    case 0:
        send_raw(input);
        break;
    case 1:
        send_fragment(input);
        break;
    case 2:
        send_ip6(input);
        break;
    case 3:
    case 4:
        send_tcp(input, &client);
        break;
    case 5:
        send_tcp(input, &server);
        break;
    case 6:
        send_udp(input);
        break;
    case 7:
        send_icmp6(input);
        break;
    case 8:
        world_wait(take8(input) * 10u);
        listen_to_all();
        break;
    case 9:
        send_udp6(input);
        break;
    default:
        act(input);
    }
}

static void know_peer(void)
{
    uint8_t *arp = begin_frame(ETHTYPE_ARP);

    memcpy(arp, "\x00\x01\x08\x00\x06\x04\x00\x02", 8);
    memcpy(arp + 8, peer_mac, 6);
    put32(arp + 14, 0x0a000002);
    memcpy(arp + 18, our_mac, 6);
    put32(arp + 24, 0x0a000001);
    deliver(14 + 28, PACKET_CHECKSUM_THERE);
}

static void begin(void)
{
    ip4_addr_t address = { PP_HTONL(0x0a000001) }, mask = { PP_HTONL(0xffffff00) },
               gateway = { PP_HTONL(0x0a000002) };
    ip_addr_t peer = IPADDR4_INIT(PP_HTONL(0x0a000002));
    struct tcp_pcb *pcb = tcp_new();
    struct udp_pcb *udp = udp_new_ip_type(IPADDR_TYPE_ANY);

    world.fail_after = SIZE_MAX;
    world.random = 1;
    server = (struct heard){ .local = ECHO_PORT, .remote = PEER_PORT };
    if (host_port_attach(NULL, "xenbr0", our_mac, 1500))
        abort();
    netif_set_addr(netif_default, &address, &mask, &gateway);
    dns_setserver(0, &peer);
    know_peer();
    tcp_bind(pcb, IP_ANY_TYPE, ECHO_PORT);
    tcp_accept(tcp_listen(pcb), accepted);
    udp_bind(udp, IP_ANY_TYPE, 9);
    udp_recv(udp, datagram, NULL);
    client_pcb = tcp_new();
    tcp_recv(client_pcb, echo);
    tcp_err(client_pcb, client_gone);
    tcp_connect(client_pcb, &peer, SERVER_PORT, NULL);
    host_stack_flush();
    listen_to_all();
}

static void end_all(void)
{
    world.fail_after = SIZE_MAX;
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_bound_pcbs)
        tcp_abort(tcp_bound_pcbs);
    while (tcp_listen_pcbs.pcbs)
        tcp_close(tcp_listen_pcbs.pcbs);
    while (udp_pcbs && udp_pcbs->local_port == 9)
        udp_remove(udp_pcbs);
    client_pcb = NULL;
    for (int i = 0; i < 62; i++) { /* fragments grow old: RFC 8200, 4.5 */
        world.now += 1000000000;
        sys_check_timeouts();
        host_stack_flush();
        world_forget_sent();
    }
    for (struct udp_pcb *at = udp_pcbs, *next; at; at = next) {
        next = at->next;
        if (at->local_port == 9)
            udp_remove(at);
    }
    host_port_detach(netif_default);
    world_forget_sent();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };

    if (!baseline) {
        lwip_init();
        begin();
        end_all();
        begin();
        end_all();
        baseline = world.allocations;
    }
    begin();
    for (int i = 0; i < STEPS_MAX && input.left; i++)
        step(&input);
    end_all();
    if (world.allocations > baseline) {
        fprintf(stderr, "%zu pieces of memory are lost\n", world.allocations - baseline);
        abort();
    }
    return 0;
}

/*
 * ping: asks a machine for echoes (RFC 792, RFC 4443).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/raw.h"

#include "libc/libc.h"
#include "network/host-names.h"
#include "network/host-stack.h"
#include "network/patience.h"
#include "pv-kernel/clock.h"
#include "shell/commands.h"
#include "shell/network.h"

#define DATA_BYTES       56
#define COUNT_DEFAULT    4
#define COUNT_MAX        1000000
#define WAIT_MS          2000
#define PACE_MS          1000
#define NS_PER_MS        1000000ULL
#define ICMP6_ECHO       128
#define ICMP6_ECHO_REPLY 129

struct ping {
    struct raw_pcb *pcb;
    ip_addr_t target;
    struct wait_queue answered;
    uint16_t id, sequence; /* of the last request */
    bool answer;           /* there was one */
    uint64_t sent, came;
    unsigned int ttl, bytes;
};

struct ping_words {
    const char *host;
    enum host_family family;
    unsigned long count;
};

/* Where ICMP begins in what a raw pcb is given, and the TTL. */
static u16_t past_ip(const struct pbuf *pbuf, bool is_ip6, unsigned int *ttl)
{
    const u8_t *ip = pbuf->payload;

    *ttl = ip[is_ip6 ? 7 : 8];
    return is_ip6 ? IP6_HLEN : (u16_t)((ip[0] & 0xf) * 4);
}

static u8_t received(void *argument, struct raw_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from)
{
    struct ping *ping = argument;
    bool is_ip6 = IP_IS_V6(&ping->target);
    struct icmp_echo_hdr echo;
    unsigned int ttl;
    u16_t at = past_ip(pbuf, is_ip6, &ttl);

    (void)pcb;
    if (pbuf_copy_partial(pbuf, &echo, sizeof(echo), at) != sizeof(echo) ||
        echo.type != (is_ip6 ? ICMP6_ECHO_REPLY : ICMP_ER) || echo.id != ping->id ||
        echo.seqno != lwip_htons(ping->sequence) || !ip_addr_cmp_zoneless(from, &ping->target))
        return 0;
    ping->came = clock_monotonic_ns();
    ping->answer = true;
    ping->ttl = ttl;
    ping->bytes = pbuf->tot_len - at;
    wait_queue_wake_all(&ping->answered);
    pbuf_free(pbuf);
    return 1;
}

static int request(struct ping *ping)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_IP, sizeof(struct icmp_echo_hdr) + DATA_BYTES, PBUF_RAM);
    struct icmp_echo_hdr *echo;
    err_t error;

    if (!pbuf)
        return -ENOMEM;
    echo = pbuf->payload;
    memset(echo, 0, pbuf->len);
    echo->type = IP_IS_V6(&ping->target) ? ICMP6_ECHO : ICMP_ECHO;
    echo->id = ping->id;
    echo->seqno = lwip_htons(++ping->sequence);
    for (int i = 0; i < DATA_BYTES; i++)
        ((u8_t *)(echo + 1))[i] = (u8_t)i;
    if (IP_IS_V4(&ping->target))
        echo->chksum = inet_chksum(echo, pbuf->len);
    ping->answer = false;
    ping->sent = clock_monotonic_ns();
    error = raw_sendto(ping->pcb, pbuf, &ping->target);
    pbuf_free(pbuf);
    host_stack_flush();
    return network_error(error);
}

/* One request and its answer: 0, -ETIMEDOUT, -EINTR, or what kept it from being sent. */
static int once(struct ping *ping)
{
    struct patience patience = patience_ms(WAIT_MS);
    int error = request(ping);

    while (!error && !ping->answer)
        error = patience_wait(&patience, &ping->answered);
    if (!ping->answer) {
        if (error == -ETIMEDOUT)
            printf("no answer: icmp_seq=%u\n", ping->sequence);
        return error;
    }
    printf("%u bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms\n", ping->bytes,
           network_text(&ping->target), ping->sequence, ping->ttl,
           (double)(ping->came - ping->sent) / (double)NS_PER_MS);
    return 0;
}

/* Until the next request is due: 0, -EINTR. */
static int rest(const struct ping *ping)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT;
    struct patience patience = { .deadline = ping->sent + PACE_MS * NS_PER_MS,
                                 .interruptible = true };
    int error = 0;

    while (!error)
        error = patience_wait(&patience, &nobody);
    return error == -ETIMEDOUT ? 0 : error;
}

static int all(struct ping *ping, const struct ping_words *words)
{
    unsigned long sent = 0, answers = 0;
    int error = 0;

    while (sent < words->count && error != -EINTR) {
        error = once(ping);
        if (error && error != -ETIMEDOUT && error != -EINTR)
            return network_failed("ping", words->host, error);
        sent++;
        answers += ping->answer;
        if (!error && sent < words->count)
            error = rest(ping);
    }
    printf("%lu requests, %lu answers\n", sent, answers);
    return !answers || error == -EINTR;
}

static bool parse(struct ping_words *words, int argc, char **argv)
{
    *words = (struct ping_words){ .count = COUNT_DEFAULT };
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "-c") && i + 1 < argc)
            words->count = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "-4"))
            words->family = HOST_IP4;
        else if (!strcmp(argv[i], "-6"))
            words->family = HOST_IP6;
        else if (*argv[i] != '-' && !words->host)
            words->host = argv[i];
        else
            return false;
    return words->host && words->count && words->count <= COUNT_MAX;
}

int ping_command(int argc, char **argv)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    struct ping ping = { .id = (uint16_t)(random_bits() >> 48) };
    struct ping_words words;
    int error, status;

    if (!parse(&words, argc, argv))
        return shell_usage("ping [-c COUNT] [-4|-6] HOST");
    error = host_name_resolve(words.host, words.family, &patience, &ping.target);
    if (error)
        return network_failed("ping", words.host, error);
    ping.pcb = raw_new_ip_type(IP_GET_TYPE(&ping.target),
                               IP_IS_V6(&ping.target) ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP);
    if (!ping.pcb)
        return network_failed("ping", words.host, -ENOMEM);
    if (IP_IS_V6(&ping.target)) { /* RFC 3542, 3.1 */
        ping.pcb->chksum_reqd = 1;
        ping.pcb->chksum_offset = 2;
    }
    raw_recv(ping.pcb, received, &ping);
    printf("PING %s (%s): %d data bytes\n", words.host, network_text(&ping.target), DATA_BYTES);
    status = all(&ping, &words);
    raw_remove(ping.pcb);
    return status;
}

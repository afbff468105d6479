/*
 * UDP sockets.  See datagrams.h.
 */
#include "network/datagrams.h"
#include "network/connection.h"
#include "network/host-stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/pbuf.h"
#include "lwip/udp.h"

#define WAITING_MAX 16u /* datagrams; more are lost, as UDP's may be */

struct datagram {
    struct pbuf *pbuf;
    ip_addr_t address;
    uint16_t port;
};

struct datagrams {
    struct udp_pcb *pcb;
    struct wait_queue changed;
    struct datagram waiting[WAITING_MAX];
    unsigned int first, count;
};

static void arrived(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                    const ip_addr_t *address, u16_t port)
{
    struct datagrams *datagrams = argument;

    (void)pcb;
    if (datagrams->count == WAITING_MAX) {
        pbuf_free(pbuf);
        return;
    }
    datagrams->waiting[(datagrams->first + datagrams->count++) % WAITING_MAX] =
        (struct datagram){ pbuf, *address, port };
    wait_queue_wake_all(&datagrams->changed);
}

int datagrams_open(uint16_t port, struct datagrams **datagrams)
{
    struct datagrams *opened = calloc(1, sizeof(*opened));
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    int error = opened && pcb ? connection_error(udp_bind(pcb, IP_ANY_TYPE, port)) : -ENOMEM;

    if (error) {
        if (pcb)
            udp_remove(pcb);
        free(opened);
        return error;
    }
    opened->pcb = pcb;
    udp_recv(pcb, arrived, opened);
    *datagrams = opened;
    return 0;
}

int datagrams_send(struct datagrams *datagrams, const ip_addr_t *address, uint16_t port,
                   const void *data, size_t bytes)
{
    struct pbuf *pbuf;
    err_t error;

    if (bytes > DATAGRAM_BYTES_MAX)
        return -EMSGSIZE;
    pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)bytes, PBUF_RAM);
    if (!pbuf)
        return -ENOMEM;
    memcpy(pbuf->payload, data, bytes);
    error = udp_sendto(datagrams->pcb, pbuf, address, port);
    pbuf_free(pbuf);
    host_stack_flush();
    return connection_error(error);
}

bool datagrams_ready(const struct datagrams *datagrams)
{
    return datagrams->count;
}

struct wait_queue *datagrams_changes(struct datagrams *datagrams)
{
    return &datagrams->changed;
}

int datagrams_receive(struct datagrams *datagrams, void *data, size_t size, size_t *bytes,
                      ip_addr_t *address, uint16_t *port)
{
    const struct datagram *datagram = &datagrams->waiting[datagrams->first];

    if (!datagrams->count)
        return -EAGAIN;
    size = size < UINT16_MAX ? size : UINT16_MAX;
    *bytes = pbuf_copy_partial(datagram->pbuf, data, (u16_t)size, 0);
    *address = datagram->address;
    *port = datagram->port;
    pbuf_free(datagram->pbuf);
    datagrams->first = (datagrams->first + 1) % WAITING_MAX;
    datagrams->count--;
    return 0;
}

void datagrams_close(struct datagrams *datagrams)
{
    udp_remove(datagrams->pcb);
    while (datagrams->count) {
        pbuf_free(datagrams->waiting[datagrams->first].pbuf);
        datagrams->first = (datagrams->first + 1) % WAITING_MAX;
        datagrams->count--;
    }
    free(datagrams);
}

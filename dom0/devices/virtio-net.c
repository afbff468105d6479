/*
 * virtio-net: the card and its task.  Packets are moved in virtio-net-receive.c and -transmit.c.
 *
 * Queue pair n has MSI-X vector n + 1, the configuration (link up or down, a wish to be reset) has
 * vector 0.  Whatever comes wakes the card's one task, which looks at all queues until they are
 * empty, a bounded number of packets between two yields, and asks for interrupts again.
 *
 * A card that asks to be reset, or finishes nothing it was given to send for five seconds, is
 * reset by its task: what was to be sent ends with -EIO, the card starts anew with the features and
 * the filter it had, or is dead if that does not help.
 */
#include "devices/virtio-net.h"
#include "devices/nic-work.h"
#include "devices/pci-names.h"
#include "devices/virtio-net-control.h"
#include "devices/virtio-net-queues.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIRTIO_VENDOR              0x1af4
#define VIRTIO_NET_ID_MODERN       0x1041
#define VIRTIO_NET_ID_TRANSITIONAL 0x1000

/* virtio 1.1, 5.1.3. */
enum {
    F_CHECKSUM = 0,
    F_GUEST_CHECKSUM = 1,
    F_MTU = 3,
    F_MAC = 5,
    F_GUEST_TSO4 = 7,
    F_GUEST_TSO6 = 8,
    F_HOST_TSO4 = 11,
    F_HOST_TSO6 = 12,
    F_MERGEABLE = 15,
    F_STATUS = 16,
    F_CONTROL = 17,
    F_CONTROL_RECEIVE = 18,
    F_MULTIQUEUE = 22,
    F_SPEED = 63
};
#define BIT(feature) (1ULL << (feature))

enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10, CONFIG_SPEED = 12 };
#define STATUS_LINK_UP 1

#define PAIRS_MAX   4u
#define MTU_MOST    9216u
#define MTU_LEAST   1500u
#define LINK_HEADER 18u /* with a VLAN tag */
#define BUDGET      64u /* packets of a queue between two yields */
#define HANG_LOOKS  (5u * NIC_LOOKS_A_SECOND)
#define RESETS_MAX  3u /* without a packet sent in between */

struct virtio_nic {
    struct net_device net;
    struct virtio_device virtio;
    uint64_t features;
    unsigned int pairs, pairs_offered;
    struct receive_queue receive[PAIRS_MAX];
    struct transmit_queue transmit[PAIRS_MAX];
    struct control_queue control;
    struct net_filter filter;
    enum { NIC_CLOSED, NIC_WORKS, NIC_RESETS, NIC_DEAD } state;
    bool opened, room_wanted, filter_changed;
    unsigned int resets;
    struct nic_work work;
    volatile bool configuration_changed;
};

static bool has(const struct virtio_nic *nic, unsigned int feature)
{
    return nic->features & BIT(feature);
}

static void queue_interrupt(evtchn_port_t port, void *arg)
{
    struct virtio_nic *nic = arg;

    (void)port;
    nic_work_wake(&nic->work);
}

static void configuration_interrupt(evtchn_port_t port, void *arg)
{
    struct virtio_nic *nic = arg;

    (void)port;
    nic->configuration_changed = true;
    nic_work_wake(&nic->work);
}

/* What its users call. */

/* A flow's packets stay in one queue, so they stay in order: by addresses and ports. */
static struct transmit_queue *queue_for(struct virtio_nic *nic, const struct net_transmit *transmit)
{
    const uint8_t *header = transmit->header;
    uint32_t words[4], mixed = 0;

    if (nic->pairs == 1 || !header || transmit->buffers[0].bytes < 22 + sizeof(words))
        return &nic->transmit[0];
    memcpy(words, header + 22, sizeof(words));
    for (unsigned int i = 0; i < 4; i++)
        mixed = (mixed ^ words[i]) * 0x9e3779b1u;
    return &nic->transmit[(mixed >> 16) % nic->pairs];
}

static int submit(struct net_device *net, struct net_transmit *transmit)
{
    struct virtio_nic *nic = net->driver_state;
    int error = -EAGAIN;

    if (nic->state == NIC_DEAD)
        return -EIO;
    if (nic->state == NIC_WORKS)
        error = transmit_queue_submit(queue_for(nic, transmit), transmit);
    if (error == -EAGAIN)
        nic->room_wanted = true;
    return error;
}

static void kick(struct net_device *net)
{
    struct virtio_nic *nic = net->driver_state;

    if (nic->state != NIC_WORKS)
        return;
    for (unsigned int i = 0; i < nic->pairs; i++)
        transmit_queue_kick(&nic->transmit[i]);
    nic_work_watch(&nic->work);
}

static int filter(struct net_device *net, const struct net_filter *wanted)
{
    struct virtio_nic *nic = net->driver_state;

    if (!has(nic, F_CONTROL_RECEIVE))
        return -EOPNOTSUPP;
    nic->filter = *wanted;
    nic->filter_changed = true;
    nic_work_wake(&nic->work);
    return 0;
}

static void receive_give_all(struct virtio_nic *nic)
{
    for (unsigned int i = 0; i < nic->pairs; i++)
        receive_queue_give_all(&nic->receive[i]);
}

/* The card receives from now on.  With pages that are merged any MTU is as good as another. */
static int open(struct net_device *net, unsigned int mtu)
{
    struct virtio_nic *nic = net->driver_state;

    (void)mtu;
    if (nic->state == NIC_DEAD)
        return -EIO;
    for (unsigned int i = 0; i < nic->pairs; i++)
        if (receive_queue_fill(&nic->receive[i]))
            return -ENOMEM;
    nic->opened = true;
    nic->state = NIC_WORKS;
    receive_give_all(nic);
    nic->filter_changed = has(nic, F_CONTROL_RECEIVE);
    nic_work_wake(&nic->work);
    return 0;
}

static const struct net_driver driver = {
    .open = open, .submit = submit, .kick = kick, .filter = filter
};

/* Starting it, for the first time and after a reset. */

static int queues_setup(struct virtio_nic *nic)
{
    int error = 0;

    for (unsigned int i = 0; i < nic->pairs && !error; i++) {
        uint16_t number = (uint16_t)(2 * i), vector = (uint16_t)(i + 1);

        nic->receive[i].mergeable = has(nic, F_MERGEABLE);
        error = virtio_queue_setup(&nic->virtio, &nic->receive[i].ring, number, vector);
        if (!error)
            error = virtio_queue_setup(&nic->virtio, &nic->transmit[i].ring, number + 1u, vector);
        if (!error)
            error = transmit_queue_start(&nic->transmit[i]);
    }
    if (!error && has(nic, F_CONTROL))
        error = virtio_queue_setup(&nic->virtio, &nic->control.ring,
                                   (uint16_t)(2 * nic->pairs_offered), VIRTIO_NO_VECTOR);
    return error;
}

static int configuration_vector_set(struct virtio_nic *nic)
{
    nic->virtio.common->msix_config = 0;
    return nic->virtio.common->msix_config == 0 ? 0 : -EIO;
}

static int nic_ready(struct virtio_nic *nic)
{
    int error = configuration_vector_set(nic);

    if (!error)
        error = queues_setup(nic);
    if (error)
        return error;
    virtio_ready(&nic->virtio);
    return nic->pairs > 1 ? control_queue_set_pairs(&nic->control, (uint16_t)nic->pairs) : 0;
}

static uint16_t config_half(const struct virtio_nic *nic, unsigned int offset)
{
    return *(volatile uint16_t *)(nic->virtio.config + offset);
}

static void link_look(struct virtio_nic *nic)
{
    bool link = !has(nic, F_STATUS) || config_half(nic, CONFIG_STATUS) & STATUS_LINK_UP;
    uint32_t speed = 0;

    if (has(nic, F_SPEED))
        speed = *(volatile uint32_t *)(nic->virtio.config + CONFIG_SPEED);
    nic->net.speed_mbit = speed > 1000000 ? 0 : speed;
    if (nic->state == NIC_DEAD)
        link = false;
    if (link == nic->net.link)
        return;
    nic->net.link = link;
    if (nic->net.user)
        nic->net.user->link_changed(&nic->net);
}

/* The reset after a hang. */

static bool nic_hangs(struct virtio_nic *nic)
{
    bool hangs = virtio_needs_reset(&nic->virtio);

    for (unsigned int i = 0; i < nic->pairs; i++) {
        struct transmit_queue *queue = &nic->transmit[i];

        queue->stalled = queue->in_flight && !queue->moved ? queue->stalled + 1 : 0;
        if (queue->moved)
            nic->resets = 0;
        queue->moved = false;
        hangs |= queue->stalled >= HANG_LOOKS;
    }
    return hangs;
}

static int nic_restart(struct virtio_nic *nic)
{
    uint64_t features;
    int error = virtio_negotiate(&nic->virtio, nic->features, &features);

    if (!error && (features & nic->features) != nic->features)
        error = -ENODEV; /* it is not what its user was told any more */
    if (!error)
        error = nic_ready(nic);
    return error;
}

/* Ends what is to be sent and starts the card anew.  Sleeps while it resets. */
static void nic_reset(struct virtio_nic *nic)
{
    int error;

    printf("%s: the card does not answer or asks for it: reset\n", nic->net.name);
    nic->state = NIC_RESETS;
    nic->net.counters.resets++;
    error = virtio_reset(&nic->virtio); /* from here on it touches no memory */
    for (unsigned int i = 0; i < nic->pairs; i++) {
        transmit_queue_take(&nic->transmit[i], &nic->net);
        transmit_queue_fail(&nic->transmit[i], &nic->net, -EIO);
    }
    if (!error && ++nic->resets > RESETS_MAX)
        error = -EIO;
    if (!error)
        error = nic_restart(nic);
    if (error) {
        virtio_fail(&nic->virtio);
        printf("%s: the card is dead: %s\n", nic->net.name, strerror(-error));
    }
    nic->state = error ? NIC_DEAD : nic->opened ? NIC_WORKS : NIC_CLOSED;
    if (nic->state == NIC_WORKS)
        receive_give_all(nic);
    nic->filter_changed = !error && has(nic, F_CONTROL_RECEIVE);
    nic->configuration_changed = nic->room_wanted = true;
    nic_work_wake(&nic->work);
}

/* Its task. */

/* One turn of all queues; true: there may be more to receive. */
static bool queues_turn(struct virtio_nic *nic)
{
    bool more = false;

    for (unsigned int i = 0; i < nic->pairs; i++) {
        transmit_queue_take(&nic->transmit[i], &nic->net);
        more |= receive_queue_take(&nic->receive[i], &nic->net, BUDGET) == BUDGET;
    }
    return more;
}

static void interrupts_off(struct virtio_nic *nic)
{
    for (unsigned int i = 0; i < nic->pairs; i++) {
        virtqueue_interrupts_off(&nic->receive[i].ring);
        virtqueue_interrupts_off(&nic->transmit[i].ring);
    }
}

/* Asks for interrupts again; true: something came before they were on. */
static bool interrupts_on(struct virtio_nic *nic)
{
    bool there = false;

    for (unsigned int i = 0; i < nic->pairs; i++) {
        there |= virtqueue_interrupts_on(&nic->receive[i].ring);
        there |= transmit_queue_interrupts_on(&nic->transmit[i]);
    }
    return there;
}

static void room_tell(struct virtio_nic *nic)
{
    if (!nic->room_wanted || !nic->net.user)
        return;
    nic->room_wanted = false;
    nic->net.user->room(&nic->net);
}

static void queues_serve(struct virtio_nic *nic)
{
    interrupts_off(nic);
    for (;;) {
        bool more = queues_turn(nic);

        room_tell(nic);
        if (!more && !interrupts_on(nic))
            return;
        task_yield();
    }
}

static bool is_sending(const struct virtio_nic *nic)
{
    unsigned int in_flight = 0;

    for (unsigned int i = 0; i < nic->pairs; i++)
        in_flight += nic->transmit[i].in_flight;
    return in_flight;
}

static void filter_send(struct virtio_nic *nic)
{
    nic->filter_changed = false;
    if (control_queue_set_filter(&nic->control, &nic->filter) == -EIO)
        nic_reset(nic);
}

static void nic_task(void *arg)
{
    struct virtio_nic *nic = arg;

    for (;;) {
        bool look = nic_work_wait(&nic->work);

        if (nic->state == NIC_WORKS)
            queues_serve(nic);
        if (nic->state != NIC_DEAD &&
            ((look && nic_hangs(nic)) || virtio_needs_reset(&nic->virtio)))
            nic_reset(nic);
        if (nic->filter_changed && nic->state == NIC_WORKS)
            filter_send(nic);
        if (nic->configuration_changed) {
            nic->configuration_changed = false;
            link_look(nic);
        }
        room_tell(nic);
        if (look && !is_sending(nic))
            nic_work_rest(&nic->work); /* until the next packet */
    }
}

/* What it is. */

static uint64_t features_choose(uint64_t offered)
{
    uint64_t wanted = offered & (BIT(F_CHECKSUM) | BIT(F_GUEST_CHECKSUM) | BIT(F_MTU) | BIT(F_MAC) |
                                 BIT(F_MERGEABLE) | BIT(F_STATUS) | BIT(F_CONTROL) | BIT(F_SPEED) |
                                 BIT(VIRTIO_F_EVENT_INDEX));

    if (wanted & BIT(F_CHECKSUM))
        wanted |= offered & (BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6));
    /* A large segment does not fit one page. */
    if (wanted & BIT(F_GUEST_CHECKSUM) && wanted & BIT(F_MERGEABLE))
        wanted |= offered & (BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6));
    if (wanted & BIT(F_CONTROL))
        wanted |= offered & (BIT(F_CONTROL_RECEIVE) | BIT(F_MULTIQUEUE));
    return wanted;
}

static unsigned int mtu_most(const struct virtio_nic *nic)
{
    unsigned int mtu = MTU_MOST;

    if (!has(nic, F_MERGEABLE))
        mtu = PAGE_SIZE - LINK_HEADER - sizeof(struct virtio_net_header);
    if (has(nic, F_MTU) && config_half(nic, CONFIG_MTU) < mtu)
        mtu = config_half(nic, CONFIG_MTU);
    return mtu < MTU_LEAST ? MTU_LEAST : mtu;
}

/* A card without an address of its own is given one of the locally administered. */
static void mac_read(struct virtio_nic *nic)
{
    const struct pci_device *pci = nic->virtio.pci;
    const uint8_t own[6] = {
        0x02,     0x50,
        0x56,     (uint8_t)pci->segment,
        pci->bus, (uint8_t)(pci->slot << 3 | pci->function),
    };

    for (unsigned int i = 0; i < 6; i++)
        nic->net.mac[i] = has(nic, F_MAC) ? nic->virtio.config[CONFIG_MAC + i] : own[i];
}

static void describe(struct virtio_nic *nic)
{
    struct net_device *net = &nic->net;

    strcpy(net->model, "virtio-net");
    pci_place(nic->virtio.pci, net->place);
    mac_read(nic);
    net->mtu_max = mtu_most(nic);
    net->buffers_max = NET_BUFFERS_MAX;
    net->features = (has(nic, F_CHECKSUM) ? NET_SENDS_CHECKSUM : 0) |
                    (has(nic, F_HOST_TSO4) ? NET_SENDS_TCP4 : 0) |
                    (has(nic, F_HOST_TSO6) ? NET_SENDS_TCP6 : 0);
    net->driver = &driver;
    net->driver_state = nic;
    nic->pairs = nic->pairs_offered = 1;
    if (has(nic, F_MULTIQUEUE))
        nic->pairs = nic->pairs_offered = config_half(nic, CONFIG_PAIRS);
    if (nic->pairs > PAIRS_MAX)
        nic->pairs = PAIRS_MAX;
}

/* A vector each for the configuration and the pairs; there are as many pairs as there are vectors
 * for them. */
static int vectors_bind(struct virtio_nic *nic)
{
    unsigned int bound = 0;
    uint32_t port;
    int error = pci_bind_msix(nic->virtio.pci, 0, &port);

    if (error)
        return error;
    event_port_set_handler(port, configuration_interrupt, nic);
    while (bound < nic->pairs && !error) {
        error = pci_bind_msix(nic->virtio.pci, bound + 1, &port);
        if (!error) {
            event_port_set_handler(port, queue_interrupt, nic);
            bound++;
        }
    }
    nic->pairs = bound;
    return bound ? 0 : error;
}

/* A packet to be sent fits the rings, with its header; else it would wait for ever. */
static int buffers_fit(struct virtio_nic *nic)
{
    for (unsigned int i = 0; i < nic->pairs; i++) {
        unsigned int most = nic->transmit[i].ring.size - 1u;

        if (!most)
            return -ENODEV;
        if (nic->net.buffers_max > most)
            nic->net.buffers_max = most;
    }
    return 0;
}

static int nic_start(struct virtio_nic *nic, struct pci_device *pci)
{
    int error = virtio_open(&nic->virtio, pci);

    if (!error)
        error = virtio_negotiate(&nic->virtio, features_choose(virtio_offered(&nic->virtio)),
                                 &nic->features);
    if (error)
        return error;
    describe(nic);
    nic->control.memory = frames_alloc(0);
    if (!nic->pairs || !nic->control.memory)
        return nic->pairs ? -ENOMEM : -ENODEV;
    error = vectors_bind(nic);
    if (!error)
        error = nic_ready(nic);
    if (!error)
        error = buffers_fit(nic);
    return error;
}

bool virtio_net_is(const struct pci_device *pci)
{
    return pci->vendor == VIRTIO_VENDOR &&
           (pci->device == VIRTIO_NET_ID_MODERN || pci->device == VIRTIO_NET_ID_TRANSITIONAL);
}

int virtio_net_start(struct pci_device *pci)
{
    struct virtio_nic *nic = calloc(1, sizeof(*nic));
    int error;

    if (!nic)
        return -ENOMEM;
    error = nic_start(nic, pci);
    if (!error && !task_spawn("virtio-net", nic_task, nic, 0))
        error = -ENOMEM;
    if (error) {
        if (nic->virtio.common)
            virtio_fail(&nic->virtio);
        return error; /* the device may still know the memory: it is not given back */
    }
    link_look(nic);
    pci->driver = "virtio-net";
    return net_device_register(&nic->net);
}

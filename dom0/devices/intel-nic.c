/*
 * Intel's network cards: the card and its task.  Packets are moved in intel-receive.c and
 * intel-transmit.c, what differs between the cards is in intel-chips.c.
 *
 * A card that has sent nothing of what it was given for five seconds, with somebody at the other
 * end of its cable, is reset by its task: what was to be sent ends with -EIO, the card starts anew
 * with the filter it had, or is dead if that does not help.  When its cable is pulled it is reset,
 * too: a card without a link keeps what it was given.
 */
#include "devices/intel-nic.h"
#include "devices/intel-parts.h"
#include "devices/intel-registers.h"
#include "devices/pci-lines.h"
#include "devices/pci-names.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_MOST   9000u
#define BUDGET     64u /* packets between two yields */
#define HANG_LOOKS (5u * NIC_LOOKS_A_SECOND)
#define RESETS_MAX 3u /* without a packet sent in between */

/* What its users call. */

static int submit(struct net_device *net, struct net_transmit *transmit)
{
    struct intel_nic *nic = net->driver_state;
    int error = -EAGAIN;

    if (nic->state == NIC_DEAD)
        return -EIO;
    if (nic->state == NIC_WORKS)
        error = intel_transmit_submit(&nic->transmit, transmit);
    if (error == -EAGAIN)
        nic->room_wanted = true;
    return error;
}

static void kick(struct net_device *net)
{
    struct intel_nic *nic = net->driver_state;

    if (nic->state != NIC_WORKS)
        return;
    intel_transmit_kick(&nic->transmit);
    nic_work_watch(&nic->work);
}

static int filter(struct net_device *net, const struct net_filter *wanted)
{
    struct intel_nic *nic = net->driver_state;

    nic->filter = *wanted;
    if (nic->state == NIC_WORKS)
        intel_card_filter(nic);
    return 0;
}

/* Its registers are set anew for this MTU: that takes a reset, which the task sees to. */
static int open(struct net_device *net, unsigned int mtu)
{
    struct intel_nic *nic = net->driver_state;

    if (nic->state == NIC_DEAD)
        return -EIO;
    if (intel_receive_fill(&nic->receive))
        return -ENOMEM;
    nic->mtu = mtu;
    nic->state = NIC_RESETS;
    nic_work_wake(&nic->work);
    return 0;
}

static const struct net_driver driver = {
    .open = open, .submit = submit, .kick = kick, .filter = filter
};

/* Its task. */

static void line_handler(void *arg)
{
    struct intel_nic *nic = arg;
    uint32_t causes = nic->chip->interrupts_off(nic);

    if (causes & INT_LSC)
        nic->link_changed = true;
    if (causes & INT_RXO)
        nic->overrun = true;
    nic_work_wake(&nic->work);
}

static void message_handler(evtchn_port_t port, void *arg)
{
    (void)port;
    line_handler(arg);
}

/* Stops the card, and ends what it was to send. */
static int card_stop(struct intel_nic *nic)
{
    int error;

    nic->state = NIC_RESETS;
    error = intel_card_reset(nic); /* from here on it touches no memory */
    intel_transmit_take(&nic->transmit, &nic->net);
    intel_transmit_fail(&nic->transmit, &nic->net, -EIO);
    nic->room_wanted = true;
    return error;
}

static void card_start(struct intel_nic *nic, int error)
{
    nic->link_changed = true;
    if (error) {
        printf("%s: the card is dead: %s\n", nic->net.name, strerror(-error));
        nic->state = NIC_DEAD;
        return;
    }
    intel_card_go(nic);
    nic->state = NIC_WORKS;
    nic->chip->interrupts_on(nic);
}

/* Without a link it is nobody's fault: what waits is ended, or it would be sent some time later. */
static void card_reset(struct intel_nic *nic)
{
    int error;

    if (!nic->net.link) {
        card_start(nic, card_stop(nic));
        return;
    }
    printf("%s: the card does not send: reset\n", nic->net.name);
    nic->net.counters.resets++;
    error = card_stop(nic);
    if (!error && ++nic->resets > RESETS_MAX)
        error = -EIO;
    card_start(nic, error);
}

static void link_look(struct intel_nic *nic)
{
    static const unsigned int speeds[] = { 10, 100, 1000, 1000 };
    uint32_t status = intel_read(nic, STATUS);
    bool link = status & STATUS_LU && nic->state != NIC_DEAD;

    nic->link_changed = false;
    nic->net.speed_mbit = link ? speeds[STATUS_SPEED(status)] : 0;
    if (link == nic->net.link)
        return;
    nic->net.link = link;
    if (!link && nic->state == NIC_WORKS && nic->transmit.in_flight)
        card_start(nic, card_stop(nic));
    if (nic->net.user)
        nic->net.user->link_changed(&nic->net);
}

static bool card_hangs(struct intel_nic *nic)
{
    struct intel_transmit *queue = &nic->transmit;

    queue->stalled = queue->in_flight && !queue->moved ? queue->stalled + 1 : 0;
    if (queue->moved)
        nic->resets = 0;
    queue->moved = false;
    return queue->stalled >= HANG_LOOKS;
}

static void room_tell(struct intel_nic *nic)
{
    if (!nic->room_wanted || !nic->net.user)
        return;
    nic->room_wanted = false;
    nic->net.user->room(&nic->net);
}

static void overrun_count(struct intel_nic *nic)
{
    if (!nic->overrun)
        return;
    nic->overrun = false;
    nic->net.counters.received_lost += intel_read(nic, MPC);
}

/* Until both rings have nothing new even after interrupts were asked for again. */
static void rings_serve(struct intel_nic *nic)
{
    do {
        unsigned int received;

        do {
            intel_transmit_take(&nic->transmit, &nic->net);
            received = intel_receive_take(&nic->receive, &nic->net, BUDGET);
            room_tell(nic);
            if (received == BUDGET)
                task_yield();
        } while (received == BUDGET);
        nic->chip->interrupts_on(nic);
    } while (intel_receive_has_more(&nic->receive) || intel_transmit_has_more(&nic->transmit));
}

static void nic_task(void *arg)
{
    struct intel_nic *nic = arg;

    for (;;) {
        bool look = nic_work_wait(&nic->work);

        if (nic->state == NIC_RESETS)
            card_start(nic, card_stop(nic)); /* it has been opened */
        if (nic->state == NIC_WORKS)
            rings_serve(nic);
        overrun_count(nic);
        if (nic->state == NIC_WORKS && look && card_hangs(nic))
            card_reset(nic);
        if (nic->link_changed || (look && !nic->net.link))
            link_look(nic);
        room_tell(nic);
        if (look && !nic->transmit.in_flight)
            nic_work_rest(&nic->work); /* until the next packet */
    }
}

/* Starting it. */

/*
 * QEMU's 82574L up to release 7.2 cuts a large segment into IP fragments rather than TCP segments,
 * and for IPv6 into nothing that makes sense; it is told by a subsystem's number that no real card
 * has.
 */
static uint32_t features(const struct intel_nic *nic)
{
    uint32_t chip = nic->chip->features;

    if (nic->chip->cut_by_qemu && nic->pci->subsystem == 0)
        chip &= ~(NET_SENDS_TCP4 | NET_SENDS_TCP6);
    return chip;
}

static void describe(struct intel_nic *nic)
{
    struct net_device *net = &nic->net;
    uint32_t low = intel_read(nic, RAL), high = intel_read(nic, RAH);

    strcpy(net->model, nic->chip->name);
    pci_place(nic->pci, net->place);
    for (unsigned int i = 0; i < 6; i++)
        net->mac[i] = (uint8_t)(i < 4 ? low >> (8 * i) : high >> (8 * (i - 4)));
    net->mtu_max = MTU_MOST;
    net->buffers_max = NET_BUFFERS_MAX;
    net->features = features(nic);
    net->driver = &driver;
    net->driver_state = nic;
}

static int rings_make(struct intel_nic *nic)
{
    const struct intel_chip *chip = nic->chip;

    nic->receive.ring = frames_alloc(0);
    nic->transmit.ring = frames_alloc(0);
    if (!nic->receive.ring || !nic->transmit.ring)
        return -ENOMEM;
    nic->receive.format = chip->receive;
    nic->transmit.format = chip->transmit;
    nic->transmit.bytes_least = chip->bytes_least;
    nic->receive.tail = (volatile uint32_t *)(nic->registers + chip->receive_block + RING_TAIL);
    nic->transmit.tail = (volatile uint32_t *)(nic->registers + chip->transmit_block + RING_TAIL);
    return intel_transmit_fill(&nic->transmit);
}

static int interrupt_bind(struct intel_nic *nic)
{
    evtchn_port_t port;
    int error;

    if (!nic->chip->messages)
        return pci_bind_line(nic->pci, line_handler, nic);
    error = pci_bind_msix(nic->pci, 0, &port);
    if (!error)
        event_port_set_handler(port, message_handler, nic);
    return error;
}

static int nic_start(struct intel_nic *nic)
{
    void *registers;
    int error = pci_map_bar(nic->pci, 0, &registers);

    if (error)
        return error;
    nic->registers = registers;
    pci_enable(nic->pci);
    error = intel_card_reset(nic);
    if (error)
        return error;
    if (!(intel_read(nic, RAH) & RAH_VALID))
        return -ENODEV; /* an EEPROM without an address */
    describe(nic);
    error = rings_make(nic);
    if (!error)
        error = interrupt_bind(nic);
    return error;
}

bool intel_nic_is(const struct pci_device *pci)
{
    return intel_chip_find(pci);
}

int intel_nic_start(struct pci_device *pci)
{
    struct intel_nic *nic = calloc(1, sizeof(*nic));
    int error;

    if (!nic)
        return -ENOMEM;
    nic->pci = pci;
    nic->chip = intel_chip_find(pci);
    error = nic_start(nic);
    if (error) {
        free(nic); /* its interrupt is bound last of all */
        return error;
    }
    if (!task_spawn("intel-nic", nic_task, nic, 0))
        return -ENOMEM;
    link_look(nic);
    pci->driver = nic->chip->name;
    return net_device_register(&nic->net);
}

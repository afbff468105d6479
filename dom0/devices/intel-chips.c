/*
 * Intel's cards: what differs between them, in a table, and what all are told at their start
 * (82574 datasheet, chapter 4.6; 82576's, 4.5; 82540EM manual, chapter 14).
 *
 * Whatever a card wants to say, it says by one interrupt: link changes are rare, and packets sent
 * and received are looked at together.  The handler has the card let go and asks for no more; the
 * task asks again when it has looked at everything.
 */
#include "devices/intel-parts.h"
#include "devices/intel-registers.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>

#define INTEL_VENDOR  0x8086
#define RESET_MS      100
#define LINK_BYTES    18u /* with a VLAN tag */
#define MTU_SHORT     1500u
#define CAUSES        (INT_TXDW | INT_LSC | INT_RXDMT | INT_RXO | INT_RXT)
#define A_THROTTLE    196u /* in 256 ns: 20,000 interrupts a second */
#define A_THROTTLE_US 50u

/* The mask is shut first: with messages on, reading ICR clears it only then (82574, 10.2.4.1). */
static uint32_t common_interrupts_off(struct intel_nic *nic)
{
    intel_write(nic, IMC, INT_ALL);
    return intel_read(nic, ICR);
}

static void line_interrupts_on(struct intel_nic *nic)
{
    intel_write(nic, IMS, CAUSES);
}

static void line_set_up(struct intel_nic *nic)
{
    intel_write(nic, ITR, A_THROTTLE);
    intel_write(nic, TIPG, TIPG_COPPER);
}

/* 82574L: the causes by messages have names of their own. */
#define MESSAGE_CAUSES (31u << 20 | INT_LSC | INT_RXO)
/* Each of two receive and two transmit queues and the rest: vector 0, valid; and one for every
 * descriptor written back. */
#define ALL_TO_VECTOR_0 (0x88888u | BIT(31))

static void message_interrupts_on(struct intel_nic *nic)
{
    intel_write(nic, IMS, MESSAGE_CAUSES);
}

static void message_set_up(struct intel_nic *nic)
{
    line_set_up(nic);
    intel_write(nic, IVAR_82574, ALL_TO_VECTOR_0);
    intel_write(nic, CTRL_EXT,
                intel_read(nic, CTRL_EXT) | CTRL_EXT_DRIVER_LOADED | CTRL_EXT_PBA_CLEAR);
    intel_write(nic, nic->chip->transmit_block + RING_CONTROL,
                intel_read(nic, nic->chip->transmit_block + RING_CONTROL) | TXDCTL_GRANULARITY |
                    TXDCTL_COUNT);
}

/* 82576: causes lead to extended ones, which are masked and cleared by their own registers. */

static void extended_interrupts_on(struct intel_nic *nic)
{
    intel_write(nic, IMS, INT_LSC);
    intel_write(nic, EIMS, 1);
}

static uint32_t extended_interrupts_off(struct intel_nic *nic)
{
    intel_write(nic, EIMC, INT_ALL);
    return common_interrupts_off(nic);
}

static void ring_enable(struct intel_nic *nic, uint32_t block)
{
    intel_write(nic, block + RING_CONTROL, intel_read(nic, block + RING_CONTROL) | RING_ENABLE);
    for (int i = 0; i < RESET_MS && !(intel_read(nic, block + RING_CONTROL) & RING_ENABLE); i++)
        task_sleep_ns(1000000);
}

static void extended_set_up(struct intel_nic *nic)
{
    intel_write(nic, GPIE, GPIE_NSICR | GPIE_MULTIPLE | GPIE_EIAME | GPIE_PBA);
    intel_write(nic, IVAR0, IVAR_VALID | IVAR_VALID << 8); /* what is received and sent */
    intel_write(nic, IVAR_MISC, IVAR_VALID << 8);          /* and all else: vector 0 */
    intel_write(nic, EIAC, 1);
    intel_write(nic, EITR0, A_THROTTLE_US << 2);
    intel_write(nic, CTRL_EXT, intel_read(nic, CTRL_EXT) | CTRL_EXT_DRIVER_LOADED);
    intel_write(nic, nic->chip->receive_block + RING_SPLIT, SRRCTL_ADVANCED | SRRCTL_4096);
    intel_write(nic, RLPML, nic->mtu + LINK_BYTES + 4);
    ring_enable(nic, nic->chip->receive_block);
    ring_enable(nic, nic->chip->transmit_block);
}

static const struct intel_chip chips[] = {
    { .device = 0x100e,
      .name = "82540EM",
      .features = NET_SENDS_CHECKSUM | NET_SENDS_TCP4,
      .receive_block = 0x2800,
      .transmit_block = 0x3800,
      .bytes_least = 60,
      .packet_buffer = 40, /* of 64 KiB, so that two long packets fit the rest */
      .receive = &intel_receive_legacy,
      .transmit = &intel_transmit_extended,
      .set_up = line_set_up,
      .interrupts_on = line_interrupts_on,
      .interrupts_off = common_interrupts_off },
    { .device = 0x10d3,
      .name = "82574L",
      .features = NET_SENDS_CHECKSUM | NET_SENDS_TCP4 | NET_SENDS_TCP6,
      .receive_block = 0x2800,
      .transmit_block = 0x3800,
      .bytes_least = 17,
      .receive = &intel_receive_legacy,
      .transmit = &intel_transmit_extended,
      .messages = true,
      .cut_by_qemu = true,
      .set_up = message_set_up,
      .interrupts_on = message_interrupts_on,
      .interrupts_off = common_interrupts_off },
    { .device = 0x10c9,
      .name = "82576",
      .features = NET_SENDS_CHECKSUM | NET_SENDS_TCP4 | NET_SENDS_TCP6,
      .receive_block = 0xc000,
      .transmit_block = 0xe000,
      .bytes_least = 17,
      .receive = &intel_receive_advanced,
      .transmit = &intel_transmit_advanced,
      .messages = true,
      .set_up = extended_set_up,
      .interrupts_on = extended_interrupts_on,
      .interrupts_off = extended_interrupts_off },
};

const struct intel_chip *intel_chip_find(const struct pci_device *pci)
{
    for (unsigned int i = 0; i < sizeof(chips) / sizeof(*chips); i++)
        if (pci->vendor == INTEL_VENDOR && pci->device == chips[i].device)
            return &chips[i];
    return NULL;
}

/* No request of a PCI Express card's is under way when it is reset (82574, 5.3.1). */
static void master_stop(struct intel_nic *nic)
{
    if (!nic->chip->messages)
        return;
    intel_write(nic, CTRL, intel_read(nic, CTRL) | CTRL_MASTER_DISABLE);
    for (int i = 0; i < RESET_MS && intel_read(nic, STATUS) & STATUS_MASTER_ENABLED; i++)
        task_sleep_ns(1000000);
}

int intel_card_reset(struct intel_nic *nic)
{
    nic->chip->interrupts_off(nic);
    intel_write(nic, RCTL, 0);
    intel_write(nic, TCTL, TCTL_PSP);
    task_sleep_ns(10000000); /* what is under way ends */
    master_stop(nic);
    if (nic->chip->packet_buffer && nic->mtu > MTU_SHORT)
        intel_write(nic, PBA, nic->chip->packet_buffer);
    intel_write(nic, CTRL, intel_read(nic, CTRL) | CTRL_RST);
    task_sleep_ns(20000000); /* it reads its EEPROM anew */
    for (int i = 0; intel_read(nic, CTRL) & CTRL_RST; i++) {
        if (i == RESET_MS) {
            pci_disable(nic->pci);
            return -EIO;
        }
        task_sleep_ns(1000000);
    }
    nic->chip->interrupts_off(nic);
    return 0;
}

/* A multicast's place in the table of hashes: the upper twelve bits of its address. */
static void multicast_add(uint32_t *table, const uint8_t *address)
{
    uint32_t hash = (uint32_t)address[4] >> 4 | (uint32_t)address[5] << 4;

    table[hash / 32 % MTA_WORDS] |= BIT(hash % 32);
}

void intel_card_filter(struct intel_nic *nic)
{
    const struct net_filter *filter = &nic->filter;
    uint32_t table[MTA_WORDS] = { 0 };
    uint32_t control = RCTL_EN | RCTL_BAM | RCTL_SECRC;

    for (unsigned int i = 0; i < filter->multicast_count; i++)
        multicast_add(table, filter->multicast[i]);
    for (unsigned int i = 0; i < MTA_WORDS; i++)
        intel_write(nic, MTA + 4 * i, table[i]);
    if (filter->promiscuous)
        control |= RCTL_UPE | RCTL_MPE;
    if (filter->all_multicast)
        control |= RCTL_MPE;
    if (nic->mtu > MTU_SHORT)
        control |= RCTL_LPE;
    intel_write(nic, RCTL, control | RCTL_4096);
}

static void ring_set_up(struct intel_nic *nic, uint32_t block, const volatile void *ring)
{
    uint64_t machine = frames_virt_to_machine((const void *)(uintptr_t)ring);

    intel_write(nic, block + RING_BASE_LOW, (uint32_t)machine);
    intel_write(nic, block + RING_BASE_HIGH, (uint32_t)(machine >> 32));
    intel_write(nic, block + RING_BYTES, RING_SIZE * sizeof(intel_descriptor));
    intel_write(nic, block + RING_HEAD, 0);
    intel_write(nic, block + RING_TAIL, 0);
}

void intel_card_go(struct intel_nic *nic)
{
    uint32_t control = intel_read(nic, CTRL);

    control &= ~(CTRL_FORCE_SPEED | CTRL_FORCE_DUPLEX);
    intel_write(nic, CTRL, control | CTRL_SLU);
    ring_set_up(nic, nic->chip->receive_block, nic->receive.ring);
    ring_set_up(nic, nic->chip->transmit_block, nic->transmit.ring);
    intel_transmit_start(&nic->transmit);
    nic->chip->set_up(nic);
    intel_write(nic, RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
    intel_write(nic, TCTL, TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
    intel_card_filter(nic);
    intel_receive_give_all(&nic->receive); /* by the tail, after what the rings need is there */
}

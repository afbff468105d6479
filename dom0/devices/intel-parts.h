/*
 * The parts of the driver for Intel's cards: what each asks of the others.
 *
 * Rings are all alike: 256 descriptors of 16 bytes in a page, ours from the tail on, the card's
 * from the head to the tail.  What a descriptor says differs, so its format is a table of
 * functions; what else differs between the cards stands in a table, too (struct intel_chip).
 */
#ifndef DEVICES_INTEL_PARTS_H
#define DEVICES_INTEL_PARTS_H

#include "devices/net-device.h"
#include "devices/nic-work.h"
#include "devices/pci.h"

#define RING_SIZE 256u

typedef union {
    uint64_t address;
    uint32_t words[4];
} intel_descriptor;

/* What a receive descriptor says once the card has written it back. */
struct intel_received {
    uint32_t bytes;
    bool last;     /* of its packet */
    bool damaged;  /* said in the last */
    bool checksum; /* TCP's or UDP's was looked at and is right; said in the last */
};

struct intel_receive_format {
    void (*give)(volatile intel_descriptor *descriptor, uint64_t machine);
    bool (*is_done)(const volatile intel_descriptor *descriptor);
    struct intel_received (*read)(const volatile intel_descriptor *descriptor);
};

struct intel_transmit_format {
    /* The context descriptor that says what is to be done to the packet; -EINVAL: cannot be said.
     */
    int (*context)(const struct net_transmit *transmit, intel_descriptor *context);
    /* One buffer of the packet, whose bytes with padding are `total`. */
    void (*data)(volatile intel_descriptor *descriptor, const struct net_transmit *transmit,
                 const struct net_buffer *buffer, uint32_t total, bool last);
    bool (*is_done)(const volatile intel_descriptor *descriptor);
};

extern const struct intel_receive_format intel_receive_legacy, intel_receive_advanced;
extern const struct intel_transmit_format intel_transmit_extended, intel_transmit_advanced;

struct intel_receive {
    volatile intel_descriptor *ring;
    const struct intel_receive_format *format;
    volatile uint32_t *tail;
    uint8_t *pages[RING_SIZE];
    unsigned int next;  /* to be filled by the card */
    unsigned int taken; /* from before that one: the user's, until recycled */
    struct packet packet;
};

struct intel_transmit {
    volatile intel_descriptor *ring;
    const struct intel_transmit_format *format;
    volatile uint32_t *tail;
    uint64_t zeros; /* machine address of bytes for padding */
    uint32_t bytes_least;
    struct net_transmit *transmits[RING_SIZE]; /* by its packet's first descriptor */
    uint8_t last_of[RING_SIZE];                /* and its last one */
    unsigned int next, oldest;                 /* descriptors: to be used, in flight */
    unsigned int in_flight;                    /* packets */
    intel_descriptor context;                  /* the card's, if has_context */
    bool has_context;
    bool kick_needed, moved;
    unsigned int stalled;
};

struct intel_nic;

struct intel_chip {
    uint16_t device; /* PCI's */
    const char *name;
    uint32_t features;      /* NET_SENDS_* */
    uint32_t receive_block; /* of ring 0's registers */
    uint32_t transmit_block;
    uint32_t bytes_least;   /* of a packet that it pads itself, or 60 */
    uint32_t packet_buffer; /* what PBA is to hold, or 0 */
    const struct intel_receive_format *receive;
    const struct intel_transmit_format *transmit;
    bool messages;    /* it has MSI-X; else a line */
    bool cut_by_qemu; /* and not well: see intel-nic.c */
    /* What only this one needs, after a reset; rings are set up, nothing is enabled. */
    void (*set_up)(struct intel_nic *nic);
    void (*interrupts_on)(struct intel_nic *nic);
    /* Has the card let go; what it wanted, bits of ICR. */
    uint32_t (*interrupts_off)(struct intel_nic *nic);
};

struct intel_nic {
    struct net_device net;
    struct pci_device *pci;
    const struct intel_chip *chip;
    volatile uint8_t *registers;
    struct intel_receive receive;
    struct intel_transmit transmit;
    struct net_filter filter;
    enum { NIC_CLOSED, NIC_WORKS, NIC_RESETS, NIC_DEAD } state;
    unsigned int mtu, resets;
    bool room_wanted;
    struct nic_work work;
    volatile bool link_changed, overrun;
};

static inline uint32_t intel_read(const struct intel_nic *nic, uint32_t reg)
{
    return *(volatile uint32_t *)(nic->registers + reg);
}

static inline void intel_write(const struct intel_nic *nic, uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(nic->registers + reg) = value;
}

/* intel-chips.c */
const struct intel_chip *intel_chip_find(const struct pci_device *pci);
/* Stops the card; it touches no memory afterwards: if it does not stop (-EIO) it is cut off the
 * bus.  Sleeps. */
int intel_card_reset(struct intel_nic *nic);
/* After a reset: sets up rings, filters and all, and lets it go; interrupts stay off. */
void intel_card_go(struct intel_nic *nic);
/* Tells the card of nic->filter. */
void intel_card_filter(struct intel_nic *nic);

/* intel-receive.c: memory, -ENOMEM; all pages to the card; up to `budget` packets to the user. */
int intel_receive_fill(struct intel_receive *queue);
void intel_receive_give_all(struct intel_receive *queue);
unsigned int intel_receive_take(struct intel_receive *queue, struct net_device *device,
                                unsigned int budget);
bool intel_receive_has_more(const struct intel_receive *queue);

/* intel-transmit.c */
int intel_transmit_fill(struct intel_transmit *queue);
/* After a reset: nothing is in flight, the card's ring is empty. */
void intel_transmit_start(struct intel_transmit *queue);
int intel_transmit_submit(struct intel_transmit *queue, struct net_transmit *transmit);
void intel_transmit_kick(struct intel_transmit *queue);
unsigned int intel_transmit_take(struct intel_transmit *queue, struct net_device *device);
void intel_transmit_fail(struct intel_transmit *queue, struct net_device *device, int error);
/* Where the IP header is behind this link header. */
unsigned int intel_ip_offset(const uint8_t *header);
bool intel_transmit_has_more(const struct intel_transmit *queue);

#endif

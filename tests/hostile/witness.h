/*
 * The witness: a second interface of the guest that attacks with its first one.  It sees what comes
 * of it: frames that are as long as they say, pages to which nothing else was written, nobody's
 * address but ours.
 */
#ifndef HOSTILE_WITNESS_H
#define HOSTILE_WITNESS_H

#include "tests/hostile/raw-vif.h"

#define PATTERN 0x5a /* of pages nothing was written to */
#define FILLING 0xa5 /* of short frames */

static struct raw_vif attacker, witness;
static unsigned long cases, frames_seen, bad;

/* Frames for here have so many bytes as the address's last one says. */
static const uint8_t short_to[5] = { 0x02, 0x50, 0x56, 0xaa, 0xbb };

static inline void complain(const char *what, uint32_t value)
{
    if (bad++ < 10)
        kprintf("bad: %s (%x, case %lu)\n", what, value, cases);
}

/* Every frame is as long as it says, and nothing behind it was touched. */
static inline void frame_look(const uint8_t *page, uint32_t bytes)
{
    bool is_short = !memcmp(page, short_to, sizeof(short_to));

    frames_seen++;
    if (is_short && bytes != page[5])
        complain("a short frame's length", bytes);
    for (uint32_t i = bytes; i < PAGE_SIZE; i++)
        if (page[i] != PATTERN) {
            complain("bytes behind a frame", i);
            break;
        }
    for (uint32_t i = 14; is_short && i < bytes; i++)
        if (page[i] != FILLING) {
            complain("a short frame's bytes", i);
            break;
        }
}

/* The frames of `addresses` have a type of their own; none that came in was let in. */
static inline bool is_spoofed(const uint8_t *page)
{
    return page[12] == 0x88 && page[13] == 0xb7 && memcmp(page + 6, attacker.mac, 6) != 0;
}

static inline void witness_look(void)
{
    static bool is_extra, is_inside;

    while (witness.rx_taken != *(volatile uint32_t *)&witness.rx->header.rsp_prod) {
        uint32_t place = witness.rx_taken++ % RAW_SLOTS;
        struct netif_rx_response response = witness.rx->slots[place].response;
        uint8_t *page = witness.rx_pages[place];

        if (is_extra) {
            is_extra = false;
            continue;
        }
        is_extra = response.flags & NETRXF_extra_info;
        if (response.id != place || response.offset || response.status > (int)PAGE_SIZE)
            complain("an answer that cannot be", response.id);
        else if (response.status > 0)
            frame_look(page, (uint32_t)response.status);
        if (response.status > 0 && !is_inside && is_spoofed(page))
            complain("a frame from somebody else's address", page[11]);
        is_inside = response.flags & NETRXF_more_data;
        memset(page, PATTERN, PAGE_SIZE);
    }
    witness.rx->header.rsp_event = witness.rx_taken + 1;
    raw_rx_post(&witness);
}

#endif

/* Reading instructions, and keeping the last ones. */
#include "emulation/fetch.h"
#include "domain/guest-memory.h"
#include "memory/frame.h"

_Static_assert(INSTRUCTION_MAX < sizeof(((struct decoded *)0)->bytes), "two words hold any");

static unsigned left_in_page(uint64_t rip)
{
    return (unsigned)(PAGE_SIZE - (rip & (PAGE_SIZE - 1)));
}

static __attribute__((noinline)) const struct instruction *
decode_anew(struct decoded *kept, const uint64_t bytes[2], unsigned available)
{
    struct decoded new = { .bytes = { bytes[0], bytes[1] } };

    if (!instruction_decode((const uint8_t *)new.bytes, available, &new.instruction))
        return NULL;
    *kept = new;
    return &kept->instruction;
}

/* Up to the end of the page, if the next one is not there. */
static __attribute__((noinline)) const struct instruction *fetch_across(struct decoded *kept,
                                                                        uint64_t rip)
{
    uint64_t bytes[2] = { 0, 0 };
    unsigned available = INSTRUCTION_MAX;

    if (guest_read(bytes, rip, available)) {
        bytes[0] = bytes[1] = 0;
        available = left_in_page(rip);
        if (available >= INSTRUCTION_MAX || guest_read(bytes, rip, available))
            return NULL;
    }
    return decode_anew(kept, bytes, available);
}

const struct instruction *instruction_at(struct vcpu *v, uint64_t rip)
{
    struct decoded *kept = &v->decoded[rip % DECODED_KEPT];
    uint64_t bytes[2];

    /* Both words in one page: if the first byte may be looked at, so may the others. */
    if (unlikely(left_in_page(rip) < sizeof(bytes) || !guest_range_ok(rip, 1) ||
                 guest_read_pair(bytes, rip)))
        return fetch_across(kept, rip);
    if (likely(bytes[0] == kept->bytes[0] && bytes[1] == kept->bytes[1] &&
               kept->instruction.length))
        return &kept->instruction;
    return decode_anew(kept, bytes, INSTRUCTION_MAX);
}

/*
 * A guest runs in ring 3, so all its segments are ring 3's.  Code and data segments are harmless
 * whatever their base; system descriptors (gates, TSS) would not be.
 */
#include "guest-cpu/descriptors.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"
#include "memory/page-table-entry.h"

#define DESCRIPTOR_PRESENT (1UL << 47)
#define DESCRIPTOR_SEGMENT (1UL << 44) /* code or data, not a system descriptor */
#define DESCRIPTOR_DPL3    (3UL << 45)
#define DESCRIPTOR_TYPE    (0xfUL << 40)

bool descriptor_check(uint64_t *descriptor)
{
    uint64_t d = *descriptor;

    if (!(d & DESCRIPTOR_PRESENT))
        return true; /* faults whenever it is used */
    *descriptor = d | DESCRIPTOR_DPL3;
    if (d & DESCRIPTOR_SEGMENT)
        return true;
    return !(d & DESCRIPTOR_TYPE); /* 0 is the upper half of a gate that may not exist */
}

static bool frame_check(mfn_t m)
{
    uint64_t *entry = frame_virt(m);

    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        if (!descriptor_check(&entry[i]))
            return false;
    return true;
}

int descriptor_frame_get(struct domain *d, mfn_t m)
{
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = frame_type_claim(m, TYPE_DESCRIPTOR);
    if (r == -EAGAIN) {
        if (frame_check(m)) {
            frame_type_publish(m);
            return 0;
        }
        frame_type_retire(m);
    }
    if (r)
        frame_put(m);
    return r ? -EINVAL : 0;
}

void descriptor_frame_put(mfn_t m)
{
    frame_type_put_plain(m);
    frame_put(m);
}

static void drop_gdt(struct vcpu *v)
{
    struct domain *d = v->domain;

    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++) {
        if (!mfn_is_none(v->gdt_frames[i]))
            d->mode->descriptor_put(d, v->gdt_frames[i]);
        v->gdt_frames[i] = MFN_NONE;
    }
    v->gdt_entries = 0;
}

static void drop_ldt(struct vcpu *v)
{
    struct domain *d = v->domain;

    for (unsigned i = 0; i < LDT_PAGES; i++) {
        if (!mfn_is_none(v->ldt_frames[i]))
            d->mode->descriptor_put(d, v->ldt_frames[i]);
        v->ldt_frames[i] = MFN_NONE;
    }
    v->ldt_entries = 0;
    v->ldt_base = 0;
}

int vcpu_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned entries)
{
    unsigned pages = (entries + 511) / 512, taken;
    struct domain *d = v->domain;
    mfn_t new[GDT_GUEST_PAGES];
    int r = 0;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -EINVAL;
    for (taken = 0; taken < pages; taken++) {
        r = d->mode->descriptor_get(d, frames[taken], &new[taken]);
        if (r)
            break;
    }
    if (r) {
        while (taken--)
            d->mode->descriptor_put(d, new[taken]);
        return r;
    }
    drop_gdt(v);
    for (unsigned i = 0; i < pages; i++)
        v->gdt_frames[i] = new[i];
    v->gdt_entries = entries;
    if (v == current_vcpu())
        vcpu_load_descriptors(v);
    return 0;
}

void vcpu_set_ldt(struct vcpu *v, uint64_t base, unsigned entries, const mfn_t *frames,
                  unsigned count)
{
    drop_ldt(v);
    for (unsigned i = 0; i < count; i++)
        v->ldt_frames[i] = frames[i];
    v->ldt_base = base;
    v->ldt_entries = entries;
    vcpu_load_descriptors(v);
}

void vcpu_drop_descriptors(struct vcpu *v)
{
    drop_gdt(v);
    drop_ldt(v);
}

int descriptor_update(struct domain *d, uint64_t machine_address, uint64_t descriptor)
{
    mfn_t m = mfn(machine_address >> PAGE_SHIFT);
    uint64_t *at;
    uint32_t type;
    int r;

    if ((machine_address & 7) || !descriptor_check(&descriptor) || !frame_get(m, d->frames.index))
        return -EINVAL;
    /* A descriptor frame stays one meanwhile; any other must be writable for the guest. */
    type = (read_once(frame_of(m)->type) & TYPE_MASK) == TYPE_DESCRIPTOR ? TYPE_DESCRIPTOR
                                                                         : TYPE_WRITABLE;
    r = frame_type_claim(m, type);
    if (r == -EAGAIN) { /* all other descriptors of it have not been looked at */
        frame_type_retire(m);
        r = -EINVAL;
    }
    if (!r) {
        at = (uint64_t *)((char *)frame_virt(m) + (machine_address & (PAGE_SIZE - 8)));
        write_once(*at, descriptor);
        frame_type_put_plain(m);
    }
    frame_put(m);
    return r ? -EINVAL : 0;
}

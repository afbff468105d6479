/* The second of the four verbs of an update: check, acquire, commit, release. */
#include "guest-paging/entry-references.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "limits.h"
#include "machine/cpu-features.h"
#include "memory/frame-references.h"

static mfn_t reserved[MAX_IOAPICS + MAX_IOMMUS + 1];
static unsigned reserved_count;

void device_frame_reserve(mfn_t m)
{
    BUG_ON(reserved_count == ARRAY_SIZE(reserved));
    reserved[reserved_count++] = m;
}

bool device_frame_allowed(struct domain *d, mfn_t m)
{
    if (!d->privileged || mfn_is_ram(m) || m.n >> (cpu_features.physical_bits - PAGE_SHIFT))
        return false;
    for (unsigned i = 0; i < reserved_count; i++)
        if (reserved[i].n == m.n)
            return false;
    return true;
}

int l1_entry_acquire(struct domain *d, struct domain *frames_of, pte_t e)
{
    mfn_t m = pte_mfn(e);

    if (unlikely(!frame_get(m, frames_of->frames.index))) {
        if (mfn_is_ram(m))
            return -EBUSY;
        return device_frame_allowed(d, m) ? 0 : -EINVAL;
    }
    if ((e & PTE_RW) &&
        unlikely(frame_type_claim(m, TYPE_WRITABLE | (d == frames_of ? 0 : TYPE_FOREIGN)))) {
        frame_put(m);
        return -EBUSY;
    }
    if (unlikely(d != frames_of) && (e & PTE_RW))
        frames_of->mode->written_by_others(frames_of, m);
    return 0;
}

void l1_entry_release(pte_t e)
{
    mfn_t m = pte_mfn(e);

    if (unlikely(!mfn_is_ram(m)))
        return;
    if (e & PTE_RW)
        frame_put_writable(m);
    else
        frame_put(m);
}

int table_entry_acquire(struct domain *d, unsigned level, pte_t e)
{
    mfn_t m = pte_mfn(e);
    int r;

    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    r = frame_type_claim(m, type_of_level(level - 1));
    if (r && r != -EAGAIN) {
        frame_put(m);
        return -EINVAL;
    }
    return r;
}

int table_entry_release(pte_t e)
{
    mfn_t m = pte_mfn(e);
    int r = frame_type_put(m);

    if (!r)
        frame_put(m);
    return r;
}

/* What the processor does to tables and memory by itself. */
#include "model/tlb.h"
#include <string.h>
#include "lib/atomic.h"
#include "machine/tlb.h"

struct tlb model_tlbs[MODEL_CPUS];
uint64_t model_walks;

void tlb_empty(struct tlb *t)
{
    memset(t->entry, 0, sizeof(t->entry));
    t->flushes++;
}

static void tlb_add(struct tlb *t, unsigned kind, unsigned level, mfn_t frame)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        if (t->entry[i].kind == kind && t->entry[i].level == level &&
            t->entry[i].frame.n == frame.n)
            return;
    t->entry[t->next++ % TLB_ENTRIES] = (struct tlb_entry){ (uint8_t)kind, (uint8_t)level, frame };
}

void model_load(uint64_t root)
{
    this_cpu()->root = root;
    tlb_empty(&model_tlbs[this_cpu()->id]);
}

void root_load(uint64_t root)
{
    tlb_note_flush();
    model_load(root);
}

/* In the hypervisor nobody else's request comes between the look at the vCPU and the load. */
void model_load_root(const struct vcpu *v, bool user, bool note)
{
    const uint64_t *root = user ? &v->user_root : &v->kernel_root;

    do
        (note ? root_load : model_load)(read_once(*root));
    while (this_cpu()->root != read_once(*root));
}

/* Where a walk goes on: from the root, or from a table this CPU remembers. */
static unsigned walk_begin(const struct tlb *t, mfn_t *table)
{
    const struct tlb_entry *e = &t->entry[rnd(TLB_ENTRIES)];

    *table = mfn(this_cpu()->root >> PAGE_SHIFT);
    if (e->kind != TLB_TABLE)
        return 4;
    *table = e->frame;
    return e->level;
}

/* Reads an entry and marks it as used; as the processor does, only if it is still the same.  Where
 * the entry leads is looked at after it: what was done there before it was written is done. */
static pte_t entry_use(pte_t *at, unsigned level)
{
    pte_t e = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    pte_t used = e | PTE_A | (level == 1 && (e & PTE_RW) ? PTE_D : 0);

    if (!(e & PTE_P) || pte_mfn(e).n >= MODEL_FRAMES)
        return 0;
    return __atomic_compare_exchange_n(at, &e, used, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
               ? used
               : 0;
}

/* A page walk; others may do anything between two of its reads, but a flush of this CPU's TLB
 * comes before or after it, not between. */
void model_touch(void)
{
    struct tlb *t = &model_tlbs[this_cpu()->id];
    uint64_t before = t->flushes;
    bool writable = true;
    mfn_t table;
    pte_t e;

    if (!this_cpu()->root)
        return;
    __atomic_fetch_add(&model_walks, 1, __ATOMIC_RELAXED);
    for (unsigned level = walk_begin(t, &table); level; level--) {
        pte_t *at = (pte_t *)frame_virt(table) + model_index(level);

        model_step();
        if (t->flushes != before || !(e = entry_use(at, level)))
            return;
        writable = writable && (e & PTE_RW);
        table = pte_mfn(e);
        if (level > 1)
            tlb_add(t, TLB_TABLE, level - 1, table);
        else if (writable)
            tlb_add(t, TLB_WRITE, 0, table);
    }
}

void model_store(uint64_t value)
{
    const struct tlb_entry *e = &model_tlbs[this_cpu()->id].entry[rnd(TLB_ENTRIES)];

    if (e->kind == TLB_WRITE)
        __atomic_store_n((uint64_t *)frame_virt(e->frame) + model_index(1 + rnd(4)), value,
                         __ATOMIC_RELAXED);
}

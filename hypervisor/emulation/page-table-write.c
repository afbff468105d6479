/*
 * Linux writes L1 entries with plain instructions in places, counting on the hypervisor to finish
 * them: at boot for every entry, later when it clears or write-protects one.  The result is
 * computed from the present entry and put in by compare-exchange, as the processor may set
 * accessed and dirty bits at any moment; if it did, the guest simply runs the instruction again.
 */
#include "emulation/page-table-write.h"
#include "domain/domain.h"
#include "emulation/fetch.h"
#include "emulation/operands.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/registers.h"

#define FLAGS_ARITHMETIC 0x8d5UL /* CF PF AF ZF SF OF */
#define FLAG_PF          0x4UL
#define FLAG_ZF          0x40UL
#define FLAG_SF          0x80UL

static uint64_t source(struct cpu_regs *regs, const struct instruction *i)
{
    return i->has_immediate ? i->immediate : operand_read(regs, i->reg, i->size, i->rex);
}

/* What the operation makes of the old value; flags it sets go to *flags. */
static bool compute(struct cpu_regs *regs, const struct instruction *i, uint64_t old, uint64_t *new,
                    uint64_t *flags)
{
    uint64_t src = source(regs, i), bit;

    *flags = regs->rflags;
    switch (i->op) {
    case OP_MOV_STORE:
    case OP_XCHG:
        *new = src;
        return true;
    case OP_AND:
    case OP_OR:
        *new = i->op == OP_AND ? old &src : old | src;
        *flags = (*flags & ~FLAGS_ARITHMETIC) | (*new ? 0 : FLAG_ZF);
        if (*new >> (8 * i->size - 1) & 1)
            *flags |= FLAG_SF;
        if (!(bit_count(*new & 0xff) & 1))
            *flags |= FLAG_PF;
        return true;
    case OP_BTR:
    case OP_BTS:
    case OP_BTC:
        if (!i->has_immediate && src >= 8UL * i->size)
            return false; /* reaches beyond the operand */
        bit = 1UL << (src % (8UL * i->size));
        *flags = (*flags & ~RFLAGS_CF) | (old & bit ? RFLAGS_CF : 0);
        *new = i->op == OP_BTR ? old & ~bit : i->op == OP_BTS ? old | bit : old ^ bit;
        return true;
    default:
        return false;
    }
}

/* The 8-byte entry as it is after a store of `size` bytes at `offset` in it. */
static pte_t merge(pte_t old, uint64_t value, unsigned offset, unsigned size)
{
    uint64_t mask = size == 8 ? UINT64_MAX : ((1UL << (8 * size)) - 1) << (8 * offset);

    return (old & ~mask) | (value << (8 * offset) & mask);
}

static uint64_t extract(pte_t old, unsigned offset, unsigned size)
{
    return old >> (8 * offset) & (size == 8 ? UINT64_MAX : (1UL << (8 * size)) - 1);
}

static bool finish_cmpxchg(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i,
                           pte_t *slot, pte_t old, unsigned offset)
{
    uint64_t seen = extract(old, offset, i->size), want = operand_read(regs, 0, i->size, i->rex);
    int r;

    if (seen != want) {
        operand_write(regs, 0, i->size, i->rex, seen);
        regs->rflags &= ~FLAG_ZF;
        regs->rip += i->length;
        return true;
    }
    r = v->domain->mode->store_exchange(v, slot, old, merge(old, source(regs, i), offset, i->size));
    if (r)
        return r == -EAGAIN;
    regs->rflags |= FLAG_ZF;
    regs->rip += i->length;
    return true;
}

/* What kernels do most: a whole entry is stored or exchanged. */
static bool finish_whole(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i,
                         pte_t *slot)
{
    uint64_t *reg = operand_register(regs, i->reg);
    pte_t old = read_once(*slot);
    int r = v->domain->mode->store_exchange(v, slot, old, i->has_immediate ? i->immediate : *reg);

    if (unlikely(r))
        return r == -EAGAIN; /* the processor changed it meanwhile: once more */
    if (i->op == OP_XCHG)
        *reg = old;
    regs->rip += i->length;
    return true;
}

static bool finish_store(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i,
                         pte_t *slot, unsigned offset)
{
    pte_t old = read_once(*slot);
    uint64_t new, flags, seen = extract(old, offset, i->size);
    int r;

    if (i->op == OP_CMPXCHG)
        return finish_cmpxchg(v, regs, i, slot, old, offset);
    if (!compute(regs, i, seen, &new, &flags))
        return false;
    r = v->domain->mode->store_exchange(v, slot, old, merge(old, new, offset, i->size));
    if (r == -EAGAIN)
        return true;
    if (r)
        return false;
    if (i->op == OP_XCHG)
        operand_write(regs, i->reg, i->size, i->rex, seen);
    regs->rflags = flags;
    regs->rip += i->length;
    return true;
}

bool page_table_write_emulate(struct vcpu *v, struct cpu_regs *regs, uint64_t address)
{
    struct domain *d = v->domain;
    const struct instruction *i = instruction_at(v, regs->rip);
    unsigned offset = address & 7;
    pte_t *slot;
    bool done;
    int r;

    if (unlikely(!i || i->op < OP_MOV_STORE || i->segment_override))
        return false;
    /* The fault reports the first byte; the operand must lie inside one entry, as it does if it is
     * aligned to its size. */
    if (unlikely(operand_address(regs, i) != address || (offset & (i->size - 1U))))
        return false;
    r = d->mode->store_begin(v, address, &slot);
    if (unlikely(r))
        return r == -ERESTART;
    if (likely(i->size == 8 && i->op <= OP_XCHG))
        done = finish_whole(v, regs, i, slot);
    else
        done = finish_store(v, regs, i, slot, offset);
    d->counters.emulated_writes++;
    d->mode->store_end(v);
    return done;
}

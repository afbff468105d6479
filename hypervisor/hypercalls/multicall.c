/*
 * A list of calls.  Calls that would leave kernel mode or never return to the list are refused:
 * the rest would run with the wrong root table (XSA-213).
 */
#include "domain/guest-memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"

#define PREEMPT_EVERY 16

/* Makes one call and stores its result.  1: interrupted, its new arguments are stored instead. */
static int run_entry(guest_handle_t at, struct multicall_state *state)
{
    struct multicall_entry e;

    if (guest_read(&e, at, sizeof(e)))
        return -EFAULT;
    state->active = true;
    state->preempted = false;
    if (e.op == NR_multicall)
        e.result = -EINVAL;
    else if (e.op >= NR_LIMIT || e.op == NR_iret)
        e.result = -ENOSYS;
    else
        e.result = hypercall_table[e.op](e.args[0], e.args[1], e.args[2], e.args[3], e.args[4]);
    state->active = false;
    if (!state->preempted)
        return guest_write(at + offsetof(struct multicall_entry, result), &e.result,
                           sizeof(e.result));
    return guest_write(at + offsetof(struct multicall_entry, args), state->args,
                       sizeof(state->args))
               ? -EFAULT
               : 1;
}

int64_t hypercall_do_multicall(uint64_t list, uint64_t count)
{
    struct multicall_state *state = &multicall_states[this_cpu()->id];
    uint32_t n = (uint32_t)count;

    for (uint32_t i = 0; i < n; i++) {
        guest_handle_t at = list + (uint64_t)i * sizeof(struct multicall_entry);
        int r = run_entry(at, state);

        if (r < 0)
            return r;
        if (r == 1 || (i + 1 < n && (i % PREEMPT_EVERY == PREEMPT_EVERY - 1 || latency_is_due()) &&
                       preempt_point()))
            return continuation(NR_multicall, r ? at : at + sizeof(struct multicall_entry),
                                n - i - !r, 0, 0, 0);
    }
    return 0;
}

/*
 * multicall: many hypercalls in one, each with its own result.
 */
#include "guest-test.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/version.h"

static struct multicall_entry calls[40];

void guest_test(void)
{
    calls[0] =
        (struct multicall_entry){ .op = HYPERCALL_NR_xen_version, .args = { XENVER_version, 0 } };
    calls[1] = (struct multicall_entry){ .op = 60 };
    calls[2] =
        (struct multicall_entry){ .op = HYPERCALL_NR_xen_version, .args = { XENVER_pagesize, 0 } };
    check("three calls", hypercall_multicall(HYPERCALL_ARG(calls), 3), 0);
    check("first", calls[0].result, 4 << 16 | 17);
    check("unknown one", calls[1].result, -XEN_ENOSYS);
    check("third all the same", calls[2].result, 4096);
    for (int i = 0; i < 40; i++)
        calls[i] = (struct multicall_entry){ .op = HYPERCALL_NR_xen_version,
                                             .args = { XENVER_pagesize, 0 } };
    check("forty calls", hypercall_multicall(HYPERCALL_ARG(calls), 40), 0);
    check("the last", calls[39].result, 4096);
    calls[0] = (struct multicall_entry){ .op = HYPERCALL_NR_multicall,
                                         .args = { HYPERCALL_ARG(calls + 1), 1 } };
    check("nested", hypercall_multicall(HYPERCALL_ARG(calls), 1), 0);
    value("nested result", calls[0].result);
    check("none", hypercall_multicall(HYPERCALL_ARG(calls), 0), 0);
    check("wild list", hypercall_multicall(BAD_POINTER, 1), -XEN_EFAULT);
}

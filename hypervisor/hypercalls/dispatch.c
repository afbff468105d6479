/* The dispatch table, expanded from hypercalls.def; entry/syscall.S indexes it by rax. */
#include "domain/domain.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"

#define ARGS                                                                   \
    uint64_t a maybe_unused, uint64_t b maybe_unused, uint64_t c maybe_unused, \
        uint64_t d maybe_unused, uint64_t e maybe_unused

static int64_t unsupported(ARGS)
{
    return -ENOSYS;
}

/* Handlers that anybody may call are in the table themselves: in the SysV calling convention a
 * function simply does not look at arguments it does not have. */
#define CALLER_ANY(name)     (hypercall_handler *)(void *)hypercall_do_##name
#define CALLER_CONTROL(name) gate_##name

/* Hypercalls of the control domain: the permission stands before the handler. */
#define CALL_1(name) hypercall_do_##name(a)
#define CALL_2(name) hypercall_do_##name(a, b)
#define CALL_3(name) hypercall_do_##name(a, b, c)
#define CALL_4(name) hypercall_do_##name(a, b, c, d)
#define CALL_5(name) hypercall_do_##name(a, b, c, d, e)
#define GATE_ANY(name, arguments)
#define GATE_CONTROL(name, arguments)                                          \
    static int64_t gate_##name(ARGS)                                           \
    {                                                                          \
        return current_domain()->privileged ? CALL_##arguments(name) : -EPERM; \
    }
#define GATED_YES(name, arguments, caller) GATE_##caller(name, arguments)
#define GATED_NO(name, arguments, caller)
#define HYPERCALL(number, name, arguments, caller, support, summary) \
    GATED_##support(name, arguments, caller)
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL

#define ENTRY_YES(name, caller) CALLER_##caller(name)
#define ENTRY_NO(name, caller)  unsupported

/* Every number first gets the refusal, then those in the list their handler. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
hypercall_handler *const hypercall_table[NR_LIMIT] = {
    [0 ... NR_LIMIT - 1] = unsupported,
#define HYPERCALL(number, name, arguments, caller, support, summary) \
    [number] = ENTRY_##support(name, caller),
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL
};

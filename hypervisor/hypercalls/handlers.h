/* The handlers dispatch.c calls, one per hypercall of hypercalls.def. */
#ifndef HYPERCALLS_HANDLERS_H
#define HYPERCALLS_HANDLERS_H

#include "lib/types.h"

#define HANDLER_ARGS_0 void
#define HANDLER_ARGS_1 uint64_t
#define HANDLER_ARGS_2 uint64_t, uint64_t
#define HANDLER_ARGS_3 uint64_t, uint64_t, uint64_t
#define HANDLER_ARGS_4 uint64_t, uint64_t, uint64_t, uint64_t
#define HANDLER_ARGS_5 uint64_t, uint64_t, uint64_t, uint64_t, uint64_t

#define HANDLER_YES(name, arguments) int64_t hypercall_do_##name(HANDLER_ARGS_##arguments);
#define HANDLER_NO(name, arguments)
#define HYPERCALL(number, name, arguments, caller, support, summary) \
    HANDLER_##support(name, arguments)
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL

/* The numbers. */
enum {
#define HYPERCALL(number, name, arguments, caller, support, summary) NR_##name = number,
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL
    NR_LIMIT = 64
};

typedef int64_t hypercall_handler(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
extern hypercall_handler *const hypercall_table[NR_LIMIT];

#endif

/* What tests/unit/hv-two-domains.c needs of the layers left out. */
#ifndef TESTS_UNIT_FAKE_MACHINE_H
#define TESTS_UNIT_FAKE_MACHINE_H

#include <stdio.h>
#include <string.h>
#include "domain/domain.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "lifecycle/shutdown.h"
#include "machine/latency.h"
#include "machine/screen.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/runstate.h"
#include "scheduling/scheduler.h"

static unsigned shutdowns;
struct multicall_state multicall_states[MAX_CPUS];

int64_t continuation(unsigned number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                     uint64_t a5)
{
    return hypercall_table[number](a1, a2, a3, a4, a5);
}

void domain_shutdown(struct domain *d, uint32_t reason)
{
    (void)d;
    (void)reason;
    shutdowns++;
}

void vcpu_block(struct vcpu *v)
{
    (void)v;
}

void scheduler_yield(void)
{
}

int vcpu_set_affinity(struct vcpu *v, const struct cpu_set *cpus)
{
    v->sched.affinity = *cpus;
    return 0;
}

void vcpu_affinity(struct vcpu *v, struct cpu_set *cpus)
{
    *cpus = v->sched.affinity;
}

void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    (void)v;
    memset(out, 0, sizeof(*out));
}

void runstate_publish(struct vcpu *v)
{
    (void)v;
}

int screen_scroll(int half_screens, unsigned *lines_back)
{
    (void)half_screens;
    *lines_back = 7;
    return 0;
}

void latency_longest(struct latency *out, bool reset)
{
    (void)reset;
    memset(out, 0, sizeof(*out));
}

const char *symbol_find(uint64_t address, uint64_t *offset);
const char *symbol_find(uint64_t address, uint64_t *offset)
{
    *offset = address;
    return "";
}

void string_copy(char *to, const char *from, size_t size)
{
    snprintf(to, size, "%s", from);
}

mfn_t mapping_lookup(uint64_t address)
{
    (void)address;
    return MFN_NONE;
}

/* Handlers that are not under test: to come here is to have been let in. */
#define LET_IN 4711
#define STUB_NO(name, arguments)
#define STUB_YES(name, arguments)                                               \
    __attribute__((weak)) int64_t hypercall_do_##name(HANDLER_ARGS_##arguments) \
    {                                                                           \
        return LET_IN;                                                          \
    }
#define HYPERCALL(number, name, arguments, caller, support, summary) STUB_##support(name, arguments)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#include "hypercall-abi/hypercalls.def"
#pragma GCC diagnostic pop
#undef HYPERCALL

#endif

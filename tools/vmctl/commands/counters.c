/*
 * vmctl counters: how often the costly things happened to a guest; without one, how long the
 * hypervisor has kept a CPU from answering interrupts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "hypercall-abi/paravane.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"

static void counters_print(const struct paravane_counters *c, bool json)
{
    const struct {
        const char *name;
        unsigned long long value;
    } rows[] = {
        { "hypercalls", c->hypercalls },
        { "traps_bounced", c->traps_bounced },
        { "page_faults", c->page_faults },
        { "emulated_writes", c->emulated_writes },
        { "emulated_instructions", c->emulated_instructions },
        { "root_switches", c->root_switches },
        { "tlb_flushes", c->tlb_flushes },
        { "upcalls", c->upcalls },
        { "context_switches", c->context_switches },
    };
    const int count = (int)(sizeof(rows) / sizeof(rows[0]));

    if (json)
        printf("{");
    for (int i = 0; i < count; i++) {
        if (json)
            json_number(rows[i].name, rows[i].value, i + 1 < count);
        else
            printf("%-23s: %llu\n", rows[i].name, rows[i].value);
    }
    if (json)
        printf("}\n");
}

static void entry_name(uint32_t entry, char *to, size_t size)
{
    if (entry < PARAVANE_ENTRY_TRAP)
        snprintf(to, size, "hypercall %u", (unsigned int)entry);
    else if (entry < PARAVANE_ENTRY_INTERRUPT)
        snprintf(to, size, "trap %u", (unsigned int)(entry - PARAVANE_ENTRY_TRAP));
    else if (entry < PARAVANE_ENTRY_UNKNOWN)
        snprintf(to, size, "interrupt %u", (unsigned int)(entry - PARAVANE_ENTRY_INTERRUPT));
    else
        snprintf(to, size, "idle");
}

static int latency_print(struct command_context *context, bool reset)
{
    struct paravane_latency l;
    char entry[32];
    int error = machine_latency(reset, &l);

    if (error == -ENOSYS)
        failure_set(&context->failure, error,
                    "counters: this hypervisor does not keep them (only Paravane does)");
    if (error)
        return command_failed(context, error, "the counters cannot be read");
    entry_name(l.entry, entry, sizeof(entry));
    if (context->json) {
        printf("{");
        json_number("longest_without_interrupts_cycles", l.cycles, 1);
        json_number("cycles_khz", l.cycles_khz, 1);
        json_field("entered_by", entry, 1);
        json_field("ended_in", l.where, 0);
        printf("}\n");
    } else {
        printf("longest time without interrupts: %llu cycles (%llu us), from %s to %s\n",
               (unsigned long long)l.cycles,
               (unsigned long long)(l.cycles_khz ? l.cycles * 1000 / l.cycles_khz : 0), entry,
               l.where);
    }
    return 0;
}

int command_counters(struct command_context *context, int argc, char **argv)
{
    struct paravane_counters counters;
    bool reset = command_flag(&argc, argv, "-c");
    uint32_t domid;

    if (argc == 1)
        return latency_print(context, reset);
    if (argc != 2 || reset)
        return command_usage(context);
    int error = domain_find(context->store, argv[1], &domid, &context->failure);

    if (error)
        return command_failed(context, error, argv[1]);
    error = domain_counters(domid, &counters);
    if (error == -ENOSYS)
        failure_set(&context->failure, error,
                    "counters: this hypervisor does not keep them (only Paravane does)");
    if (error)
        return command_failed(context, error, "the counters cannot be read");
    counters_print(&counters, context->json);
    return 0;
}

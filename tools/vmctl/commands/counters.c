/*
 * vmctl counters: how often the costly things happened to a guest.
 */
#include <errno.h>
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

int command_counters(struct command_context *context, int argc, char **argv)
{
    struct paravane_counters counters;
    uint32_t domid;

    if (argc != 2)
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

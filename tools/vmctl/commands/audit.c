/*
 * vmctl audit: has the hypervisor recount every reference to domains' frames: all domains', or
 * those of the guests that are named.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hypercall-abi/paravane.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"
#include "xenstore/client.h"

struct audit {
    bool json;
    unsigned int shown;
    uint64_t differences; /* of all that were recounted */
};

static void show(struct audit *audit, uint32_t domid, uint64_t frames, uint64_t differences)
{
    if (audit->json) {
        printf("%s{", audit->shown ? ",\n " : "[");
        json_number("domid", domid, 1);
        json_number("frames", frames, 1);
        json_number("differences", differences, 0);
        printf("}");
    } else {
        printf("domain %u: %llu frames, %llu differences\n", (unsigned int)domid,
               (unsigned long long)frames, (unsigned long long)differences);
    }
    audit->shown++;
    audit->differences += differences;
}

static int audit_one(struct audit *audit, uint32_t domid)
{
    uint64_t frames, differences;
    int error = domain_audit(domid, &frames, &differences);

    if (!error)
        show(audit, domid, frames, differences);
    return error;
}

/* In one go: the hypervisor has to recount everybody's references for each answer. */
static int audit_all(struct audit *audit)
{
    struct paravane_audit *list;
    size_t count;
    int error = domain_audit_all(&list, &count);

    for (size_t i = 0; i < count; i++)
        show(audit, list[i].domid, list[i].frames, list[i].differences);
    free(list);
    return error;
}

/* Only names need the store, and without them the command shall work where there is none. */
static int audit_named(struct command_context *context, struct audit *audit, int argc, char **argv)
{
    uint32_t domid = 0;
    int error = 0;

    context->store = xs_open();
    if (!context->store)
        return failure_set(&context->failure, -ENOTCONN,
                           "xenstore cannot be reached (is xenstored running?)");
    for (int i = 1; !error && i < argc; i++) {
        error = domain_find(context->store, argv[i], &domid, &context->failure);
        if (!error)
            error = audit_one(audit, domid);
    }
    return error;
}

int command_audit(struct command_context *context, int argc, char **argv)
{
    struct audit audit = { .json = context->json };

    if (argc > 1 && argv[1][0] == '-')
        return command_usage(context);
    int error = argc > 1 ? audit_named(context, &audit, argc, argv) : audit_all(&audit);

    if (audit.json && audit.shown)
        printf("]\n");
    if (error == -ENOSYS)
        failure_set(&context->failure, error,
                    "audit: this hypervisor does not offer it (only Paravane does)");
    if (error)
        return command_failed(context, error, "the references cannot be recounted");
    if (!audit.differences)
        return 0;
    fprintf(stderr, "vmctl: audit: %llu counts are wrong (vmctl dmesg names them; please report)\n",
            (unsigned long long)audit.differences);
    return STATUS_FAILED;
}

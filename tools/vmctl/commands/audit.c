/*
 * vmctl audit: has the hypervisor recount every reference to every domain's frames.
 */
#include <errno.h>
#include <stdio.h>

#include "hypercall-abi/domctl.h"
#include "vmctl/command.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"

#define DOMAINS 64

static int audit_one(uint32_t domid, bool json, bool last, uint64_t *differences)
{
    uint64_t frames;
    int error = domain_audit(domid, &frames, differences);

    if (error)
        return error;
    if (json) {
        printf("%s{", domid ? " " : "[");
        json_number("domid", domid, 1);
        json_number("frames", frames, 1);
        json_number("differences", *differences, 0);
        printf("}%s\n", last ? "]" : ",");
    } else {
        printf("domain %u: %llu frames, %llu differences\n", (unsigned int)domid,
               (unsigned long long)frames, (unsigned long long)*differences);
    }
    return 0;
}

int command_audit(struct command_context *context, int argc, char **argv)
{
    struct xen_domctl_getdomaininfo list[DOMAINS];
    uint64_t differences, all = 0;
    size_t count;

    (void)argv;
    if (argc != 1)
        return command_usage(context);
    int error = domain_info_list(list, DOMAINS, &count);

    for (size_t i = 0; !error && i < count; i++) {
        error = audit_one(list[i].domain, context->json, i + 1 == count, &differences);
        all += error ? 0 : differences;
    }
    if (error == -ENOSYS)
        failure_set(&context->failure, error,
                    "audit: this hypervisor does not offer it (only Paravane does)");
    if (error)
        return command_failed(context, error, "the references cannot be recounted");
    if (!all)
        return 0;
    fprintf(stderr, "vmctl: audit: %llu counts are wrong (vmctl dmesg names them; please report)\n",
            (unsigned long long)all);
    return STATUS_FAILED;
}

/*
 * vmctl dirty-rate: how much of its memory a guest writes, by the log that a live migration would
 * go by.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"
#include "vmctl/platform/platform.h"

#define FRAMES_A_MIB 256
#define PIECE_NS     100000000ULL

struct interval {
    uint64_t written, frames, ns;
};

static void interval_print(const struct interval *i, bool json, bool first)
{
    uint64_t ms = i->ns / 1000000, tenths = i->written * 10 / FRAMES_A_MIB;

    if (!json) {
        printf("%llu of %llu frames (%llu.%llu MiB) written in %llu.%03llu s\n",
               (unsigned long long)i->written, (unsigned long long)i->frames,
               (unsigned long long)tenths / 10, (unsigned long long)tenths % 10,
               (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
        return;
    }
    printf("%s{", first ? "" : ",\n ");
    json_number("written", i->written, 1);
    json_number("frames", i->frames, 1);
    json_number("milliseconds", ms, 0);
    printf("}");
}

/* In pieces, so that Ctrl-C ends it. */
static int interval_wait(uint64_t ns)
{
    int error = 0;

    while (ns && !error) {
        uint64_t piece = ns < PIECE_NS ? ns : PIECE_NS;

        error = command_pause_ns(piece);
        ns -= piece;
    }
    return error;
}

/* One reading after another, each of what was written since the one before. */
static int intervals(uint32_t domid, uint64_t frames, long count, uint64_t delay_ns, bool json)
{
    int64_t since = platform_now_ns(), now;

    for (long n = 0; n < count; n++) {
        struct interval i = { .frames = frames };
        int error = interval_wait(delay_ns);

        if (!error)
            error = domain_log_read(domid, frames, &i.written);
        if (error)
            return error;
        now = platform_now_ns();
        i.ns = (uint64_t)(now - since);
        since = now;
        interval_print(&i, json, !n);
        fflush(stdout);
    }
    return 0;
}

static bool has_ended(uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;

    return domain_info(domid, &info) || (info.flags & XEN_DOMINF_dying);
}

/* What is wrong, where the error's own words would not say. */
static int explain(struct failure *failure, uint32_t domid, const char *name, int error)
{
    if (error == -EOPNOTSUPP || error == -ENOSYS)
        return failure_set(failure, error,
                           "dirty-rate: this hypervisor logs no guest's writes (Paravane does)");
    if (!domid)
        return failure_set(failure, error, "%s: its writes are not logged (name a guest)", name);
    if (has_ended(domid))
        return failure_set(failure, error,
                           "%s: it has ended or rebooted meanwhile (start dirty-rate again)", name);
    if (error == -EINVAL)
        return failure_set(failure, error,
                           "%s: somebody logs its writes already (wait for that to end)", name);
    return error;
}

static int measure(struct command_context *context, uint32_t domid, const char *name, long count,
                   uint64_t delay_ns)
{
    struct xen_domctl_getdomaininfo info;
    int error = domain_info(domid, &info), end;

    if (!error)
        error = domain_log_begin(domid);
    if (error)
        return explain(&context->failure, domid, name, error);
    if (context->json)
        printf("[");
    error = intervals(domid, info.max_pages, count, delay_ns, context->json);
    if (context->json)
        printf("]\n");
    end = domain_log_end(domid);
    if (error == -EINTR || !(error || end))
        return error;
    return explain(&context->failure, domid, name, error ? error : end);
}

int command_dirty_rate(struct command_context *context, int argc, char **argv)
{
    const char *count_text = "1", *delay_text = "1";
    char *end;
    uint32_t domid;

    command_option(&argc, argv, "-n", &count_text);
    command_option(&argc, argv, "-d", &delay_text);
    long count = strtol(count_text, &end, 10);
    int64_t delay_ns = command_seconds(delay_text);

    if (argc != 2 || *end || end == count_text || count < 1 || delay_ns <= 0)
        return command_usage(context);
    int error = domain_find(context->store, argv[1], &domid, &context->failure);

    if (error)
        return command_failed(context, error, argv[1]);
    error = measure(context, domid, argv[1], count, (uint64_t)delay_ns);
    if (error == -EINTR)
        return STATUS_FAILED;
    return error ? command_failed(context, error, "the guest's writes cannot be logged") : 0;
}

/*
 * vmctl list, uptime and top: facts about guests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/sched.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

/* What the store has of a guest, for list -v. */
struct store_facts {
    char uuid[40], pgtable[16];
};

struct domain_list {
    struct xen_domctl_getdomaininfo *items;
    size_t count;
};

/* Those named, or all.  Prints what is wrong itself. */
static int list_get(struct command_context *context, int argc, char **argv,
                    struct domain_list *list)
{
    list->items = NULL;
    list->count = 0;
    if (argc <= 1)
        return domain_info_all(&list->items, &list->count);
    list->items = calloc((size_t)argc, sizeof(*list->items));
    if (!list->items)
        return -ENOMEM;
    for (int i = 1; i < argc; i++) {
        uint32_t domid;
        int error = domain_find(context->store, argv[i], &domid, &context->failure);

        if (!error)
            error = domain_info(domid, &list->items[list->count++]);
        if (error)
            return error;
    }
    return 0;
}

/* xl's six letters. */
static void state_letters(const struct xen_domctl_getdomaininfo *info, char letters[7])
{
    uint32_t flags = info->flags;
    bool crashed = flags & XEN_DOMINF_shutdown && domain_end_reason(info) == SHUTDOWN_crash;

    snprintf(letters, 7, "%c%c%c%c%c%c", flags & XEN_DOMINF_running ? 'r' : '-',
             flags & XEN_DOMINF_blocked ? 'b' : '-', flags & XEN_DOMINF_paused ? 'p' : '-',
             flags & XEN_DOMINF_shutdown ? 's' : '-', crashed ? 'c' : '-',
             flags & XEN_DOMINF_dying ? 'd' : '-');
}

static const char *state_word(const struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = info->flags;

    if (flags & XEN_DOMINF_dying)
        return "dying";
    if (flags & XEN_DOMINF_shutdown)
        return domain_end_reason(info) == SHUTDOWN_crash ? "crashed" : "shutdown";
    if (flags & XEN_DOMINF_paused)
        return "paused";
    return flags & XEN_DOMINF_blocked ? "blocked" : "running";
}

static unsigned long long whole_seconds(const struct xen_domctl_getdomaininfo *info)
{
    return info->cpu_time / 1000000000;
}

static unsigned long long milliseconds(const struct xen_domctl_getdomaininfo *info)
{
    return info->cpu_time / 1000000 % 1000;
}

/* A node below a folder; "-": there is none. */
static void fact_read(struct command_context *context, const char *folder, const char *node,
                      char *to, size_t size)
{
    char path[96], *text;

    snprintf(to, size, "-");
    snprintf(path, sizeof(path), "%.60s/%s", folder, node);
    if (xs_read(context->store, XS_NO_TX, path, &text, NULL))
        return;
    snprintf(to, size, "%s", text);
    free(text);
}

static void facts_read(struct command_context *context, uint32_t domid, struct store_facts *facts)
{
    char domain[32], vm[64];

    snprintf(domain, sizeof(domain), "/local/domain/%u", (unsigned int)domid);
    fact_read(context, domain, "vm", vm, sizeof(vm));
    fact_read(context, vm, "uuid", facts->uuid, sizeof(facts->uuid));
    fact_read(context, vm, "image/pgtable", facts->pgtable, sizeof(facts->pgtable));
    if (!domid) /* as every initial domain */
        snprintf(facts->pgtable, sizeof(facts->pgtable), "direct");
}

static void facts_print_json(struct command_context *context, uint32_t domid)
{
    struct store_facts facts;

    facts_read(context, domid, &facts);
    json_field("uuid", facts.uuid, 1);
    json_field("pgtable", facts.pgtable, 1);
}

static void list_print_json(struct command_context *context, const struct domain_list *list,
                            bool verbose)
{
    char name[64];

    printf("[");
    for (size_t i = 0; i < list->count; i++) {
        const struct xen_domctl_getdomaininfo *info = &list->items[i];

        domain_name(context->store, info->domain, name, sizeof(name));
        printf("%s{", i ? ",\n " : "");
        json_number("domid", info->domain, 1);
        json_field("name", name, 1);
        json_field("state", state_word(info), 1);
        json_number("vcpus", info->nr_online_vcpus, 1);
        json_number("memory_kib", info->tot_pages * 4, 1);
        if (verbose)
            facts_print_json(context, info->domain);
        printf("\"cpu_seconds\": %llu.%03llu}", whole_seconds(info), milliseconds(info));
    }
    printf("]\n");
}

static void list_print(struct command_context *context, const struct domain_list *list,
                       bool verbose)
{
    char name[64], letters[7];
    struct store_facts facts;

    printf("%-40s  %5s %5s %5s\t%s\t%s%s\n", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)",
           verbose ? "  Pgtable   UUID" : "");
    for (size_t i = 0; i < list->count; i++) {
        const struct xen_domctl_getdomaininfo *info = &list->items[i];

        domain_name(context->store, info->domain, name, sizeof(name));
        state_letters(info, letters);
        printf("%-40s  %5u %5llu %5u\t%s\t%5llu.%llu", name, info->domain,
               (unsigned long long)info->tot_pages / 256, (unsigned int)info->nr_online_vcpus,
               letters, whole_seconds(info), milliseconds(info) / 100);
        if (verbose) {
            facts_read(context, info->domain, &facts);
            printf("  %-8s  %s", facts.pgtable, facts.uuid);
        }
        printf("\n");
    }
}

int command_list(struct command_context *context, int argc, char **argv)
{
    bool verbose = command_flag(&argc, argv, "-v");
    struct domain_list list;

    if (argc > 1 && argv[1][0] == '-')
        return command_usage(context);
    int error = list_get(context, argc, argv, &list);

    if (!error && context->json)
        list_print_json(context, &list, verbose);
    else if (!error)
        list_print(context, &list, verbose);
    free(list.items);
    return error ? command_failed(context, error, "the guests cannot be listed") : 0;
}

/* Seconds since the guest was made; -1 if nobody wrote that down. */
static long long uptime_of(struct command_context *context, uint32_t domid)
{
    char path[64], *vm, *start;
    long long seconds = -1;

    if (domid == 0)
        return platform_now_ns() / 1000000000;
    snprintf(path, sizeof(path), "/local/domain/%u/vm", (unsigned int)domid);
    if (xs_read(context->store, XS_NO_TX, path, &vm, NULL))
        return -1;
    snprintf(path, sizeof(path), "%.45s/start_time", vm);
    free(vm);
    if (!xs_read(context->store, XS_NO_TX, path, &start, NULL)) {
        seconds = platform_wall_seconds() - strtoll(start, NULL, 10);
        free(start);
    }
    return seconds < 0 ? 0 : seconds;
}

int command_uptime(struct command_context *context, int argc, char **argv)
{
    struct domain_list list;
    char name[64];
    int error = list_get(context, argc, argv, &list);

    if (!error)
        printf("%s", context->json ? "[" : "Name                               ID Uptime\n");
    for (size_t i = 0; !error && i < list.count; i++) {
        uint32_t domid = list.items[i].domain;
        long long up = uptime_of(context, domid);

        domain_name(context->store, domid, name, sizeof(name));
        if (context->json) {
            printf("%s{", i ? ",\n " : "");
            json_number("domid", domid, 1);
            json_field("name", name, 1);
            printf("\"uptime_seconds\": %lld}", up);
        } else {
            printf("%-32s %4u %lld days, %2lld:%02lld:%02lld\n", name, (unsigned int)domid,
                   up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
        }
    }
    if (!error && context->json)
        printf("]\n");
    free(list.items);
    return error ? command_failed(context, error, "the guests cannot be listed") : 0;
}

static uint64_t cpu_time_before(const struct domain_list *before, uint32_t domid)
{
    for (size_t i = 0; i < before->count; i++)
        if (before->items[i].domain == domid)
            return before->items[i].cpu_time;
    return 0;
}

static void top_print_json(const struct xen_domctl_getdomaininfo *info, const char *name,
                           unsigned long long permille, bool first)
{
    printf("%s{", first ? "[" : ", ");
    json_number("domid", info->domain, 1);
    json_field("name", name, 1);
    printf("\"cpu_percent\": %llu.%llu, \"cpu_seconds\": %llu.%03llu}", permille / 10,
           permille % 10, whole_seconds(info), milliseconds(info));
}

static void top_print(struct command_context *context, const struct domain_list *before,
                      const struct domain_list *now, int64_t elapsed_ns)
{
    char name[64], letters[7];

    if (!context->json)
        printf("%-24s %5s %6s %7s %9s %6s %10s\n", "NAME", "ID", "STATE", "CPU(%)", "TIME(s)",
               "VCPUS", "MEM(KiB)");
    for (size_t i = 0; i < now->count; i++) {
        const struct xen_domctl_getdomaininfo *info = &now->items[i];
        uint64_t spent = info->cpu_time - cpu_time_before(before, info->domain);
        unsigned long long permille = elapsed_ns > 0 ? spent * 1000 / (uint64_t)elapsed_ns : 0;

        domain_name(context->store, info->domain, name, sizeof(name));
        state_letters(info, letters);
        if (context->json)
            top_print_json(info, name, permille, i == 0);
        else
            printf("%-24s %5u %6s %5llu.%llu %7llu.%llu %6u %10llu\n", name, info->domain, letters,
                   permille / 10, permille % 10, whole_seconds(info), milliseconds(info) / 100,
                   (unsigned int)info->nr_online_vcpus, (unsigned long long)info->tot_pages * 4);
    }
    printf("%s\n", context->json ? "]" : "");
    fflush(stdout);
}

static bool key_pressed(int64_t timeout_ns)
{
    char key;

    return !platform_keyboard_read(&key, timeout_ns) && (key == 'q' || key == 3 || key == 29);
}

#define NUMBER_MAX 1000000000 /* as seconds in ns it fits 64 bits */

/* -1: it is none. */
static long whole_number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    return end == text || *end || value > NUMBER_MAX ? -1 : value;
}

int command_top(struct command_context *context, int argc, char **argv)
{
    const char *count_text = "0", *delay_text = "2";
    struct domain_list before = { NULL, 0 }, now;

    command_option(&argc, argv, "-n", &count_text);
    command_option(&argc, argv, "-d", &delay_text);
    long count = whole_number(count_text), delay = whole_number(delay_text);

    if (argc != 1 || count < 0 || delay < 1)
        return command_usage(context);
    int64_t since = platform_now_ns(), at;
    int error = list_get(context, 1, argv, &before);

    for (long i = 0; !error && (!count || i < count); i++) {
        if (count)
            platform_sleep_ns((uint64_t)delay * 1000000000);
        else if (key_pressed(delay * 1000000000LL))
            break;
        at = platform_now_ns();
        error = list_get(context, 1, argv, &now);
        if (error)
            break;
        top_print(context, &before, &now, at - since);
        since = at;
        free(before.items);
        before = now;
    }
    free(before.items);
    return error ? command_failed(context, error, "the guests cannot be listed") : 0;
}

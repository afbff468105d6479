/*
 * What vmctl says of guests that have ended, and how it recounts references: of all domains,
 * however many, or of those named.  The hypervisor answers as ours does.
 *
 * Sources: tools/vmctl/commands/lifecycle.c tools/vmctl/commands/audit.c tools/vmctl/hypervisor.c
 * Sources: tools/vmctl/failure.c tools/vmctl/json.c tools/vmctl/progress.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/paravane.h"
#include "hypercall-abi/sched.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define DOMAINS 150u

static uint32_t flags[DOMAINS];
static uint64_t wrong[DOMAINS];
static unsigned int audits[DOMAINS], asked, unpaused;
static struct command_context context;

void *platform_buffer_alloc(size_t bytes)
{
    return calloc(1, bytes);
}

void platform_buffer_free(void *buffer, size_t bytes)
{
    (void)bytes;
    free(buffer);
}

static void describe(struct xen_domctl_getdomaininfo *info, uint32_t domid)
{
    *info = (struct xen_domctl_getdomaininfo){ .domain = (domid_t)domid, .flags = flags[domid] };
}

static long answer_domctl(struct xen_domctl *control)
{
    if (control->domain >= DOMAINS)
        return -ESRCH;
    unpaused += control->cmd == XEN_DOMCTL_unpausedomain;
    if (control->cmd == XEN_DOMCTL_getdomaininfo)
        describe(&control->u.getdomaininfo, control->domain);
    return 0;
}

/* Every other number is a domain's. */
static long answer_list(struct xen_sysctl_getdomaininfolist *list)
{
    struct xen_domctl_getdomaininfo *to = (void *)(uintptr_t)list->buffer;

    list->num_domains = 0;
    for (uint32_t i = (list->first_domain + 1u) & ~1u; i < DOMAINS; i += 2)
        if (list->num_domains < list->max_domains)
            describe(&to[list->num_domains++], i);
    return 0;
}

static long answer_audit_all(struct paravane_audit_all *all)
{
    struct paravane_audit *to = (void *)(uintptr_t)all->buffer;

    all->count = 0;
    for (uint32_t i = 0; i < DOMAINS; i += 2, all->count++) {
        audits[i]++;
        if (all->count < all->room)
            to[all->count] = (struct paravane_audit){ (domid_t)i, { 0 }, 1, wrong[i] };
    }
    return 0;
}

long platform_hypercall(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                        uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    if (number == HYPERCALL_NR_domctl)
        return answer_domctl((void *)(uintptr_t)a1);
    if (number == HYPERCALL_NR_sysctl)
        return answer_list(&((struct xen_sysctl *)(uintptr_t)a1)->u.getdomaininfolist);
    struct paravane_audit *audit = (void *)(uintptr_t)a2;

    assert_int_equal(number, HYPERCALL_NR_paravane_op);
    if (a1 == PARAVANEOP_audit_all)
        return answer_audit_all((void *)(uintptr_t)a2);
    assert_int_equal(a1, PARAVANEOP_audit);
    audits[audit->domid]++;
    audit->frames = 1;
    audit->differences = wrong[audit->domid];
    return 0;
}

void platform_yield(void)
{
}

int64_t platform_now_ns(void)
{
    return 0;
}

bool platform_is_attended(void)
{
    return false;
}

void platform_terminal_write(const char *data, size_t length)
{
    (void)data, (void)length;
}

static char store;

struct xs_client *xs_open(void)
{
    return (struct xs_client *)&store;
}

int domain_set_name(struct xs_client *client, uint32_t domid, const char *name)
{
    (void)client, (void)domid, (void)name;
    return 0;
}

int xs_printf(struct xs_client *client, uint32_t tx, const char *path, const char *format, ...)
{
    (void)client, (void)tx, (void)path, (void)format;
    asked++;
    return 0;
}

int xs_read(struct xs_client *client, uint32_t tx, const char *path, char **value, size_t *length)
{
    (void)client, (void)tx, (void)path, (void)value, (void)length;
    return -ENOENT;
}

int domain_find(struct xs_client *client, const char *text, uint32_t *domid,
                struct failure *failure)
{
    (void)client;
    *domid = (uint32_t)atoi(text);
    return *domid < DOMAINS ? 0 : failure_set(failure, -ESRCH, "%s: no such guest", text);
}

void domain_name(struct xs_client *client, uint32_t domid, char *name, size_t size)
{
    (void)client;
    snprintf(name, size, "%u", (unsigned int)domid);
}

int domain_end(struct xs_client *client, uint32_t domid, struct failure *failure)
{
    (void)client, (void)domid, (void)failure;
    return 0;
}

uint32_t domain_end_reason(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

const char *domain_end_reason_name(uint32_t reason)
{
    return reason == SHUTDOWN_crash ? "crashed" : "powered off";
}

int command_usage(const struct command_context *of)
{
    (void)of;
    return STATUS_USAGE;
}

int command_failed(const struct command_context *of, int error, const char *what)
{
    (void)of, (void)error, (void)what;
    return STATUS_FAILED;
}

bool command_flag(int *argc, char **argv, const char *name)
{
    (void)argc, (void)argv, (void)name;
    return false;
}

bool command_option(int *argc, char **argv, const char *name, const char **value)
{
    (void)argc, (void)argv, (void)name, (void)value;
    return false;
}

int64_t command_seconds(const char *text)
{
    return atoll(text);
}

int command_pause_ns(uint64_t duration_ns)
{
    (void)duration_ns;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(flags, 0, sizeof(flags));
    memset(wrong, 0, sizeof(wrong));
    memset(audits, 0, sizeof(audits));
    asked = unpaused = 0;
    return 0;
}

typedef int run_function(struct command_context *context, int argc, char **argv);

static int run(run_function *command, const char *word)
{
    char *argv[] = { (char *)"command", (char *)word, NULL };

    memset(&context, 0, sizeof(context));
    return command(&context, word ? 2 : 1, argv);
}

static void who_has_ended_is_not_asked(void **state)
{
    static run_function *const commands[] = { command_unpause, command_reboot, command_shutdown };

    (void)state;
    flags[4] = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
    flags[6] = XEN_DOMINF_shutdown | XEN_DOMINF_paused;
    flags[8] = XEN_DOMINF_dying | XEN_DOMINF_shutdown;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(commands[i], "4"), STATUS_FAILED);
        assert_string_equal(context.failure.text,
                            "4: has ended: crashed (vmctl destroy 4 takes it away, vmctl create "
                            "starts it anew)");
        assert_int_equal(run(commands[i], "6"), STATUS_FAILED);
        assert_non_null(strstr(context.failure.text, "6: has ended: powered off ("));
        assert_int_equal(run(commands[i], "8"), STATUS_FAILED);
        assert_non_null(strstr(context.failure.text, "8: is being destroyed ("));
    }
    assert_int_equal(asked + unpaused, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(run(commands[i], "2"), 0);
    assert_int_equal(asked, 2);
    assert_int_equal(unpaused, 1);
    flags[2] = XEN_DOMINF_paused;
    assert_int_equal(run(command_reboot, "2"), STATUS_FAILED);
    assert_non_null(strstr(context.failure.text, "is paused"));
}

static void all_domains_are_recounted(void **state)
{
    (void)state;
    assert_int_equal(run(command_audit, NULL), 0);
    for (uint32_t i = 0; i < DOMAINS; i++)
        assert_int_equal(audits[i], !(i & 1));
    wrong[DOMAINS - 2] = 1; /* the last one counts, too */
    assert_int_equal(run(command_audit, NULL), STATUS_FAILED);
}

static void or_those_that_are_named(void **state)
{
    (void)state;
    wrong[100] = 1;
    assert_int_equal(run(command_audit, "98"), 0);
    assert_int_equal(run(command_audit, "100"), STATUS_FAILED);
    for (uint32_t i = 0; i < DOMAINS; i++)
        assert_int_equal(audits[i], i == 98 || i == 100);
    assert_int_equal(run(command_audit, "1000"), STATUS_FAILED);
    assert_string_equal(context.failure.text, "1000: no such guest");
    assert_int_equal(run(command_audit, "-x"), STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_has_ended_is_not_asked, setup),
        cmocka_unit_test_setup(all_domains_are_recounted, setup),
        cmocka_unit_test_setup(or_those_that_are_named, setup),
    };

    return cmocka_run_group_tests_name("vmctl-ended", tests, NULL, NULL);
}

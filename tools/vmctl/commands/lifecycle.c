/*
 * vmctl pause, unpause, shutdown, reboot, destroy, domid, domname, rename, wait.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "vmctl/progress.h"
#include "xenstore/client.h"

#define GLANCE_NS 20000000u

/* The common beginning: exactly `words` arguments, the first a guest other than dom0. */
static int one_guest(struct command_context *context, int argc, char **argv, int words,
                     uint32_t *domid)
{
    if (argc != words + 1 || argv[1][0] == '-')
        return command_usage(context);
    if (domain_find(context->store, argv[1], domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    if (*domid)
        return 0;
    failure_set(&context->failure, -EINVAL, "%s: not for dom0 itself (name a guest)", argv[1]);
    return command_failed(context, -EINVAL, argv[1]);
}

/* One that has ended hears nothing and never runs again. */
static int must_live(struct command_context *context, uint32_t domid, const char *name)
{
    struct xen_domctl_getdomaininfo info;
    int error = domain_info(domid, &info);

    if (error || !(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
        return error;
    if (info.flags & XEN_DOMINF_dying)
        return failure_set(&context->failure, -ESRCH,
                           "%s: is being destroyed (vmctl wait %s --state gone)", name, name);
    return failure_set(&context->failure, -ESRCH,
                       "%s: has ended: %s (vmctl destroy %s takes it away, vmctl create starts it "
                       "anew)",
                       name, domain_end_reason_name(domain_end_reason(&info)), name);
}

int command_pause(struct command_context *context, int argc, char **argv)
{
    uint32_t domid = 0;
    int status = one_guest(context, argc, argv, 1, &domid);
    int error = status ? 0 : must_live(context, domid, argv[1]);

    if (!status && !error)
        error = domain_pause(domid);
    return error ? command_failed(context, error, argv[1]) : status;
}

int command_unpause(struct command_context *context, int argc, char **argv)
{
    uint32_t domid = 0;
    int status = one_guest(context, argc, argv, 1, &domid);
    int error = status ? 0 : must_live(context, domid, argv[1]);

    if (!status && !error)
        error = domain_unpause(domid);
    return error ? command_failed(context, error, argv[1]) : status;
}

int command_destroy(struct command_context *context, int argc, char **argv)
{
    uint32_t domid = 0;
    int status = one_guest(context, argc, argv, 1, &domid);
    int error = status ? 0 : domain_end(context->store, domid, &context->failure);

    return error ? command_failed(context, error, argv[1]) : status;
}

/* Asks the guest's kernel through control/shutdown. */
static int ask_guest(struct command_context *context, uint32_t domid, const char *name,
                     const char *what)
{
    struct xen_domctl_getdomaininfo info;
    char path[64];
    int error = must_live(context, domid, name);

    if (error)
        return error;
    if (!domain_info(domid, &info) && info.flags & XEN_DOMINF_paused)
        return failure_set(&context->failure, -EBUSY,
                           "%s: is paused and would not hear it (vmctl unpause %s first)", name,
                           name);
    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", (unsigned int)domid);
    return xs_printf(context->store, XS_NO_TX, path, "%s", what);
}

enum wanted_state { WANT_RUNNING, WANT_SHUTDOWN, WANT_GONE };

/* A guest that is dying has shut down; it is gone when its memory and its name are free. */
static bool state_reached(uint32_t domid, enum wanted_state wanted)
{
    struct xen_domctl_getdomaininfo info;

    if (domain_info(domid, &info))
        return wanted != WANT_RUNNING;
    bool ends = info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown);

    switch (wanted) {
    case WANT_RUNNING:
        return !ends && !(info.flags & XEN_DOMINF_paused);
    case WANT_SHUTDOWN:
        return ends;
    default:
        return false;
    }
}

/* Polls: the hypervisor tells no one but the holder of VIRQ_DOM_EXC of such changes. */
static int wait_for_shutdown(uint32_t domid, const char *name)
{
    int64_t began = platform_now_ns();
    int error = 0;

    while (!error && !state_reached(domid, WANT_SHUTDOWN)) {
        progress_show("%s: shutting down: %lld s", name,
                      (long long)((platform_now_ns() - began) / 1000000000));
        error = command_pause_ns(GLANCE_NS);
    }
    progress_end();
    return error;
}

int command_shutdown(struct command_context *context, int argc, char **argv)
{
    bool wait = command_flag(&argc, argv, "-w");
    uint32_t domid = 0;
    int status = one_guest(context, argc, argv, 1, &domid);
    int error = status ? 0 : ask_guest(context, domid, argv[1], "poweroff");

    if (!status && !error && wait)
        error = wait_for_shutdown(domid, argv[1]);
    return error ? command_failed(context, error, argv[1]) : status;
}

int command_reboot(struct command_context *context, int argc, char **argv)
{
    uint32_t domid = 0;
    int status = one_guest(context, argc, argv, 1, &domid);
    int error = status ? 0 : ask_guest(context, domid, argv[1], "reboot");

    return error ? command_failed(context, error, argv[1]) : status;
}

int command_domid(struct command_context *context, int argc, char **argv)
{
    uint32_t domid = 0;

    if (argc != 2)
        return command_usage(context);
    if (domain_find(context->store, argv[1], &domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    printf("%u\n", (unsigned int)domid);
    return 0;
}

int command_domname(struct command_context *context, int argc, char **argv)
{
    char name[64];
    uint32_t domid = 0;

    if (argc != 2)
        return command_usage(context);
    if (domain_find(context->store, argv[1], &domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    domain_name(context->store, domid, name, sizeof(name));
    printf("%s\n", name);
    return 0;
}

int command_rename(struct command_context *context, int argc, char **argv)
{
    struct failure none = { "" };
    uint32_t domid = 0, other;
    char path[80], *vm;
    int status = one_guest(context, argc, argv, 2, &domid);

    if (status)
        return status;
    if (!argv[2][0] || strlen(argv[2]) > 63 || strspn(argv[2], "0123456789") == strlen(argv[2]) ||
        strpbrk(argv[2], "/\n") || !strcmp(argv[2], "Domain-0")) {
        fprintf(stderr, "vmctl: %s: not a usable name (use letters, digits, - and _)\n", argv[2]);
        return STATUS_FAILED;
    }
    if (!domain_find(context->store, argv[2], &other, &none)) {
        fprintf(stderr, "vmctl: %s: this name is taken (choose another)\n", argv[2]);
        return STATUS_FAILED;
    }
    int error = domain_set_name(context->store, domid, argv[2]);

    snprintf(path, sizeof(path), "/local/domain/%u/vm", (unsigned int)domid);
    if (!error && !xs_read(context->store, XS_NO_TX, path, &vm, NULL)) {
        snprintf(path, sizeof(path), "%.70s/name", vm);
        xs_printf(context->store, XS_NO_TX, path, "%s", argv[2]);
        free(vm);
    }
    return error ? command_failed(context, error, argv[1]) : 0;
}

int command_wait(struct command_context *context, int argc, char **argv)
{
    static const char *const states[] = { "running", "shutdown", "gone" };
    const char *state = "", *seconds = NULL;
    struct failure none = { "" };
    uint32_t domid = 0;
    int wanted = 0;

    command_option(&argc, argv, "--state", &state);
    command_option(&argc, argv, "--timeout", &seconds);
    while (wanted < 3 && strcmp(states[wanted], state) != 0)
        wanted++;
    int64_t timeout = seconds ? command_seconds(seconds) : -1;

    if (argc != 2 || wanted == 3 || (seconds && timeout < 0))
        return command_usage(context);
    int64_t deadline = platform_now_ns() + timeout;
    int error = 0;

    /* By name each time: a guest that reboots comes back under another id. */
    while (!error) {
        bool found = !domain_find(context->store, argv[1], &domid, &none);

        if (found ? state_reached(domid, (enum wanted_state)wanted) : wanted != WANT_RUNNING)
            break;
        error = timeout >= 0 && platform_now_ns() >= deadline ? -ETIMEDOUT
                                                              : command_pause_ns(GLANCE_NS);
    }
    return error ? command_failed(context, error, argv[1]) : 0;
}

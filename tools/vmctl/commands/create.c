/*
 * vmctl create.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/sched.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/image/unpack.h"
#include "vmctl/platform/platform.h"
#include "vmctl/progress.h"

struct create_options {
    bool console, paused, quiet, foreground;
};

/* The file and the KEY=VALUE words behind it. */
static int config_read(struct domain_config *config, const char *path, int count, char **words,
                       struct failure *failure)
{
    struct platform_file file;
    int error = platform_file_open(path, &file);

    if (error)
        return failure_set(failure, error, "%s: %s (name a config file)", path,
                           failure_reason(error));
    struct config_source source = { .file = path,
                                    .text = file.size ? file.data : "",
                                    .size = file.size,
                                    .words = words,
                                    .word_count = (size_t)count };

    error = domain_config_parse(config, &source, failure);
    platform_file_close(&file);
    return error;
}

/* Stays with the guest.  Ctrl-C leaves it to run on, watched over from then on in the background.
 */
static int foreground(struct command_context *context, struct domain_config *config, uint32_t domid)
{
    fflush(stdout);
    uint32_t reason = domain_supervise(config, &domid);

    if (reason == END_REASON_NONE) {
        failure_set(&context->failure, -EINTR,
                    "%s: interrupted: the guest runs on (vmctl destroy %s ends it)", config->name,
                    config->name);
        if (domain_supervise_in_background(config, domid))
            free(config);
        return command_failed(context, -EINTR, "");
    }
    free(config);
    return reason == SHUTDOWN_poweroff || reason == SHUTDOWN_reboot  ? 0
           : reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog ? STATUS_CRASHED
                                                                     : STATUS_FAILED;
}

/* Lets it run; if that fails nothing stays. */
static int let_run(struct command_context *context, const struct create_options *options,
                   const char *name, uint32_t domid)
{
    int error = options->paused ? 0 : domain_unpause(domid);

    if (error) {
        failure_set(&context->failure, error, "%s: cannot be unpaused: %s (see vmctl dmesg)", name,
                    failure_reason(error));
        domain_end(context->store, domid, &context->failure);
    } else if (!options->quiet) {
        printf("%s: started as domain %u\n", name, (unsigned int)domid);
    }
    return error;
}

/* In dom0 others may be unpacking meanwhile, but nobody sits in front of them. */
static void show_unpacking(size_t bytes)
{
    progress_show("unpacking the kernel: %lu MiB", (unsigned long)(bytes >> 20));
}

/* Takes over the config. */
static int create(struct command_context *context, const struct create_options *options,
                  struct domain_config *config)
{
    char name[sizeof(config->name)];
    uint32_t domid;

    unpack_progress = options->quiet ? NULL : show_unpacking;
    int error = domain_start(config, context->store, &domid, &context->failure);

    progress_end();
    snprintf(name, sizeof(name), "%s", config->name);
    if (!error && !options->foreground) {
        error = domain_supervise_in_background(config, domid);
        if (error)
            domain_end(context->store, domid, &context->failure);
    }
    if (error) {
        free(config);
        return command_failed(context, error, name);
    }
    error = let_run(context, options, name, domid);
    if (options->foreground && !error)
        return foreground(context, config, domid);
    if (options->foreground)
        free(config);
    if (error)
        return command_failed(context, error, name);
    return options->console ? console_attach(domid) < 0 : 0;
}

int command_create(struct command_context *context, int argc, char **argv)
{
    struct create_options options = {
        .console = command_flag(&argc, argv, "-c"),
        .paused = command_flag(&argc, argv, "-p"),
        .quiet = command_flag(&argc, argv, "-q"),
        .foreground = command_flag(&argc, argv, "-F"),
    };

    if (argc < 2 || argv[1][0] == '-')
        return command_usage(context);
    struct domain_config *config = calloc(1, sizeof(*config));
    int error =
        config ? config_read(config, argv[1], argc - 2, argv + 2, &context->failure) : -ENOMEM;

    if (error) {
        free(config);
        return command_failed(context, error, argv[1]);
    }
    if (!options.quiet)
        fputs(config->notices, stdout);
    return create(context, &options, config);
}

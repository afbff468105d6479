/*
 * vmctl block-attach, block-detach, block-list: disks of guests that run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/command.h"
#include "vmctl/commands/devices.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/json.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

/* One disk as its nodes show it. */
struct shown_disk {
    uint32_t domid, device_id;
    char name[32], target[256], mode[4], ring[12], channel[12];
    uint64_t state;
};

static void disk_read(struct xs_client *store, uint32_t domid, uint32_t device_id,
                      struct shown_disk *disk)
{
    char back[80], front[80];

    *disk = (struct shown_disk){ .domid = domid, .device_id = device_id };
    snprintf(back, sizeof(back), "/local/domain/0/backend/vbd/%u/%u", (unsigned int)domid,
             (unsigned int)device_id);
    snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%u", (unsigned int)domid,
             (unsigned int)device_id);
    device_node_text(store, back, "dev", disk->name, sizeof(disk->name));
    device_node_text(store, back, "params", disk->target, sizeof(disk->target));
    device_node_text(store, back, "mode", disk->mode, sizeof(disk->mode));
    device_node_number(store, front, "ring-ref", disk->ring, sizeof(disk->ring));
    device_node_number(store, front, "event-channel", disk->channel, sizeof(disk->channel));
    disk->state = device_state(store, back);
}

static void disk_print(const struct shown_disk *disk)
{
    printf("%6u %2u %6u %-12s %6s %8s %-4s %-10s %s\n", (unsigned int)disk->device_id, 0u,
           (unsigned int)disk->domid, device_state_name(disk->state), disk->channel, disk->ring,
           disk->mode, disk->name, disk->target);
}

static void disk_print_json(const struct shown_disk *disk, bool first)
{
    printf("%s\n  {\"domid\": %u, \"devid\": %u, \"vdev\": ", first ? "" : ",",
           (unsigned int)disk->domid, (unsigned int)disk->device_id);
    json_string(disk->name);
    printf(", \"target\": ");
    json_string(disk->target);
    printf(", \"mode\": ");
    json_string(disk->mode);
    printf(", \"backend_domid\": 0, \"state\": \"%s\"}", device_state_name(disk->state));
}

static int guest_print(struct command_context *context, uint32_t domid, bool *first)
{
    char **names;
    size_t count;
    int error = device_ids(context->store, "vbd", domid, &names, &count);

    for (size_t i = 0; !error && i < count; i++) {
        struct shown_disk disk;

        disk_read(context->store, domid, (uint32_t)strtoul(names[i], NULL, 10), &disk);
        if (context->json)
            disk_print_json(&disk, *first);
        else
            disk_print(&disk);
        *first = false;
    }
    free(names);
    return error;
}

int command_block_list(struct command_context *context, int argc, char **argv)
{
    uint32_t domids[64];
    bool first = true;
    int error = 0;

    if (argc < 2 || argc > 64)
        return command_usage(context);
    for (int i = 1; i < argc; i++)
        if (domain_find(context->store, argv[i], &domids[i], &context->failure))
            return command_failed(context, -ESRCH, argv[i]);
    if (context->json)
        printf("[");
    else
        printf("  Vdev BE handle state        evt-ch ring-ref mode name       target\n");
    for (int i = 1; i < argc && !error; i++)
        error = guest_print(context, domids[i], &first);
    if (context->json)
        printf("\n]\n");
    return error ? command_failed(context, error, "block-list") : 0;
}

static int check_new(struct command_context *context, uint32_t domid, const char *guest,
                     const struct disk_config *disk)
{
    char **names;
    size_t count;
    int error = device_ids(context->store, "vbd", domid, &names, &count);

    if (error)
        return error;
    if (device_id_is_taken(names, count, disk->number))
        error = failure_set(&context->failure, -EEXIST,
                            "%s: it has a disk %s already (vmctl block-list %s shows them)", guest,
                            disk->name, guest);
    free(names);
    return error;
}

static int attach(struct command_context *context, uint32_t domid, const char *guest,
                  const struct disk_config *disk)
{
    struct platform_disk device;
    char why[160];
    int error = check_new(context, domid, guest, disk);

    if (!error)
        error = disk_settle(context->store, disk, guest, &device, &context->failure);
    if (!error)
        error = disk_nodes_write(context->store, domid, disk, &device);
    if (error)
        return error;
    error = device_nodes_wait(context->store, "vbd", domid, disk->number, why, sizeof(why));
    if (!error)
        return 0;
    device_nodes_remove(context->store, "vbd", domid, disk->number);
    return failure_set(&context->failure, error, "%s: disk %s: not attached: %s", guest,
                       disk->target, why);
}

int command_block_attach(struct command_context *context, int argc, char **argv)
{
    struct disk_config disk;
    char text[512];
    uint32_t domid;
    int error;

    if (argc < 3 || device_words_join(argc - 2, argv + 2, text, sizeof(text)))
        return command_usage(context);
    error = domain_find(context->store, argv[1], &domid, &context->failure);
    if (!error)
        error = disk_config_parse(&disk, text, "block-attach", &context->failure);
    if (!error && !domid)
        error = failure_set(&context->failure, -EINVAL, "not for dom0 itself (name a guest)");
    if (!error)
        error = attach(context, domid, argv[1], &disk);
    return error ? command_failed(context, error, argv[1]) : 0;
}

/* By number or by its name in the guest. */
static int disk_find(struct command_context *context, uint32_t domid, const char *text,
                     uint32_t *device_id)
{
    char **names, *end;
    size_t count;
    int error = device_ids(context->store, "vbd", domid, &names, &count);

    if (error)
        return error;
    if (disk_name_number(text, device_id)) {
        *device_id = (uint32_t)strtoul(text, &end, 10);
        error = *end || end == text ? -ENODEV : 0;
    }
    if (!error && !device_id_is_taken(names, count, *device_id))
        error = -ENODEV;
    free(names);
    return error;
}

static int detach(struct command_context *context, uint32_t domid, uint32_t device_id, bool force,
                  char **argv)
{
    int error = force ? 0 : device_nodes_ask(context->store, "vbd", domid, device_id);

    if (error)
        return failure_set(&context->failure, error,
                           "%s: disk %s: the guest does not let go of it (is it in use there? "
                           "--force takes it away all the same)",
                           argv[1], argv[2]);
    error = device_nodes_remove(context->store, "vbd", domid, device_id);
    if (error)
        failure_set(&context->failure, error,
                    "%s: disk %s: its backend does not let go (see dom0's log)", argv[1], argv[2]);
    return error;
}

int command_block_detach(struct command_context *context, int argc, char **argv)
{
    uint32_t domid, device_id;
    bool force = argc == 4 && !strcmp(argv[3], "--force");
    int error;

    if (argc != 3 && !force)
        return command_usage(context);
    if (domain_find(context->store, argv[1], &domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    error = disk_find(context, domid, argv[2], &device_id);
    if (error == -ENODEV)
        failure_set(&context->failure, error,
                    "%s: it has no disk %s (vmctl block-list %s shows them)", argv[1], argv[2],
                    argv[1]);
    if (!error)
        error = detach(context, domid, device_id, force, argv);
    return error ? command_failed(context, error, argv[2]) : 0;
}

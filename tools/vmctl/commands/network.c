/*
 * vmctl network-attach, network-detach, network-list: interfaces of guests that run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/rings/xenbus.h"
#include "vmctl/command.h"
#include "vmctl/commands/devices.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/json.h"
#include "xenstore/client.h"

/* One interface as its nodes show it. */
struct shown_vif {
    uint32_t domid, device_id;
    char mac[20], bridge[20], state_name[16], tx_ring[12], rx_ring[12], channel[24];
    uint64_t state;
};

static void vif_read(struct xs_client *store, uint32_t domid, uint32_t device_id,
                     struct shown_vif *vif)
{
    char back[80], front[80];

    *vif = (struct shown_vif){ .domid = domid, .device_id = device_id };
    snprintf(back, sizeof(back), "/local/domain/0/backend/vif/%u/%u", (unsigned int)domid,
             (unsigned int)device_id);
    snprintf(front, sizeof(front), "/local/domain/%u/device/vif/%u", (unsigned int)domid,
             (unsigned int)device_id);
    device_node_text(store, back, "mac", vif->mac, sizeof(vif->mac));
    device_node_text(store, back, "bridge", vif->bridge, sizeof(vif->bridge));
    device_node_number(store, front, "tx-ring-ref", vif->tx_ring, sizeof(vif->tx_ring));
    device_node_number(store, front, "rx-ring-ref", vif->rx_ring, sizeof(vif->rx_ring));
    device_node_number(store, front, "event-channel", vif->channel, sizeof(vif->channel));
    if (!strcmp(vif->channel, "-"))
        device_node_number(store, front, "event-channel-tx", vif->channel, sizeof(vif->channel));
    vif->state = device_state(store, back);
}

static void vif_print(const struct shown_vif *vif)
{
    printf("%3u %2u %-17s %6u %-12s %6s %5s/%-5s %s\n", (unsigned int)vif->device_id, 0u, vif->mac,
           (unsigned int)vif->device_id, device_state_name(vif->state), vif->channel, vif->tx_ring,
           vif->rx_ring, vif->bridge);
}

static void vif_print_json(const struct shown_vif *vif, bool first)
{
    printf("%s\n  {\"domid\": %u, \"devid\": %u, \"mac\": ", first ? "" : ",",
           (unsigned int)vif->domid, (unsigned int)vif->device_id);
    json_string(vif->mac);
    printf(", \"bridge\": ");
    json_string(vif->bridge);
    printf(", \"backend_domid\": 0, \"state\": \"%s\"}", device_state_name(vif->state));
}

static int guest_print(struct command_context *context, uint32_t domid, bool *first)
{
    char **names;
    size_t count;
    int error = device_ids(context->store, "vif", domid, &names, &count);

    for (size_t i = 0; !error && i < count; i++) {
        struct shown_vif vif;

        vif_read(context->store, domid, (uint32_t)strtoul(names[i], NULL, 10), &vif);
        if (context->json)
            vif_print_json(&vif, *first);
        else
            vif_print(&vif);
        *first = false;
    }
    free(names);
    return error;
}

int command_network_list(struct command_context *context, int argc, char **argv)
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
        printf("Idx BE MAC address       handle state        evt-ch   tx/rx ring  bridge\n");
    for (int i = 1; i < argc && !error; i++)
        error = guest_print(context, domids[i], &first);
    if (context->json)
        printf("\n]\n");
    return error ? command_failed(context, error, "network-list") : 0;
}

static int device_id_choose(struct command_context *context, uint32_t domid, const char *guest,
                            struct vif_config *vif)
{
    char **names;
    size_t count;
    int error = device_ids(context->store, "vif", domid, &names, &count);

    if (error)
        return error;
    if (vif->has_device_id && device_id_is_taken(names, count, vif->device_id))
        error = failure_set(&context->failure, -EEXIST,
                            "%s: it has an interface %u already (leave devid out)", guest,
                            (unsigned int)vif->device_id);
    while (!vif->has_device_id && device_id_is_taken(names, count, vif->device_id))
        vif->device_id++;
    free(names);
    return error;
}

static int attach(struct command_context *context, uint32_t domid, const char *guest,
                  struct vif_config *vif)
{
    char why[160];
    int error = device_id_choose(context, domid, guest, vif);

    if (error)
        return error;
    error = vif_nodes_write(context->store, domid, vif);
    if (error)
        return error;
    error = vif_nodes_wait(context->store, domid, vif, why, sizeof(why));
    if (!error)
        return 0;
    device_nodes_remove(context->store, "vif", domid, vif->device_id);
    return failure_set(&context->failure, error,
                       "%s: not attached: %s (vmctl bridge-list shows the bridges there are)",
                       guest, why);
}

int command_network_attach(struct command_context *context, int argc, char **argv)
{
    struct vif_config vif;
    char text[512], ignored[64];
    uint32_t domid;
    int error;

    if (argc < 2)
        return command_usage(context);
    if (device_words_join(argc - 2, argv + 2, text, sizeof(text)))
        return command_usage(context);
    error = domain_find(context->store, argv[1], &domid, &context->failure);
    if (!error)
        error = vif_config_parse(&vif, text, "network-attach: vif", ignored, sizeof(ignored),
                                 &context->failure);
    if (!error && ignored[0])
        fprintf(stderr, "vmctl: network-attach: ignored: %s\n", ignored);
    if (!error && !domid)
        error = failure_set(&context->failure, -EINVAL, "not for dom0 itself (name a guest)");
    if (!error)
        error = vif_settle(context->store, &vif, 0, argv[1], &context->failure);
    if (!error)
        error = attach(context, domid, argv[1], &vif);
    return error ? command_failed(context, error, argv[1]) : 0;
}

/* By number or address. */
static int vif_find(struct command_context *context, uint32_t domid, const char *text,
                    uint32_t *device_id)
{
    char **names;
    size_t count;
    uint8_t wanted[6], mac[6];
    bool by_mac = !mac_parse(wanted, text), found = false;
    int error = device_ids(context->store, "vif", domid, &names, &count);

    for (size_t i = 0; !error && i < count && !found; i++) {
        struct shown_vif vif;

        *device_id = (uint32_t)strtoul(names[i], NULL, 10);
        vif_read(context->store, domid, *device_id, &vif);
        found =
            by_mac ? !mac_parse(mac, vif.mac) && !memcmp(mac, wanted, 6) : !strcmp(names[i], text);
    }
    free(names);
    return error ? error : found ? 0 : -ENODEV;
}

int command_network_detach(struct command_context *context, int argc, char **argv)
{
    uint32_t domid, device_id = 0;
    int error;

    if (argc != 3)
        return command_usage(context);
    if (domain_find(context->store, argv[1], &domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    error = vif_find(context, domid, argv[2], &device_id);
    if (error == -ENODEV)
        failure_set(&context->failure, error,
                    "%s: it has no interface %s (vmctl network-list %s shows them)", argv[1],
                    argv[2], argv[1]);
    if (!error) {
        error = device_nodes_remove(context->store, "vif", domid, device_id);
        if (error)
            failure_set(&context->failure, error,
                        "%s: interface %s: its backend does not let go (see dom0's log)", argv[1],
                        argv[2]);
    }
    return error ? command_failed(context, error, argv[2]) : 0;
}

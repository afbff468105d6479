/*
 * vmctl bridge-list, bridge-create, bridge-delete, bridge-show: dom0's bridges, through their nodes
 * in xenstore (split-drivers/net/back/bridge-nodes.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/command.h"
#include "vmctl/json.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define ROOT    "/local/domain/0/bridge"
#define WAIT_NS (5 * 1000000000LL)
/* What a node's name may be made of, and a bridge's. */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static int bridge_path(struct command_context *context, const char *name, char path[80])
{
    if (!name[0] || strlen(name) > 15 || name[0] == '-' || name[strspn(name, LETTERS)])
        return failure_set(&context->failure, -EINVAL,
                           "%s: not a usable name (at most 15 letters, digits, - and _)", name);
    snprintf(path, 80, ROOT "/%s", name);
    return 0;
}

static char *node_read(struct xs_client *store, const char *base, const char *node)
{
    char path[160], *text;

    snprintf(path, sizeof(path), "%.80s/%s", base, node);
    return xs_read(store, XS_NO_TX, path, &text, NULL) ? NULL : text;
}

static int node_write(struct xs_client *store, const char *base, const char *node, const char *text)
{
    char path[120];

    snprintf(path, sizeof(path), "%.80s/%s", base, node);
    return xs_printf(store, XS_NO_TX, path, "%s", text);
}

/* Sleeps until something changed below the path, or it is too late: false. */
static bool change_wait(struct xs_client *store, int64_t deadline)
{
    int64_t left = deadline - platform_now_ns();
    char *where, *token;

    if (left <= 0)
        return false;
    if (!xs_wait_watch(store, left, &where, &token)) {
        free(where);
        free(token);
    }
    return true;
}

static int no_answer(struct command_context *context, const char *name)
{
    return failure_set(&context->failure, -ETIMEDOUT,
                       "%s: nobody answers for bridges (on a Linux dom0 they are Linux's: ip link)",
                       name);
}

/* The bridge's service says `up`, that it is gone, or why not: 0, -ENOENT, or -EIO with its words.
 */
static int verdict_wait(struct command_context *context, const char *name, const char *path,
                        char why[64])
{
    int64_t deadline = platform_now_ns() + WAIT_NS;

    do {
        char *state = node_read(context->store, path, "state"), *error, *still;
        bool up = state && !strcmp(state, "up"), failed = state && !strcmp(state, "error");

        free(state);
        still = node_read(context->store, path, "wanted");
        if (up || !still) {
            free(still);
            return up ? 0 : -ENOENT;
        }
        free(still);
        if (failed) {
            error = node_read(context->store, path, "error");
            snprintf(why, 64, "%.60s", error ? error : "refused");
            free(error);
            return -EIO;
        }
    } while (change_wait(context->store, deadline));
    return no_answer(context, name);
}

static bool exists(struct xs_client *store, const char *path)
{
    char *state = node_read(store, path, "state");

    free(state);
    return state != NULL;
}

static int create(struct command_context *context, const char *name, const char *path,
                  const char *uplink)
{
    char why[64];
    int error;

    if (exists(context->store, path))
        return failure_set(&context->failure, -EEXIST,
                           "%s: there is such a bridge already (vmctl bridge-list)", name);
    error = xs_watch(context->store, path, "bridge");
    if (!error && uplink)
        error = node_write(context->store, path, "want-uplink", uplink);
    if (!error)
        error = node_write(context->store, path, "wanted", "1");
    if (!error)
        error = verdict_wait(context, name, path, why);
    if (error)
        xs_rm(context->store, XS_NO_TX, path);
    if (error == -EIO)
        failure_set(&context->failure, error,
                    uplink ? "%s: uplink %s: %s (lspci shows the NICs; each has one bridge)"
                           : "%s: not made%s: %s (use letters, digits, - _ and .)",
                    name, uplink ? uplink : "", why);
    return error;
}

int command_bridge_create(struct command_context *context, int argc, char **argv)
{
    const char *uplink = NULL;
    char path[80];
    int error;

    if (argc == 3 && !strncmp(argv[2], "uplink=", 7))
        uplink = argv[2] + 7;
    else if (argc != 2)
        return command_usage(context);
    error = bridge_path(context, argv[1], path);
    if (!error)
        error = create(context, argv[1], path, uplink);
    return error ? command_failed(context, error, argv[1]) : 0;
}

static int not_there(struct command_context *context, const char *name)
{
    return failure_set(&context->failure, -ENOENT, "%s: no such bridge (vmctl bridge-list)", name);
}

int command_bridge_delete(struct command_context *context, int argc, char **argv)
{
    char path[80], why[64];
    int error;

    if (argc != 2)
        return command_usage(context);
    error = bridge_path(context, argv[1], path);
    if (!error && !exists(context->store, path))
        error = not_there(context, argv[1]);
    if (!error)
        error = xs_watch(context->store, path, "bridge");
    if (!error)
        error = node_write(context->store, path, "state", "");
    if (!error)
        error = node_write(context->store, path, "wanted", "0");
    if (error)
        return command_failed(context, error, argv[1]);
    error = verdict_wait(context, argv[1], path, why);
    if (error == -ENOENT)
        return 0;
    if (error == -EIO) { /* it stays */
        failure_set(
            &context->failure, error,
            "%s: in use (detach its interfaces and end their guests first; a bridge with an "
            "uplink stays)",
            argv[1]);
        node_write(context->store, path, "wanted", "1");
    }
    return command_failed(context, error, argv[1]);
}

static void list_one(struct command_context *context, const char *name, bool first)
{
    char path[80], *uplink;

    snprintf(path, sizeof(path), ROOT "/%.20s", name);
    uplink = node_read(context->store, path, "uplink");
    if (!context->json) {
        printf("%-16s %s\n", name, uplink && uplink[0] ? uplink : "-");
    } else {
        printf("%s\n  {", first ? "" : ",");
        json_field("name", name, 1);
        json_field("uplink", uplink ? uplink : "", 0);
        printf("}");
    }
    free(uplink);
}

int command_bridge_list(struct command_context *context, int argc, char **argv)
{
    char **names;
    size_t count;
    int error;

    if (argc != 1)
        return command_usage(context);
    (void)argv;
    error = xs_list(context->store, XS_NO_TX, ROOT, &names, &count);
    if (error == -ENOENT)
        error = no_answer(context, "bridge-list");
    if (error)
        return command_failed(context, error, "bridge-list");
    printf(context->json ? "[" : "Bridge           Uplink\n");
    for (size_t i = 0; i < count; i++)
        list_one(context, names[i], i == 0);
    if (context->json)
        printf("\n]\n");
    free(names);
    return 0;
}

struct shown_port {
    unsigned long long in_packets, in_bytes, in_dropped, out_packets, out_bytes, out_dropped,
        spoofed;
    unsigned int vlan, mtu;
};

static void port_print(struct command_context *context, const char *text, bool first)
{
    struct shown_port p = { 0 };
    char name[20] = "";

    sscanf(text, "%19s %llu %llu %llu %llu %llu %llu %llu %u %u", name, &p.in_packets, &p.in_bytes,
           &p.in_dropped, &p.out_packets, &p.out_bytes, &p.out_dropped, &p.spoofed, &p.vlan,
           &p.mtu);
    if (!context->json) {
        printf("%-12s %5u %5u %10llu %12llu %8llu %10llu %12llu %8llu %8llu\n", name, p.vlan, p.mtu,
               p.in_packets, p.in_bytes, p.in_dropped, p.out_packets, p.out_bytes, p.out_dropped,
               p.spoofed);
        return;
    }
    printf("%s\n    {", first ? "" : ",");
    json_field("name", name, 1);
    json_number("vlan", p.vlan, 1);
    json_number("mtu", p.mtu, 1);
    json_number("in_packets", p.in_packets, 1);
    json_number("in_bytes", p.in_bytes, 1);
    json_number("in_dropped", p.in_dropped, 1);
    json_number("out_packets", p.out_packets, 1);
    json_number("out_bytes", p.out_bytes, 1);
    json_number("out_dropped", p.out_dropped, 1);
    json_number("spoofed", p.spoofed, 0);
    printf("}");
}

static void address_print(struct command_context *context, const char *text, bool first)
{
    char mac[20], port[20];
    unsigned int vlan;
    unsigned long long age;

    if (sscanf(text, "%19s %u %19s %llu", mac, &vlan, port, &age) != 4)
        return;
    if (!context->json) {
        printf("%-17s %5u %-12s %5llu s\n", mac, vlan, port, age);
        return;
    }
    printf("%s\n    {", first ? "" : ",");
    json_field("mac", mac, 1);
    json_number("vlan", vlan, 1);
    json_field("port", port, 1);
    json_number("age_seconds", age, 0);
    printf("}");
}

/* Each node of a folder, by a function of its name and value. */
static void folder_print(struct command_context *context, const char *path, bool ports)
{
    const char *folder = ports ? "port" : "address";
    char below[120], node[48], **names;
    size_t count;
    bool first = true;

    snprintf(below, sizeof(below), "%s/%s", path, folder);
    if (xs_list(context->store, XS_NO_TX, below, &names, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        char *text;

        snprintf(node, sizeof(node), "%s/%.32s", folder, names[i]);
        text = node_read(context->store, path, node);
        if (text && ports)
            port_print(context, text, first);
        else if (text)
            address_print(context, text, first);
        first = false;
        free(text);
    }
    free(names);
}

/* Asks the service for the bridge's counters as they are now. */
static int look(struct command_context *context, const char *name, const char *path)
{
    int64_t deadline = platform_now_ns() + WAIT_NS;
    char number[32];
    bool there = false;
    int error = xs_watch(context->store, path, "bridge");

    snprintf(number, sizeof(number), "%lld", (long long)platform_now_ns());
    if (!error)
        error = node_write(context->store, path, "look", number);
    while (!error && !there) {
        char *looked = node_read(context->store, path, "looked");

        there = looked && !strcmp(looked, number);
        free(looked);
        if (!there && !change_wait(context->store, deadline))
            error = no_answer(context, name);
    }
    return error;
}

int command_bridge_show(struct command_context *context, int argc, char **argv)
{
    char path[80];
    int error;

    if (argc != 2)
        return command_usage(context);
    error = bridge_path(context, argv[1], path);
    if (!error && !exists(context->store, path))
        error = not_there(context, argv[1]);
    if (!error)
        error = look(context, argv[1], path);
    if (error)
        return command_failed(context, error, argv[1]);
    printf(context->json ? "{\n  \"ports\": ["
                         : "Port          VLAN   MTU  from: pkts        bytes  dropped   to: pkts"
                           "        bytes  dropped  spoofed\n");
    folder_print(context, path, true);
    printf(context->json ? "\n  ],\n  \"addresses\": ["
                         : "\nAddress            VLAN Port           Age\n");
    folder_print(context, path, false);
    if (context->json)
        printf("\n  ]\n}\n");
    return 0;
}

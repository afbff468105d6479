/*
 * A domain's nodes in xenstore.  See nodes.h.
 *
 * New nodes inherit their parent's permissions, so only where they change are they set: "n0,rN"
 * for what the guest may read, "nN" for what is the guest's own.
 */
#include "vmctl/domain/nodes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/builder/build.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/names.h"
#include "vmctl/domain/writer.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

/* Listing the domains within the transaction is what makes two of the same name, started at once,
 * conflict; their names are read outside of it, since noting each would cost more than it gives. */
static bool name_is_in_store(struct xs_client *store, uint32_t tx, const char *name)
{
    char **domains, path[64], *other;
    size_t count;
    bool taken = false;

    if (xs_list(store, tx, "/local/domain", &domains, &count))
        return false;
    for (size_t i = 0; i < count && !taken; i++) {
        snprintf(path, sizeof(path), "/local/domain/%.20s/name", domains[i]);
        if (xs_read(store, XS_NO_TX, path, &other, NULL))
            continue;
        taken = !strcmp(name, other);
        free(other);
    }
    free(domains);
    return taken;
}

/* Nobody else comes in between here and the transaction's end where all guests are ours: asking the
 * store does not sleep there. */
static int name_take(struct node_writer *writer, const char *name, uint32_t domid)
{
    uint32_t other = 0;
    bool taken = platform_makes_all_guests()
                     ? domain_has_name(writer->store, name, &other) && other != domid
                     : name_is_in_store(writer->store, writer->tx, name);

    return taken ? -EEXIST : names_note(domid, name);
}

static void write_control(struct node_writer *writer)
{
    static const char *const guests_own[] = { "shutdown", "feature-poweroff", "feature-reboot",
                                              "feature-suspend", "sysrq" };

    node_put(writer, "control/platform-feature-multiprocessor-suspend", "1");
    node_put(writer, "control/platform-feature-xs_reset_watches", "1");
    for (size_t i = 0; i < sizeof(guests_own) / sizeof(guests_own[0]); i++) {
        char path[64];

        snprintf(path, sizeof(path), "control/%s", guests_own[i]);
        node_make(writer, path);
        node_give(writer, path, NODE_GUESTS);
    }
}

static void write_guests_folders(struct node_writer *writer)
{
    static const char *const folders[] = { "data", "drivers", "feature",
                                           "attr", "error",   "device/suspend/event-channel" };

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        node_make(writer, folders[i]);
        node_give(writer, folders[i], NODE_GUESTS);
    }
}

static void write_rings(struct node_writer *writer, const struct guest_build *build)
{
    node_put(writer, "store/port", "%u", (unsigned int)build->store_port);
    node_put(writer, "store/ring-ref", "%llu", (unsigned long long)build->store_mfn);
    node_put(writer, "console/backend-id", "0");
    node_put(writer, "console/limit", "1048576");
    node_put(writer, "console/type", "xenconsoled");
    node_put(writer, "console/output", "pty");
    node_make(writer, "console/tty");
    node_put(writer, "console/port", "%u", (unsigned int)build->console_port);
    node_put(writer, "console/ring-ref", "%llu", (unsigned long long)build->console_mfn);
}

static void write_domain(struct node_writer *writer, const struct domain_config *config,
                         const struct guest_build *build, const char *uuid)
{
    node_make(writer, "");
    node_give(writer, "", NODE_SHOWN);
    node_put(writer, "vm", "/vm/%s", uuid);
    node_put(writer, "name", "%s", config->name);
    node_put(writer, "domid", "%u", (unsigned int)build->domid);
    node_put(writer, "memory/static-max", "%llu", (unsigned long long)config->maxmem_kib);
    node_put(writer, "memory/target", "%llu", (unsigned long long)config->memory_kib);
    for (uint32_t i = 0; i < config->max_vcpus; i++) {
        char path[48];

        snprintf(path, sizeof(path), "cpu/%u/availability", (unsigned int)i);
        node_put(writer, path, i < config->vcpus ? "online" : "offline");
    }
    write_control(writer);
    write_guests_folders(writer);
    write_rings(writer, build);
}

static void write_vm(struct node_writer *writer, const struct domain_config *config,
                     const char *uuid)
{
    node_make(writer, "");
    node_give(writer, "", NODE_SHOWN);
    node_put(writer, "name", "%s", config->name);
    node_put(writer, "uuid", "%s", uuid);
    node_put(writer, "image/ostype", "linux");
    node_put(writer, "image/kernel", "%s", config->kernel);
    if (config->ramdisk[0])
        node_put(writer, "image/ramdisk", "%s", config->ramdisk);
    node_put(writer, "image/cmdline", "%s", config->command_line);
    node_put(writer, "image/pgtable", "%s", page_table_mode_name(config->page_tables));
    node_put(writer, "start_time", "%lld", (long long)platform_wall_seconds());
}

static int write_once(struct xs_client *store, const struct domain_config *config,
                      const struct guest_build *build)
{
    struct node_writer writer;
    char uuid[37], path[64];
    int error = node_writer_start(&writer, store, build->domid);

    if (error)
        return error;
    writer.error = name_take(&writer, config->name, build->domid);
    uuid_format(config->uuid, uuid);
    snprintf(path, sizeof(path), "/local/domain/%u", (unsigned int)build->domid);
    node_writer_base(&writer, path);
    write_domain(&writer, config, build, uuid);
    snprintf(path, sizeof(path), "/vm/%s", uuid);
    node_writer_base(&writer, path);
    write_vm(&writer, config, uuid);
    return node_writer_end(&writer);
}

int domain_nodes_write(struct xs_client *store, const struct domain_config *config,
                       const struct guest_build *build)
{
    int error;

    do
        error = write_once(store, config, build);
    while (error == -EAGAIN);
    return error;
}

void domain_nodes_remove(struct xs_client *store, uint32_t domid)
{
    char path[64], *vm;

    names_forget(domid);
    snprintf(path, sizeof(path), "/local/domain/%u/vm", (unsigned int)domid);
    if (!xs_read(store, XS_NO_TX, path, &vm, NULL)) {
        if (!strncmp(vm, "/vm/", 4))
            xs_rm(store, XS_NO_TX, vm);
        free(vm);
    }
    snprintf(path, sizeof(path), "/local/domain/%u", (unsigned int)domid);
    xs_rm(store, XS_NO_TX, path);
    devices_nodes_forget(store, domid);
    snprintf(path, sizeof(path), "/libxl/%u", (unsigned int)domid);
    xs_rm(store, XS_NO_TX, path);
}

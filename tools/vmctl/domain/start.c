/*
 * Starting a guest: everything is checked before anything is made, and what was made is
 * taken back when a later step fails.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmctl/builder/build.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

/* Xen counts a little more than the guest's pages against its limit; xl adds the same. */
#define MAX_MEMORY_SLACK_KIB 1024

/* What must be at hand before the first hypercall. */
struct start {
    struct domain_config *config;
    struct xs_client *store;
    struct failure *failure;
    struct kernel_image kernel;
    struct platform_file ramdisk;
    struct platform_disk disks[DISKS_MAX];
    struct guest_build build;
    bool introduced;
};

/* Of one guest's own disks too, no one may write what another holds. */
static int check_own_disks(struct start *start, size_t index)
{
    const struct disk_config *disks = start->config->disks;

    for (size_t i = 0; i < index; i++)
        if (disks_overlap(&start->disks[i], &start->disks[index]) &&
            (disks[i].writable || disks[index].writable) && !disks[i].shared &&
            !disks[index].shared)
            return failure_set(
                start->failure, -EBUSY,
                "%s: disk %s: shares sectors with disk %s of the same guest (give it "
                "one of them, or both with mode r)",
                start->config->name, disks[index].target, disks[i].target);
    return 0;
}

static int check_disk(struct start *start, size_t index)
{
    const struct disk_config *disk = &start->config->disks[index];
    struct platform_disk *device = &start->disks[index];
    int error = disk_settle(start->store, disk, start->config->name, device, start->failure);

    return error ? error : check_own_disks(start, index);
}

static int check_name(struct start *start)
{
    struct failure none = { "" };
    uint32_t other;
    bool taken = platform_makes_all_guests()
                     ? domain_has_name(start->store, start->config->name, &other)
                     : !domain_find(start->store, start->config->name, &other, &none);

    if (!taken)
        return 0;
    return failure_set(
        start->failure, -EEXIST,
        "%s: a guest of this name is there already (rename one, or vmctl destroy %s; one that is "
        "ending: vmctl wait %s --state gone)",
        start->config->name, start->config->name, start->config->name);
}

static int check_memory(struct start *start)
{
    struct xen_sysctl_physinfo machine;
    uint64_t wanted = start->config->memory_kib, free_kib;

    if (machine_info(&machine))
        return 0;
    free_kib = machine.free_pages * 4;
    if (wanted <= free_kib)
        return 0;
    return failure_set(
        start->failure, -ENOMEM,
        "%s: not enough free memory: %llu MiB wanted, %llu MiB free (lower memory or "
        "end another guest)",
        start->config->name, (unsigned long long)wanted >> 10, (unsigned long long)free_kib >> 10);
}

static int check_cpus(struct start *start)
{
    const struct domain_config *config = start->config;
    struct xen_sysctl_physinfo machine;

    if (machine_info(&machine))
        return 0;
    for (uint32_t i = 0; i < config->max_vcpus; i++)
        if (!cpu_list_is_empty(&config->cpus[i]) &&
            !cpu_list_has_below(&config->cpus[i], machine.nr_cpus))
            return failure_set(start->failure, -EINVAL,
                               "%s: cpus: the machine has none of those for vCPU %u (it has CPUs 0 "
                               "to %u)",
                               config->name, (unsigned int)i, (unsigned int)machine.nr_cpus - 1);
    return 0;
}

/* Opens the files and checks the rest: nothing has been made yet. */
static int start_prepare(struct start *start)
{
    struct domain_config *config = start->config;
    int error = check_name(start);

    if (!error)
        error = check_cpus(start);
    for (size_t i = 0; i < config->disk_count && !error; i++)
        error = check_disk(start, i);
    for (size_t i = 0; i < config->vif_count && !error; i++)
        error = vif_settle(start->store, &config->vifs[i], i, config->name, start->failure);
    if (!error && config->ramdisk[0]) {
        error = platform_file_open(config->ramdisk, &start->ramdisk);
        if (error)
            failure_set(start->failure, error, "ramdisk %s: %s (check the path in the config)",
                        config->ramdisk, failure_reason(error));
    }
    if (config->bootloader)
        snprintf(config->kernel, sizeof(config->kernel), "%s", platform_pvgrub());
    if (!error)
        error = kernel_image_open(&start->kernel, config->kernel, start->failure);
    if (!error)
        error = check_memory(start);
    if (!error && !config->has_uuid) {
        platform_random(config->uuid, sizeof(config->uuid));
        config->uuid[6] = (config->uuid[6] & 0x0f) | 0x40;
        config->uuid[8] = (config->uuid[8] & 0x3f) | 0x80;
        config->has_uuid = true;
    }
    return error;
}

static void start_release_files(struct start *start)
{
    kernel_image_close(&start->kernel);
    platform_file_close(&start->ramdisk);
}

/* Paravane leaves the counter to the guest, and Xen emulates it if it is asked to. */
static int set_tsc_mode(struct start *start)
{
    int error = domain_set_tsc_mode(start->build.domid, start->config->tsc_mode);

    if (error == -EOPNOTSUPP)
        return failure_set(start->failure, error,
                           "%s: tsc_mode: this hypervisor does not emulate the time-stamp counter: "
                           "guests read the CPU's (use default or native)",
                           start->config->name);
    return error;
}

static int start_make_domain(struct start *start)
{
    struct domain_config *config = start->config;
    struct guest_build *build = &start->build;
    bool shadow = config->page_tables == PAGE_TABLES_SHADOW;

    if (shadow && !start->kernel.elf.runs_translated)
        return failure_set(start->failure, -EINVAL,
                           "%s: kernel: it cannot run with pgtable = \"shadow\" (use direct, or a "
                           "kernel made for it, such as that of make linux)",
                           config->name);
    int error = domain_create(config->uuid, config->max_vcpus, shadow, &build->domid);

    if (shadow && error == -EINVAL)
        return failure_set(start->failure, error,
                           "%s: this hypervisor does not know pgtable = \"shadow\" (use direct)",
                           config->name);
    if (error) {
        build->domid = 0;
        return failure_set(start->failure, error,
                           "%s: the hypervisor refuses a new domain: %s (see vmctl dmesg)",
                           config->name, failure_reason(error));
    }
    error = domain_set_max_vcpus(build->domid, config->max_vcpus);
    if (!error)
        error = domain_set_max_memory(build->domid, config->maxmem_kib + MAX_MEMORY_SLACK_KIB);
    for (uint32_t i = 0; i < config->max_vcpus && !error; i++)
        if (!cpu_list_is_empty(&config->cpus[i]))
            error = domain_set_affinity(build->domid, i, &config->cpus[i]);
    if (!error && config->tsc_mode)
        error = set_tsc_mode(start);
    if (!error)
        error = domain_alloc_port(build->domid, &build->store_port);
    if (!error)
        error = domain_alloc_port(build->domid, &build->console_port);
    return error;
}

static int start_build(struct start *start)
{
    struct domain_config *config = start->config;
    struct guest_build *build = &start->build;

    build->name = config->name;
    build->kernel = &start->kernel;
    build->ramdisk = start->ramdisk.data;
    build->ramdisk_size = start->ramdisk.size;
    build->command_line = config->command_line;
    build->memory_kib = config->memory_kib;
    build->vcpus = config->max_vcpus;
    build->translated = config->page_tables == PAGE_TABLES_SHADOW;
    build->failure = start->failure;
    return guest_build(build);
}

/* A device's backend has the last word: a guest never starts without one. */
static int wait_for_disks(struct start *start)
{
    const struct domain_config *config = start->config;
    char why[160];

    for (size_t i = 0; i < config->disk_count; i++) {
        int error = device_nodes_wait(start->store, "vbd", start->build.domid,
                                      config->disks[i].number, why, sizeof(why));

        if (error)
            return failure_set(start->failure, error,
                               "%s: disk %s: not served: %s (is it free, and the block backend "
                               "running?)",
                               config->name, config->disks[i].target, why);
    }
    return 0;
}

static int wait_for_vifs(struct start *start)
{
    const struct domain_config *config = start->config;
    char why[160];

    for (size_t i = 0; i < config->vif_count; i++) {
        int error =
            vif_nodes_wait(start->store, start->build.domid, &config->vifs[i], why, sizeof(why));

        if (error)
            return failure_set(start->failure, error,
                               "%s: vif %u: not served: %s (vmctl bridge-list shows the bridges "
                               "there are)",
                               config->name, (unsigned int)config->vifs[i].device_id, why);
    }
    return 0;
}

/* Both ends of each device, and then the backends' word. */
static int publish_devices(struct start *start)
{
    const struct domain_config *config = start->config;
    uint32_t domid = start->build.domid;
    int error = 0;

    for (size_t i = 0; i < config->disk_count && !error; i++)
        error = disk_nodes_write(start->store, domid, &config->disks[i], &start->disks[i]);
    for (size_t i = 0; i < config->vif_count && !error; i++)
        error = vif_nodes_write(start->store, domid, &config->vifs[i]);
    if (error)
        return failure_set(start->failure, error,
                           "%s: its devices' xenstore nodes cannot be written: %s (see "
                           "xenstore's log)",
                           config->name, failure_reason(error));
    error = wait_for_disks(start);
    return error ? error : wait_for_vifs(start);
}

static int start_publish(struct start *start)
{
    struct domain_config *config = start->config;
    struct guest_build *build = &start->build;
    int error = domain_nodes_write(start->store, config, build);

    if (error)
        return failure_set(start->failure, error,
                           "%s: its xenstore nodes cannot be written: %s "
                           "(is its name taken?)",
                           config->name, failure_reason(error));
    error = xs_introduce(start->store, build->domid, build->store_mfn, build->store_port);
    if (error)
        return failure_set(start->failure, error,
                           "%s: xenstore does not take it in: %s (see "
                           "xenstore's log)",
                           config->name, failure_reason(error));
    return publish_devices(start);
}

int domain_start(struct domain_config *config, struct xs_client *store, uint32_t *domid,
                 struct failure *failure)
{
    struct start start = { .config = config, .store = store, .failure = failure };
    int error = start_prepare(&start);

    if (!error)
        error = start_make_domain(&start);
    if (!error)
        error = start_build(&start);
    if (!error)
        error = start_publish(&start);
    if (error && start.build.domid) {
        struct failure none = { "" };

        domain_end(store, start.build.domid, &none);
    }
    start_release_files(&start);
    *domid = start.build.domid;
    return error;
}

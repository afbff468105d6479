/*
 * Starting and ending guests around their disks: what is shared with whom, what the backend says,
 * what a guest that has ended leaves.  Hypervisor, store and backend are fakes; time passes when
 * somebody waits.
 *
 * Sources: tools/vmctl/domain/start.c tools/vmctl/config/cpu-list.c tools/vmctl/domain/end.c
 * tools/vmctl/domain/disk-nodes.c tools/vmctl/domain/disk-check.c tools/vmctl/domain/device-nodes.c
 * tools/vmctl/domain/vif-nodes.c
 * tools/vmctl/domain/vif-check.c tools/vmctl/config/vif.c tools/vmctl/domain/names.c
 * tools/vmctl/domain/writer.c
 * tools/vmctl/domain/supervise.c tools/vmctl/domain/comeback.c tools/vmctl/failure.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake-store.h"
#include "hypercall-abi/sched.h"
#include "vmctl/builder/build.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/names.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

/* The backend, which has its turn when somebody waits. */
static enum { SERVES, REFUSES, SLEEPS } backend;
static int64_t now;
static bool interrupted;

static void backend_turn(void)
{
    for (size_t i = 0; i < NODES && backend != SLEEPS; i++) {
        char base[128], path[160];
        char *end = strstr(nodes[i].path, "/state");

        if (!is_below(nodes[i].path, "/local/domain/0/backend") || !end)
            continue;
        snprintf(base, sizeof(base), "%.*s", (int)(end - nodes[i].path), nodes[i].path);
        if (!strcmp(nodes[i].value, "5"))
            strcpy(nodes[i].value, "6");
        if (strcmp(nodes[i].value, "1") != 0)
            continue;
        if (backend == SERVES) {
            strcpy(nodes[i].value, "2");
            continue;
        }
        snprintf(path, sizeof(path), "%s/hotplug-error", base);
        node_set(path, "the disk is on fire");
        snprintf(path, sizeof(path), "%s/hotplug-status", base);
        node_set(path, "error");
    }
}

int xs_watch_domains(struct xs_client *client, const char *path, const char *token)
{
    return xs_watch(client, path, token);
}

bool xs_event_domain(const char *path, uint32_t *domid)
{
    (void)path;
    (void)domid;
    return false;
}

int xs_wait_watch(struct xs_client *client, int64_t timeout_ns, char **path, char **token)
{
    (void)client;
    now += timeout_ns > 0 ? timeout_ns : 0;
    backend_turn();
    if (timeout_ns >= 0 && timeout_ns != 100 * 1000000)
        return -ETIMEDOUT;
    *path = strdup("");
    *token = strdup("");
    return 0;
}

/* The platform: two disks, the first with two partitions that overlap. */
int platform_vif_up(uint32_t domid, const struct vif_config *vif, char *why, size_t size)
{
    (void)domid, (void)vif, (void)why, (void)size;
    return 0;
}

void platform_random(void *buffer, size_t size);

static bool makes_all_guests;

const char *platform_pvgrub(void)
{
    return "/boot/pvgrub.gz";
}

bool platform_makes_all_guests(void)
{
    return makes_all_guests;
}

int platform_disk_find(const char *name, struct platform_disk *disk)
{
    static const struct platform_disk disks[] = {
        { .path = "/dev/vda", .disk = "vda", .sectors = 1000 },
        { .path = "/dev/vda1", .disk = "vda", .first = 100, .sectors = 100 },
        { .path = "/dev/vda2", .disk = "vda", .first = 150, .sectors = 100 },
        { .path = "/dev/vda3", .disk = "vda", .first = 250, .sectors = 100 },
        { .path = "/dev/vdb", .disk = "vdb", .sectors = 1000, .read_only = true },
    };

    if (!strcmp(name, "PARTLABEL=two"))
        return -EMLINK;
    if (!strcmp(name, "PARTLABEL=one"))
        name = "/dev/vda1";
    for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++)
        if (!strcmp(disks[i].path, name)) {
            *disk = disks[i];
            return 0;
        }
    return -ENODEV;
}

int64_t platform_now_ns(void)
{
    return now;
}

void platform_sleep_ns(uint64_t duration_ns)
{
    now += (int64_t)duration_ns;
    backend_turn();
}

bool platform_interrupted(void)
{
    return interrupted;
}

static uint8_t random_next = 7;

void platform_random(void *buffer, size_t size)
{
    memset(buffer, size == 16 ? 7 : random_next++, size); /* a uuid, or part of an address */
}

static int files_open;

int platform_file_open(const char *path, struct platform_file *file)
{
    *file = (struct platform_file){ .handle = file }; /* an empty one, whose data is NULL */
    files_open++;
    return strcmp(path, "/empty") ? -ENOENT : 0;
}

void platform_file_close(struct platform_file *file)
{
    files_open -= file->handle != NULL;
}

int platform_aside(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    function(argument);
    return 0;
}

int platform_background(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    (void)function;
    (void)argument;
    return 0;
}

/* The hypervisor: domains by number. */
static struct {
    bool there, held;
    uint32_t flags;
} domains[8];

static struct cpu_list affinity[VCPUS_MAX];

int domain_create(const uint8_t uuid[16], uint32_t vcpus, bool shadow, uint32_t *domid)
{
    (void)uuid;
    (void)vcpus;
    (void)shadow;
    for (*domid = 1; domains[*domid].there;)
        ++*domid;
    domains[*domid].there = true;
    domains[*domid].flags = 0;
    return 0;
}

int domain_destroy(uint32_t domid)
{
    domains[domid].there = domains[domid].held;
    return 0;
}

int domain_info(uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    if (domid >= 8 || !domains[domid].there)
        return -ESRCH;
    info->flags = domains[domid].flags;
    info->tot_pages = 3;
    memset(info->handle, 7, sizeof(info->handle));
    info->handle[6] = 0x47;
    info->handle[8] = 0x87;
    return 0;
}

int domain_pause(uint32_t domid)
{
    return domains[domid].there ? 0 : -ESRCH;
}

/* The second guest of a test is one that powers off. */
int domain_unpause(uint32_t domid)
{
    if (domid == 2)
        domains[domid].flags = XEN_DOMINF_shutdown | SHUTDOWN_poweroff << XEN_DOMINF_shutdownshift;
    return 0;
}

int domain_set_max_memory(uint32_t domid, uint64_t kib)
{
    (void)domid;
    (void)kib;
    return 0;
}

int domain_set_max_vcpus(uint32_t domid, uint32_t count)
{
    (void)domid;
    (void)count;
    return 0;
}

int domain_set_affinity(uint32_t domid, uint32_t vcpu, const struct cpu_list *cpus)
{
    (void)domid;
    affinity[vcpu] = *cpus;
    return 0;
}

int domain_set_tsc_mode(uint32_t domid, uint32_t mode)
{
    (void)domid;
    return mode == 1 ? -EOPNOTSUPP : 0;
}

int domain_alloc_port(uint32_t domid, uint32_t *port)
{
    *port = domid;
    return 0;
}

int machine_info(struct xen_sysctl_physinfo *info)
{
    *info = (struct xen_sysctl_physinfo){ .nr_cpus = 2, .free_pages = 1 << 20 };
    return 0;
}

int kernel_image_open(struct kernel_image *image, const char *file, struct failure *failure)
{
    (void)image;
    (void)file;
    (void)failure;
    return 0;
}

void kernel_image_close(struct kernel_image *image)
{
    (void)image;
}

int guest_build(struct guest_build *build)
{
    (void)build;
    return 0;
}

int domain_nodes_write(struct xs_client *store, const struct domain_config *config,
                       const struct guest_build *build)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)build->domid);
    assert_int_equal(names_note(build->domid, config->name), 0);
    return xs_write(store, XS_NO_TX, path, config->name, strlen(config->name));
}

void domain_nodes_remove(struct xs_client *store, uint32_t domid)
{
    char path[64];

    names_forget(domid);
    snprintf(path, sizeof(path), "/local/domain/%u", (unsigned int)domid);
    xs_rm(store, XS_NO_TX, path);
}

/* The tests. */
static struct domain_config config;
static struct failure failure;
static uint32_t started;

static int setup(void **state)
{
    (void)state;
    memset(nodes, 0, sizeof(nodes));
    memset(domains, 0, sizeof(domains));
    memset(&failure, 0, sizeof(failure));
    config = (struct domain_config){ .name = "guest", .vcpus = 1, .max_vcpus = 1 };
    for (uint32_t i = 0; i < 8; i++)
        names_forget(i);
    backend = SERVES;
    interrupted = makes_all_guests = false;
    return 0;
}

static void with_disk(const char *target, bool writable)
{
    struct disk_config *disk = &config.disks[config.disk_count];

    *disk = (struct disk_config){ .number = 51712 + 16 * (uint32_t)config.disk_count++,
                                  .writable = writable };
    strcpy(disk->target, target);
}

static int start(const char *name)
{
    memset(&failure, 0, sizeof(failure));
    config.has_uuid = false;
    strcpy(config.name, name);
    return domain_start(&config, xs_open(), &started, &failure);
}

static void refused(const char *name, const char *why)
{
    bool before[8];

    for (size_t i = 0; i < 8; i++)
        before[i] = domains[i].there;
    assert_true(start(name) < 0);
    assert_non_null(strstr(failure.text, why));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(domains[i].there, before[i]);
}

/* By what this process has noted and, where there are others that make guests, by what the store
 * says. */
static void test_names(void **state)
{
    uint32_t domid;

    (void)state;
    makes_all_guests = true;
    assert_int_equal(start("one"), 0);
    refused("one", "is there already");
    assert_int_equal(start("two"), 0);
    assert_int_equal(domain_find(xs_open(), "two", &domid, &failure), 0);
    assert_int_equal(domid, 2);
    assert_int_equal(domain_set_name(xs_open(), 2, "second"), 0);
    assert_int_equal(domain_find(xs_open(), "two", &domid, &failure), -ESRCH);
    assert_int_equal(domain_find(xs_open(), "second", &domid, &failure), 0);
    node_set("/local/domain/2/name", "by-hand");
    assert_int_equal(domain_find(xs_open(), "by-hand", &domid, &failure), 0);
    assert_int_equal(domid, 2);
    assert_int_equal(domain_find(xs_open(), "second", &domid, &failure), -ESRCH);
    makes_all_guests = false;
    refused("by-hand", "is there already");
    assert_int_equal(domain_end(xs_open(), 1, &failure), 0);
    makes_all_guests = true;
    assert_int_equal(start("one"), 0);
    assert_false(names_find("none", &domid));
    assert_true(names_find("one", &domid));
    names_forget(domid);
    assert_false(names_find("one", &domid));
}

/* A disk and its partition, two partitions that overlap, one device by two names. */
static void test_one_guest_twice(void **state)
{
    static const char *const pairs[][2] = { { "/dev/vda", "/dev/vda1" },
                                            { "/dev/vda1", "/dev/vda" },
                                            { "/dev/vda1", "/dev/vda2" },
                                            { "/dev/vda1", "PARTLABEL=one" } };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int modes = 0; modes < 4; modes++) {
            setup(NULL);
            with_disk(pairs[i][0], modes & 1);
            with_disk(pairs[i][1], modes & 2);
            if (modes)
                refused("guest", "shares sectors with");
            else
                assert_int_equal(start("guest"), 0);
        }
    setup(NULL);
    with_disk("/dev/vda1", true);
    with_disk("/dev/vda3", true);
    assert_int_equal(start("guest"), 0);
}

static void test_two_guests(void **state)
{
    (void)state;
    with_disk("PARTLABEL=one", true);
    assert_int_equal(start("guest"), 0);
    assert_string_equal(node_value("/local/domain/0/backend/vbd/1/51712/params"), "/dev/vda1");
    config.disk_count = 0;
    with_disk("/dev/vda", false);
    refused("other", "in use by guest guest");
    config.disk_count = 0;
    with_disk("/dev/vda2", true);
    refused("other", "in use by guest guest");
    config.disk_count = 0;
    with_disk("PARTLABEL=two", true);
    refused("other", "more than one device");
    config.disk_count = 0;
    with_disk("/dev/vdb", true);
    refused("other", "read-only");
    config.disk_count = 0;
    with_disk("/dev/vda3", true);
    assert_int_equal(start("other"), 0);
}

/* A guest never starts without a disk it was to have. */
static void test_backends_verdict(void **state)
{
    (void)state;
    with_disk("/dev/vda1", true);
    backend = REFUSES;
    refused("guest", "the disk is on fire");
    backend = SLEEPS;
    refused("guest", "does not answer");
    backend = SERVES;
    assert_int_equal(start("guest"), 0);
}

static void test_memory_still_held(void **state)
{
    (void)state;
    assert_int_equal(start("guest"), 0);
    domains[started].held = true;
    assert_int_equal(domain_end(xs_open(), started, &failure), -EBUSY);
    assert_non_null(strstr(failure.text, "still hold 12 KiB"));
    domains[started].held = false;
    memset(&failure, 0, sizeof(failure));
    assert_int_equal(domain_end(xs_open(), started, &failure), 0);
}

/* The stopped guest lets its disk go; the new one, which crashes no more, has it. */
static void test_rename_restart(void **state)
{
    (void)state;
    config.on_crash = END_RENAME_RESTART;
    with_disk("/dev/vda1", true);
    assert_int_equal(start("guest"), 0);
    domains[1].flags = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
    assert_int_equal(domain_supervise(&config, &started), SHUTDOWN_poweroff);
    assert_int_equal(started, 2);
    assert_true(domains[1].there && !domains[2].there);
    assert_string_equal(node_value("/local/domain/1/name"), "guest-1");
    assert_null(node_value("/local/domain/0/backend/vbd/1/51712/state"));
}

static void test_interrupted(void **state)
{
    (void)state;
    assert_int_equal(start("guest"), 0);
    interrupted = true;
    assert_int_equal(domain_supervise(&config, &started), END_REASON_NONE);
    assert_true(domains[1].there);
}

/* cpus in the config is what the hypervisor hears. */
static void test_cpus(void **state)
{
    (void)state;
    config.max_vcpus = 2;
    config.cpus[1] = (struct cpu_list){ { 4, 0, 0, 1 } }; /* it has two */
    refused("guest", "none of those for vCPU 1");
    config.cpus[1].word[0] = 6;
    affinity[0] = affinity[1] = (struct cpu_list){ { 0 } };
    assert_int_equal(start("guest"), 0);
    assert_true(cpu_list_is_empty(&affinity[0]));
    assert_memory_equal(&affinity[1], &config.cpus[1], sizeof(affinity[1]));
}

static void test_tsc_mode(void **state)
{
    (void)state;
    config.tsc_mode = 2;
    assert_int_equal(start("guest"), 0);
    config.tsc_mode = 1;
    refused("other", "tsc_mode: this hypervisor does not emulate the time-stamp counter");
}

static void test_files_are_closed(void **state)
{
    (void)state;
    strcpy(config.ramdisk, "/empty");
    assert_int_equal(start("guest"), 0);
    assert_int_equal(files_open, 0);
    with_disk("/dev/vdb", true);
    refused("other", "read-only");
    assert_int_equal(files_open, 0);
}

/* What another interface on the bridge answers to, in a VLAN of its or in all, is refused; and so
 * is a bridge that is not there. */
static void one_address_for_one_interface(void **state)
{
    struct vif_config vif = { .bridge = "lan", .has_mac = true, .mac = { 0, 0x16, 0x3e, 1, 2, 3 } };
    struct failure said = { "" };
    struct vif_config two[2] = { { .bridge = "lan", .has_mac = true, .mac = { 0, 0x16, 0x3e } },
                                 { .bridge = "lan" } };
    struct xs_client *store = xs_open();
    char text[18];

    (void)state;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), 0); /* a Linux dom0: no nodes */
    node_set("/local/domain/0/bridge/xenbr0/state", "up");
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), -ENODEV);
    assert_non_null(strstr(said.text, "no bridge lan"));
    node_set("/local/domain/0/bridge/lan/state", "up");
    node_set("/local/domain/0/bridge/lan/mac", "00:16:3e:01:02:04");
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), 0);
    vif.mac[5] = 4;
    said.text[0] = 0;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), -EADDRINUSE);
    assert_non_null(strstr(said.text, "dom0's own"));
    node_set("/local/domain/0/backend/vif/7/1/bridge", "lan");
    node_set("/local/domain/0/backend/vif/7/1/mac", "00:16:3E:01:02:05");
    node_set("/local/domain/0/backend/vif/7/1/vlan", "9");
    vif.mac[5] = 5;
    vif.vlan = 8;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), 0);
    vif.vlan = 9;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), -EADDRINUSE);
    vif.vlan = 0;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), -EADDRINUSE);
    vif.has_mac = false;
    assert_int_equal(vif_settle(store, &vif, 0, "g", &said), 0);
    assert_true(vif.has_mac);
    /* The first two that are drawn are somebody's: another is. */
    snprintf(text, sizeof(text), "00:16:3e:%02x:%02x:%02x", random_next, random_next, random_next);
    node_set("/local/domain/0/backend/vif/7/1/mac", text);
    memset(two[0].mac + 3, random_next + 1, 3);
    assert_int_equal(vif_settle(store, &two[1], 1, "g", &said), 0);
    assert_int_equal(two[1].mac[5], random_next - 1);
    assert_memory_not_equal(two[0].mac, two[1].mac, 6);
    two[1] = two[0];
    assert_int_equal(vif_settle(store, &two[1], 1, "g", &said), -EADDRINUSE);
    memcpy(config.vifs, two, sizeof(two));
    config.vif_count = 2;
    refused("guest", "two interfaces with one mac");
    config.vif_count = 0;
    xs_rm(store, XS_NO_TX, "/local/domain/0/bridge");
    xs_rm(store, XS_NO_TX, "/local/domain/0/backend/vif");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_names, setup),
        cmocka_unit_test_setup(test_one_guest_twice, setup),
        cmocka_unit_test_setup(test_two_guests, setup),
        cmocka_unit_test_setup(test_backends_verdict, setup),
        cmocka_unit_test_setup(test_memory_still_held, setup),
        cmocka_unit_test_setup(test_rename_restart, setup),
        cmocka_unit_test_setup(test_interrupted, setup),
        cmocka_unit_test_setup(test_cpus, setup),
        cmocka_unit_test_setup(test_tsc_mode, setup),
        cmocka_unit_test_setup(test_files_are_closed, setup),
        cmocka_unit_test_setup(one_address_for_one_interface, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

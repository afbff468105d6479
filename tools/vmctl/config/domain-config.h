/*
 * What a guest is to be: the meaning of a config's keys.
 */
#ifndef TOOLS_VMCTL_CONFIG_DOMAIN_CONFIG_H
#define TOOLS_VMCTL_CONFIG_DOMAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/config/cpu-list.h"
#include "vmctl/config/disk.h"
#include "vmctl/config/page-table-mode.h"
#include "vmctl/config/vif.h"
#include "vmctl/failure.h"

#define DISKS_MAX 16
#define VIFS_MAX  8
#define VCPUS_MAX 128

/* What to do when the guest ends. */
enum end_action { END_DESTROY, END_RESTART, END_PRESERVE, END_RENAME_RESTART };

struct domain_config {
    char name[64];
    uint8_t uuid[16];
    bool has_uuid;
    bool bootloader; /* pvgrub, which boots from its disk; then there is no kernel here */
    char kernel[256];
    char ramdisk[256]; /* empty: none */
    char command_line[1024];
    uint64_t memory_kib;
    uint64_t maxmem_kib;
    uint32_t vcpus;     /* online when it starts */
    uint32_t max_vcpus; /* made: it can have as many online */
    struct cpu_list
        cpus[VCPUS_MAX]; /* of each vCPU, those of the machine's it may run on; none: any */
    uint32_t tsc_mode;   /* 0 default, 1 emulate, 2 native, as the hypervisor has it */
    enum page_table_mode page_tables;
    struct disk_config disks[DISKS_MAX];
    size_t disk_count;
    struct vif_config vifs[VIFS_MAX];
    size_t vif_count;
    enum end_action on_poweroff, on_reboot, on_crash;
    char notices[4096]; /* lines about what was ignored */
};

/* A config as it was given: the file, and words KEY=VALUE of the command line. */
struct config_source {
    const char *file;
    const char *text;
    size_t size;
    size_t word_count;
    char *const *words;
};

/* 0, -EINVAL with a failure naming file, line (or the command line) and remedy, -ENOMEM. */
int domain_config_parse(struct domain_config *config, const struct config_source *source,
                        struct failure *failure);

/* "destroy", "restart", ... */
const char *end_action_name(enum end_action action);
/* The 36 characters of a UUID and back. */
void uuid_format(const uint8_t uuid[16], char text[37]);
int uuid_parse(uint8_t uuid[16], const char *text);

#endif

/*
 * vmctl info and dmesg: the machine and its hypervisor.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/paravane.h"
#include "hypercall-abi/version.h"
#include "vmctl/command.h"
#include "vmctl/hypervisor.h"
#include "vmctl/json.h"
#include "vmctl/platform/platform.h"

#define LOG_SIZE (256u << 10)

/* What xen_version tells. */
struct hypervisor_version {
    unsigned int major, minor;
    char extra[17];
    char capabilities[1025];
    char command_line[1025];
};

static void version_text(unsigned int command, char *to, size_t size)
{
    void *buffer = platform_buffer_alloc(size);

    to[0] = '\0';
    if (!buffer)
        return;
    if (platform_hypercall(HYPERCALL_NR_xen_version, command, (uint64_t)(uintptr_t)buffer, 0, 0,
                           0) >= 0) {
        memcpy(to, buffer, size - 1);
        to[size - 1] = '\0';
    }
    platform_buffer_free(buffer, size);
}

static void version_get(struct hypervisor_version *version)
{
    long number = platform_hypercall(HYPERCALL_NR_xen_version, XENVER_version, 0, 0, 0, 0);

    version->major = number < 0 ? 0 : (unsigned int)number >> 16;
    version->minor = number < 0 ? 0 : (unsigned int)number & 0xffff;
    version_text(XENVER_extraversion, version->extra, sizeof(version->extra));
    version_text(XENVER_capabilities, version->capabilities, sizeof(version->capabilities));
    version_text(XENVER_commandline, version->command_line, sizeof(version->command_line));
}

/* Direct and writable are the guest's business; shadow is Paravane's. */
static const char *page_table_modes(void)
{
    return platform_hypercall(HYPERCALL_NR_paravane_op, PARAVANEOP_interface_version, 0, 0, 0, 0) <
                   0
               ? "direct writable"
               : "direct writable shadow";
}

static void info_print_json(const struct xen_sysctl_physinfo *machine,
                            const struct hypervisor_version *version)
{
    char text[48];

    printf("{");
    json_number("nr_cpus", machine->nr_cpus, 1);
    json_number("nr_nodes", machine->nr_nodes, 1);
    json_number("cores_per_socket", machine->cores_per_socket, 1);
    json_number("threads_per_core", machine->threads_per_core, 1);
    json_number("cpu_khz", machine->cpu_khz, 1);
    json_number("total_memory_kib", machine->total_pages * 4, 1);
    json_number("free_memory_kib", machine->free_pages * 4, 1);
    json_number("xen_major", version->major, 1);
    json_number("xen_minor", version->minor, 1);
    json_field("xen_extra", version->extra, 1);
    snprintf(text, sizeof(text), "%u.%u%s", version->major, version->minor, version->extra);
    json_field("xen_version", text, 1);
    json_field("xen_caps", version->capabilities, 1);
    json_field("pgtable_modes", page_table_modes(), 1);
    json_field("xen_commandline", version->command_line, 0);
    printf("}\n");
}

static void info_print(const struct xen_sysctl_physinfo *machine,
                       const struct hypervisor_version *version)
{
    printf("nr_cpus                : %u\n", (unsigned int)machine->nr_cpus);
    printf("nr_nodes               : %u\n", (unsigned int)machine->nr_nodes);
    printf("cores_per_socket       : %u\n", (unsigned int)machine->cores_per_socket);
    printf("threads_per_core       : %u\n", (unsigned int)machine->threads_per_core);
    printf("cpu_mhz                : %u.%03u\n", (unsigned int)machine->cpu_khz / 1000,
           (unsigned int)machine->cpu_khz % 1000);
    printf("total_memory           : %llu\n", (unsigned long long)machine->total_pages / 256);
    printf("free_memory            : %llu\n", (unsigned long long)machine->free_pages / 256);
    printf("xen_version            : %u.%u%s\n", version->major, version->minor, version->extra);
    printf("xen_caps               : %s\n", version->capabilities);
    printf("pgtable_modes          : %s\n", page_table_modes());
    printf("xen_commandline        : %s\n", version->command_line);
}

int command_info(struct command_context *context, int argc, char **argv)
{
    struct hypervisor_version *version = calloc(1, sizeof(*version));
    struct xen_sysctl_physinfo machine;

    (void)argv;
    if (argc != 1) {
        free(version);
        return command_usage(context);
    }
    int error = version ? machine_info(&machine) : -ENOMEM;

    if (!error) {
        version_get(version);
        if (context->json)
            info_print_json(&machine, version);
        else
            info_print(&machine, version);
    }
    free(version);
    return error ? command_failed(context, error, "the machine's facts cannot be had") : 0;
}

int command_dmesg(struct command_context *context, int argc, char **argv)
{
    bool clear = command_flag(&argc, argv, "-c");
    size_t length;

    if (argc != 1)
        return command_usage(context);
    char *text = malloc(LOG_SIZE);
    int error = text ? machine_log(text, LOG_SIZE, &length, clear) : -ENOMEM;

    if (!error)
        fwrite(text, 1, length, stdout);
    free(text);
    return error ? command_failed(context, error, "the hypervisor's log cannot be read") : 0;
}

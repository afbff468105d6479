/*
 * platform_op: facts and settings of the physical machine, for the control domain.
 */
#ifndef HYPERCALL_ABI_PLATFORM_H
#define HYPERCALL_ABI_PLATFORM_H

#include "hypercall-abi/types.h"

#define XENPF_INTERFACE_VERSION 0x03000001U

#define XENPF_settime32            17
#define XENPF_firmware_info        50
#define XENPF_enter_acpi_sleep     51
#define XENPF_set_processor_pminfo 54
#define XENPF_get_cpuinfo          55
#define XENPF_settime64            62

struct xenpf_settime32 {
    uint32_t secs;
    uint32_t nsecs;
    uint64_t system_time;
};
struct xenpf_settime64 {
    uint64_t secs;
    uint32_t nsecs;
    uint32_t mbz;
    uint64_t system_time;
};
#define XEN_FW_DISK_INFO          1
#define XEN_FW_DISK_MBR_SIGNATURE 2
#define XEN_FW_VBEDDC_INFO        3
#define XEN_FW_EFI_INFO           4
#define XEN_FW_EFI_VERSION        0 /* an index, as the next */
#define XEN_FW_EFI_CONFIG_TABLE   1
#define XEN_FW_KBD_SHIFT_FLAGS    5
struct xenpf_firmware_info {
    uint32_t type; /* XEN_FW_* */
    uint32_t index;
    union {
        uint8_t kbd_shift_flags;
        uint32_t efi_version;
        struct {
            uint64_t address; /* physical */
            uint32_t entries;
        } efi_config;
        uint8_t raw[40];
        uint64_t align;
    } u;
};
#define XENPF_ACPI_SLEEP_EXTENDED 1U
struct xenpf_enter_acpi_sleep {
    uint16_t val_a; /* PM1a control; extended: the type for the sleep control register */
    uint16_t val_b; /* PM1b control */
    uint32_t sleep_state;
    uint32_t flags;
};
struct xenpf_pcpuinfo {
    uint32_t xen_cpuid;   /* in */
    uint32_t max_present; /* out */
    uint32_t flags;       /* out: XEN_PCPU_FLAGS_* */
    uint32_t apic_id;
    uint32_t acpi_id;
};
#define XEN_PCPU_FLAGS_ONLINE  1U
#define XEN_PCPU_FLAGS_INVALID 2U

struct xen_platform_op {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        struct xenpf_settime32 settime32;
        struct xenpf_settime64 settime64;
        struct xenpf_firmware_info firmware_info;
        struct xenpf_enter_acpi_sleep enter_acpi_sleep;
        struct xenpf_pcpuinfo pcpu_info;
        uint8_t pad[128];
    } u;
};

#endif

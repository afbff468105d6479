/*
 * xen_version: a kernel learns what it runs on and which features it may use; wrong numbers
 * answer -ENOSYS, bad pointers -EFAULT.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/version.h"
#include "pv-kernel/string.h"

static char text[1024];

static bool contains(const char *haystack, const char *needle)
{
    for (; *haystack; haystack++)
        if (!strncmp(haystack, needle, strlen(needle)))
            return true;
    return false;
}

void guest_test(void)
{
    struct xen_feature_info features = { .submap_idx = 0 };
    struct xen_platform_parameters parameters = { 0 };
    uint8_t handle[16];

    check("version", hypercall_xen_version(XENVER_version, 0), 4 << 16 | 17);
    check("extraversion", hypercall_xen_version(XENVER_extraversion, HYPERCALL_ARG(text)), 0);
    check_true("extraversion ends", memcmp(text + 15, "", 1) <= 0 || strlen(text) < 16);
    check("capabilities", hypercall_xen_version(XENVER_capabilities, HYPERCALL_ARG(text)), 0);
    check_true("runs 64-bit PV guests", contains(text, "xen-3.0-x86_64"));
    check("changeset", hypercall_xen_version(XENVER_changeset, HYPERCALL_ARG(text)), 0);
    check("compile info", hypercall_xen_version(XENVER_compile_info, HYPERCALL_ARG(text)), 0);
    check("platform parameters",
          hypercall_xen_version(XENVER_platform_parameters, HYPERCALL_ARG(&parameters)), 0);
    check_true("hole starts at L4 slot 256", parameters.virt_start == 0xffff800000000000UL);
    check("page size", hypercall_xen_version(XENVER_pagesize, 0), 4096);
    check("handle", hypercall_xen_version(XENVER_guest_handle, HYPERCALL_ARG(handle)), 0);
    hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3);
    check("features", hypercall_xen_version(XENVER_get_features, HYPERCALL_ARG(&features)), 0);
    check_true("preserve-AD", features.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
    check_true("L4 above 4 GiB", features.submap & 1u << XENFEAT_pae_pgdir_above_4gb);
    check_true("grant avail bits", features.submap & 1u << XENFEAT_gnttab_map_avail_bits);
    features.submap &= 1u << XENFEAT_writable_page_tables |
                       1u << XENFEAT_writable_descriptor_tables |
                       1u << XENFEAT_auto_translated_physmap;
    check_mode("features of the page-table mode", features.submap, 0,
               1u << XENFEAT_writable_page_tables | 1u << XENFEAT_writable_descriptor_tables |
                   1u << XENFEAT_auto_translated_physmap);
    features.submap_idx = 77;
    check("no such submap", hypercall_xen_version(XENVER_get_features, HYPERCALL_ARG(&features)),
          -XEN_EINVAL);
    check("unknown", hypercall_xen_version(99, 0), -XEN_ENOSYS);
    check("hypervisor's pointer", hypercall_xen_version(XENVER_extraversion, BAD_POINTER),
          -XEN_EFAULT);
    check("unmapped pointer", hypercall_xen_version(XENVER_extraversion, UNMAPPED_POINTER),
          -XEN_EFAULT);
    check("unknown hypercall", hypercall_raw(60, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    check("far unknown hypercall", hypercall_raw(~0UL, 0, 0, 0, 0, 0), -XEN_ENOSYS);
}

/*
 * Keys of xl.cfg without a meaning here.  See other-keys.h.
 *
 * The names are those of xl.cfg(5), release 4.17, and of its elder brothers that old configs still
 * have.
 */
#include "vmctl/config/other-keys.h"

#include <string.h>

/* Without these the guest runs all the same: they speak of machines that are emulated (HVM), of the
 * program that emulates them, of pictures, of processors other than x86, or of bounds that are not
 * ours to set. */
static const char *const ignored_keys[] = {
    /* how HVM guests start, and what their machine is like */
    "loader",
    "boot",
    "bios",
    "bios_path_override",
    "firmware",
    "firmware_override",
    "acpi",
    "acpi_s3",
    "acpi_s4",
    "acpi_laptop_slate",
    "acpi_firmware",
    "smbios_firmware",
    "ms_vm_genid",
    "apic",
    "pae",
    "nx",
    "hpet",
    "hap",
    "oos",
    "shadow_memory",
    "nestedhvm",
    "altp2m",
    "altp2mhvm",
    "viridian",
    "timer_mode",
    "vpt_align",
    "timeoffset",
    "mmio_hole",
    "xen_platform_pci",
    "mca_caps",
    "hdtype",
    "vendor_device",
    /* who emulates it */
    "device_model",
    "device_model_version",
    "device_model_override",
    "device_model_user",
    "device_model_args",
    "device_model_args_pv",
    "device_model_args_hvm",
    "device_model_stubdomain_override",
    "device_model_stubdomain_seclabel",
    "stubdomain_kernel",
    "stubdomain_cmdline",
    "stubdomain_ramdisk",
    "stubdomain_memory",
    "dm_restrict",
    /* pictures, sound, and what hangs on an emulated bus */
    "vfb",
    "vga",
    "stdvga",
    "videoram",
    "vnc",
    "vnclisten",
    "vncdisplay",
    "vncunused",
    "vncpasswd",
    "vncconsole",
    "vncviewer",
    "sdl",
    "opengl",
    "display",
    "xauthority",
    "nographic",
    "keymap",
    "spice",
    "spicehost",
    "spiceport",
    "spicetls_port",
    "spicedisable_ticketing",
    "spicepasswd",
    "spiceagent_mouse",
    "spicevdagent",
    "spice_clipboard_sharing",
    "spiceusbredirection",
    "spice_image_compression",
    "spice_streaming_video",
    "soundhw",
    "serial",
    "parallel",
    "monitor",
    "vkb_device",
    "usb",
    "usbversion",
    "usbdevice",
    /* how devices that are passed through behave: `pci` itself is refused */
    "pci_msitranslate",
    "pci_permissive",
    "pci_seize",
    "pci_power_mgmt",
    "rdm_mem_boundary",
    /* other processors, clocks, labels, bounds */
    "device_tree",
    "gic_version",
    "tee",
    "localtime",
    "rtc_timeoffset",
    "on_watchdog",
    "on_soft_reset",
    "pool",
    "seclabel",
    "init_seclabel",
    "nomigrate",
    "driver_domain",
    "claim_mode",
    "max_grant_frames",
    "max_maptrack_frames",
    "max_grant_version",
    "max_event_channels",
    "event_channels",
    "suppress_spurious_page_faults",
    "xend_suspend_evtchn_compat",
    "pvshim_path",
    "pvshim_cmdline",
    "pvshim_extra",
};

/* With these ignored he would not get what he asked for. */
static const char *const refused_keys[] = {
    "cap",    "period", "slice",          "latency", "extratime", "cpus_soft",
    "vnuma",  "vpmu",   "vmtrace_buf_kb", "cpuid",   "e820_host", "bootloader_args",
    "pvshim", "pci",    "gfx_passthru",   "rdm",     "vpci",      "passthrough",
    "dtdev",  "iomem",  "ioports",        "irqs",    "usbctrl",   "usbdev",
    "vtpm",   "virtio", "vscsi",          "p9",      "pvcalls",   "vdispl",
    "vsnd",   "vkb",    "vuart",          "channel", "console",   "xenstore_feature_mask",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *other_key_name(size_t i)
{
    if (i < COUNT(ignored_keys))
        return ignored_keys[i];
    i -= COUNT(ignored_keys);
    return i < COUNT(refused_keys) ? refused_keys[i] : NULL;
}

enum other_key other_key_find(const char *key)
{
    const char *name;

    for (size_t i = 0; (name = other_key_name(i)); i++)
        if (!strcmp(key, name))
            return i < COUNT(ignored_keys) ? OTHER_KEY_IGNORED : OTHER_KEY_REFUSED;
    return OTHER_KEY_UNKNOWN;
}

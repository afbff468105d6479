/*
 * Keys of xl.cfg without a meaning here.  See other-keys.h.
 */
#include "vmctl/config/other-keys.h"

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Without these the guest runs all the same. */
static const char *const ignored_keys[] = {
    "loader",
    "vfb",
    "localtime",
    "rtc_timeoffset",
    "vnc",
    "vnclisten",
    "vncdisplay",
    "vncunused",
    "vncpasswd",
    "sdl",
    "opengl",
    "keymap",
    "stdvga",
    "on_watchdog",
    "on_soft_reset",
    "pool",
    "seclabel",
    "init_seclabel",
    "device_tree",
    "acpi",
    "apic",
    "pae",
    "nomigrate",
    "driver_domain",
    "claim_mode",
    "max_grant_frames",
    "max_maptrack_frames",
    "max_grant_version",
    "max_event_channels",
    "event_channels",
    "spice",
    "serial",
    "usb",
    "soundhw",
    "boot",
    "hap",
    "nestedhvm",
    "viridian",
    "xend_suspend_evtchn_compat",
};

/* With these ignored he would not get what he asked for. */
static const char *const refused_keys[] = {
    "cap",
    "cpus_soft",
    "pci",
    "bootloader",
    "bootloader_args",
    "maxvcpus",
    "cpuid",
    "e820_host",
    "usbctrl",
    "usbdev",
    "vtpm",
    "p9",
    "vdispl",
    "vsnd",
    "vkb",
    "iomem",
    "ioports",
    "irqs",
    "channel",
    "console",
    "firmware",
    "bios",
    "vnuma",
    "pvshim",
    "device_model_version",
    "dtdev",
    "vscsi",
    "pvcalls",
    "altp2m",
    "passthrough",
    "vpci",
    "gfx_passthru",
    "rdm",
    "xenstore_feature_mask",
};

static bool is_one_of(const char *key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(key, names[i]))
            return true;
    return false;
}

enum other_key other_key_find(const char *key)
{
    if (is_one_of(key, ignored_keys, COUNT(ignored_keys)))
        return OTHER_KEY_IGNORED;
    return is_one_of(key, refused_keys, COUNT(refused_keys)) ? OTHER_KEY_REFUSED
                                                             : OTHER_KEY_UNKNOWN;
}

/* How many letters must be changed, added or taken away to make one word of the other. */
static unsigned int distance(const char *a, const char *b)
{
    unsigned int row[66];
    size_t length = strlen(b) < 65 ? strlen(b) : 65;

    for (size_t j = 0; j <= length; j++)
        row[j] = (unsigned int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned int diagonal = row[0];

        row[0] = (unsigned int)i;
        for (size_t j = 1; j <= length; j++) {
            unsigned int change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < change)
                change = row[j] + 1;
            if (row[j - 1] + 1 < change)
                change = row[j - 1] + 1;
            row[j] = change;
        }
    }
    return row[length];
}

void nearest_key_try(const char *key, const char *name, const char **best, unsigned int *least)
{
    unsigned int d = distance(key, name);

    if (d < *least) {
        *least = d;
        *best = name;
    }
}

void nearest_key_try_others(const char *key, const char **best, unsigned int *least)
{
    for (size_t i = 0; i < COUNT(refused_keys); i++)
        nearest_key_try(key, refused_keys[i], best, least);
    for (size_t i = 0; i < COUNT(ignored_keys); i++)
        nearest_key_try(key, ignored_keys[i], best, least);
}

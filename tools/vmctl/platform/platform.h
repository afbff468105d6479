/*
 * What vmctl needs from the machine it runs on: everything that differs between our dom0
 * (calls into the same image) and a Linux dom0 (device files) is behind this header.
 * Functions return 0 or -errno unless said otherwise.
 */
#ifndef TOOLS_VMCTL_PLATFORM_PLATFORM_H
#define TOOLS_VMCTL_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/config/vif.h"

/* Once before anything else, and after it. */
int platform_open(void);

/* Is every guest of this machine made by this process?  (Else there are others, and xl.) */
bool platform_makes_all_guests(void);

/* Where pvgrub lies, for guests with kernels of their own. */
const char *platform_pvgrub(void);

/* A hypercall: its result (>= 0 or -errno). Pointer arguments must lie in memory from
 * platform_buffer_alloc(), which the hypervisor can reach at any time. */
long platform_hypercall(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                        uint64_t a5);
/* Zeroed, page-aligned memory for hypercall arguments; NULL when there is none. */
void *platform_buffer_alloc(size_t bytes);
void platform_buffer_free(void *buffer, size_t bytes);

/* Maps count frames of a domain, writable, next to each other. */
int platform_foreign_map(uint32_t domid, const uint64_t *gfns, size_t count, void **address);
void platform_foreign_unmap(void *address, size_t count);

/* A whole file's bytes, to be read only, until platform_file_close: which may come for a file that
 * was never opened, if it is all zeroes. */
struct platform_file {
    const void *data; /* of an empty file it may be NULL */
    size_t size;
    void *handle; /* the platform's */
};
int platform_file_open(const char *path, struct platform_file *file);
void platform_file_close(struct platform_file *file);

int64_t platform_now_ns(void);
/* Seconds since 1970. */
int64_t platform_wall_seconds(void);
void platform_sleep_ns(uint64_t duration_ns);
/* Lets others run, in the middle of long work. */
void platform_yield(void);

/* Runs a function beside the caller, outliving it: a task here, a daemon process there. */
int platform_background(const char *name, void (*function)(void *), void *argument);
/* Runs a function so that the caller need not wait for it: a task here; there, where a background
 * process has nothing else to do, it is done on return. */
int platform_aside(const char *name, void (*function)(void *), void *argument);

/* What a disk's target is, whichever of its names it was asked by. */
struct platform_disk {
    char path[256];          /* the device or file: /dev/vda1 */
    bool is_file;            /* then of what is below only the size is there */
    char disk[32];           /* the disk it is, or is a part of: vda */
    uint64_t first, sectors; /* of 512 bytes: where on that disk, and how many */
    bool read_only;
    uint32_t major, minor; /* what the backend's physical-device node holds */
};
/* -ENODEV and the like: there is none; -EMLINK: the name fits more than one; -ENOTBLK: it is of a
 * kind that cannot be a disk. */
int platform_disk_find(const char *name, struct platform_disk *disk);

/* A guest's interface has its backend: joins the bridge, where that is the toolstack's work.  0, or
 * -errno and why not. */
int platform_vif_up(uint32_t domid, const struct vif_config *vif, char *why, size_t size);

/* A guest's console: what is kept of it first, then what comes; dom0/tasks/terminal.h has the
 * rules. */
struct platform_console;
int platform_console_open(uint32_t domid, struct platform_console **console);
void platform_console_close(struct platform_console *console);
int platform_console_read(struct platform_console *console, void *buffer, size_t size,
                          size_t *length, int64_t timeout_ns);
/* Takes what there is room for, *written bytes, without waiting for the guest to read. */
int platform_console_write(struct platform_console *console, const void *data, size_t length,
                           size_t *written);

/* The user's keyboard in raw mode: one byte, or -ETIMEDOUT.  Turning it off drops what was typed,
 * or answered by the terminal, and not read yet. */
int platform_keyboard_raw(bool on);
int platform_keyboard_read(char *byte, int64_t timeout_ns);
/* Prints as it is, escape sequences and all: for who sits at a guest's console. */
void platform_terminal_write(const char *data, size_t length);
/* Does somebody sit in front of what this command prints? */
bool platform_is_attended(void);
/* Whether the user typed Ctrl-C since; where that ends the program by itself, never. */
bool platform_interrupted(void);

/* Random bytes for UUIDs. */
void platform_random(void *buffer, size_t size);

#endif

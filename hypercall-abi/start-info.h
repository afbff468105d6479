/*
 * What a PV guest finds at its first instruction: rsi points to a start_info.
 */
#ifndef HYPERCALL_ABI_START_INFO_H
#define HYPERCALL_ABI_START_INFO_H

#include "hypercall-abi/types.h"

#define MAX_GUEST_CMDLINE 1024

struct start_info {
    char magic[32];       /* "xen-3.0-x86_64" */
    uint64_t nr_pages;    /* frames the domain has */
    uint64_t shared_info; /* machine address of the shared_info frame */
    uint32_t flags;       /* SIF_* */
    xen_pfn_t store_mfn;  /* xenstore ring (0 for the initial domain) */
    uint32_t store_evtchn;
    union {
        struct {
            xen_pfn_t mfn; /* console ring */
            uint32_t evtchn;
        } domU;
        struct {
            uint32_t info_off; /* a dom0_vga_console_info, as an offset from start_info */
            uint32_t info_size;
        } dom0;
    } console;
    uint64_t pt_base; /* virtual address of the L4 table */
    uint64_t nr_pt_frames;
    uint64_t mfn_list;  /* virtual address of the pfn-to-mfn list */
    uint64_t mod_start; /* virtual address of the initrd, or its pfn with SIF_MOD_START_PFN */
    uint64_t mod_len;   /* bytes */
    int8_t cmd_line[MAX_GUEST_CMDLINE];
    uint64_t first_p2m_pfn; /* with the INIT_P2M note: frames of the list and its tables */
    uint64_t nr_p2m_frames;
};

#define SIF_PRIVILEGED      (1U << 0)
#define SIF_INITDOMAIN      (1U << 1)
#define SIF_MULTIBOOT_MOD   (1U << 2)
#define SIF_MOD_START_PFN   (1U << 3)
#define SIF_VIRT_P2M_4TOOLS (1U << 4)

#define XEN_VGATYPE_TEXT_MODE_3 3
#define XEN_VGATYPE_VESA_LFB    0x23
#define XEN_VGATYPE_EFI_LFB     0x70

/* The initial domain's view of the boot console, placed after its start_info. */
struct dom0_vga_console_info {
    uint8_t video_type; /* XEN_VGATYPE_* */
    union {
        struct {
            uint16_t font_height;
            uint16_t cursor_x, cursor_y;
            uint16_t rows, columns;
        } text_mode_3;
        struct {
            uint16_t width, height;
            uint16_t bytes_per_line;
            uint16_t bits_per_pixel;
            uint32_t lfb_base;
            uint32_t lfb_size; /* in 64 KiB units */
            uint8_t red_pos, red_size;
            uint8_t green_pos, green_size;
            uint8_t blue_pos, blue_size;
            uint8_t rsvd_pos, rsvd_size;
            uint32_t gbl_caps;
            uint16_t mode_attrs;
            uint16_t pad;
            uint32_t ext_lfb_base;
        } vesa_lfb;
    } u;
};

#endif

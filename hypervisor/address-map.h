/*
 * The one picture of virtual memory.  Guests have everything but L4 slots 256-271; those sixteen
 * entries are the same in every root table, so a root switch never loses the hypervisor.
 *
 *   slot  address               what
 *   256   0xffff800000000000    machine-to-physical table, readable by guests
 *   257   0xffff808000000000    hypervisor image, IMAGE_PHYS behind the beginning of the slot
 *         0xffff808040000000    per-CPU areas: stacks, descriptor tables, SYSCALL stubs
 *         0xffff80c000000000    device memory the hypervisor maps (APICs, MSI-X tables, screen)
 *   258   0xffff810000000000    frame table
 *   259   0xffff818000000000    descriptor windows: 256 KiB a CPU, its GDT and LDT
 *   260   0xffff820000000000    machine-to-physical table, writable, hypervisor only
 *   262   0xffff830000000000    all memory, as it is in the machine (to slot 271: 5 TiB)
 *
 * The image, the per-CPU areas and the stubs lie within 2 GiB of each other, so code reaches all
 * of them RIP-relative.
 */
#ifndef ADDRESS_MAP_H
#define ADDRESS_MAP_H

#define HYPERVISOR_FIRST_SLOT 256
#define HYPERVISOR_SLOTS      16

#define M2P_GUEST_VIRT  0xffff800000000000
#define IMAGE_VIRT      0xffff808000000000
#define DEVICE_VIRT     0xffff80c000000000
#define DEVICE_VIRT_END 0xffff810000000000
#ifdef HOST_TEST /* where a host test puts its small copies: both sanitizers leave it free */
#define CPU_AREAS_VIRT   0x54e000000000
#define DESCRIPTOR_VIRT  0x54f000000000
#define FRAME_TABLE_VIRT 0x550000000000
#define M2P_VIRT         0x551000000000
#define DIRECT_VIRT      0x552000000000
#define DIRECT_VIRT_END  0x555000000000
#else
#define CPU_AREAS_VIRT   0xffff808040000000
#define DESCRIPTOR_VIRT  0xffff818000000000
#define FRAME_TABLE_VIRT 0xffff810000000000
#define M2P_VIRT         0xffff820000000000
#define DIRECT_VIRT      0xffff830000000000
#define DIRECT_VIRT_END  0xffff880000000000
#endif

#define DESCRIPTOR_WINDOW_BYTES 0x40000 /* GDT at 0, LDT at 0x20000 */
#define LDT_WINDOW_OFFSET       0x20000

/* Physical address the image is linked for; where GRUB puts it it is aligned so, too. */
#define IMAGE_PHYS  0x200000
#define IMAGE_ALIGN 0x200000

#endif

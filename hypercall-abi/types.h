/*
 * Basic types of the guest ABI (Xen 4.17, 64-bit x86 PV).
 *
 * Every other header here builds on these.  All structures have the layout a 64-bit
 * guest sees; layout-checks.c compares them with an independent source.
 */
#ifndef HYPERCALL_ABI_TYPES_H
#define HYPERCALL_ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef uint16_t domid_t;
typedef uint32_t evtchn_port_t;
typedef uint32_t grant_ref_t;
typedef uint64_t xen_pfn_t; /* a frame number: machine or guest, as the field says */
typedef uint64_t xen_ulong_t;

/* A guest virtual address, as it travels in a structure: never dereferenced by the hypervisor
 * but through its checked copy routines. */
typedef uint64_t guest_handle_t;

/* Fields the domctl and sysctl interfaces align to 8 bytes on every architecture. */
typedef uint64_t uint64_aligned_t __attribute__((aligned(8)));

/* Domain ids with a meaning of their own.  Ordinary domains are below DOMID_FIRST_RESERVED. */
#define DOMID_FIRST_RESERVED 0x7ff0U
#define DOMID_SELF           0x7ff0U /* the caller */
#define DOMID_IO             0x7ff1U /* owner of device memory */
#define DOMID_XEN            0x7ff2U /* owner of frames the hypervisor shares */
#define DOMID_COW            0x7ff3U
#define DOMID_INVALID        0x7ff4U
#define DOMID_IDLE           0x7fffU

#define XEN_PAGE_SHIFT 12
#define XEN_PAGE_SIZE  4096UL

/* Upper bound of vCPUs whose vcpu_info lies inside shared_info. */
#define XEN_LEGACY_MAX_VCPUS 32

typedef uint8_t xen_domain_handle_t[16]; /* a UUID */

#endif

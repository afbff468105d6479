/*
 * The hypervisor's control interface, as functions.  All: 0 or -errno, results by pointer.
 */
#ifndef TOOLS_VMCTL_HYPERVISOR_H
#define TOOLS_VMCTL_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypercall-abi/domctl.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sysctl.h"

struct cpu_list;
struct vcpu_guest_context;
struct paravane_audit;
struct paravane_counters;
struct paravane_latency;

/* version and domain are filled in. */
int hypervisor_domctl(uint32_t domid, struct xen_domctl *control);
int hypervisor_sysctl(struct xen_sysctl *control);

/* Creates an empty, paused domain. */
int domain_create(const uint8_t uuid[16], uint32_t vcpus, bool shadow, uint32_t *domid);
int domain_destroy(uint32_t domid);
int domain_pause(uint32_t domid);
int domain_unpause(uint32_t domid);
/* -ESRCH if there is no such domain. */
int domain_info(uint32_t domid, struct xen_domctl_getdomaininfo *info);
/* All domains, by number: *count of them in a malloc'ed list. */
int domain_info_all(struct xen_domctl_getdomaininfo **list, size_t *count);
int domain_set_max_memory(uint32_t domid, uint64_t kib);
int domain_set_max_vcpus(uint32_t domid, uint32_t count);
/* cpus: the machine's CPUs the vCPU may run on. */
int domain_set_affinity(uint32_t domid, uint32_t vcpu, const struct cpu_list *cpus);
int domain_set_tsc_mode(uint32_t domid, uint32_t mode);
int domain_set_vcpu_context(uint32_t domid, uint32_t vcpu,
                            const struct vcpu_guest_context *context);
int domain_fill_hypercall_page(uint32_t domid, uint64_t mfn);

/* A port of the domain's which dom0 may bind. */
int domain_alloc_port(uint32_t domid, uint32_t *port);
/* frames[]: in, the guest frame numbers; out, machine frames.  Each is 2^order frames. */
int domain_populate(uint32_t domid, uint64_t *frames, size_t count, unsigned int order,
                    size_t *populated);
int domain_pin_root(uint32_t domid, uint64_t mfn);
int domain_grant_frame(uint32_t domid, uint64_t *mfn);

/* Recounts a domain's frame references; -ENOSYS where the hypervisor is not Paravane. */
int domain_audit(uint32_t domid, uint64_t *frames, uint64_t *differences);
/* All domains', as a malloc'ed list in the order of their ids; nothing if it fails. */
int domain_audit_all(struct paravane_audit **list, size_t *count);
/* What the hypervisor counted of a domain; -ENOSYS likewise. */
int domain_counters(uint32_t domid, struct paravane_counters *counters);
/* The machine's longest stretch without interrupts; reset: start anew. */
int machine_latency(bool reset, struct paravane_latency *latency);

/* A log of the frames that a domain writes.  begin: -EINVAL if there is one.  read: how many of the
 * first `frames` have been written since it was begun or last read. */
int domain_log_begin(uint32_t domid);
int domain_log_read(uint32_t domid, uint64_t frames, uint64_t *written);
int domain_log_end(uint32_t domid);

int machine_info(struct xen_sysctl_physinfo *info);
/* The hypervisor's log: up to size bytes, *length of them. */
int machine_log(char *buffer, size_t size, size_t *length, int clear);

#endif

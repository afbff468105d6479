/* xen_version and sysctl. */
#include "hypercall-abi/sysctl.h"
#include "domain/guest-memory.h"
#include "hypercall-abi/version.h"
#include "hypercalls/build-info.h"
#include "hypercalls/domain-info.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/interrupts.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "scheduling/idle.h"
#include "scheduling/scheduler.h"

char hypervisor_command_line[MAX_COMMAND_LINE];

static int write_string(uint64_t arg, const char *text, size_t size)
{
    char copy[MAX_COMMAND_LINE] = "";

    string_copy(copy, text, size);
    return guest_write(arg, copy, size);
}

static int get_features(struct domain *d, uint64_t arg)
{
    struct xen_feature_info f;

    if (guest_read(&f, arg, sizeof(f)))
        return -EFAULT;
    if (f.submap_idx >= 1) {
        if (f.submap_idx > 1)
            return -EINVAL;
        f.submap = 0;
    } else {
        f.submap = d->mode->features | 1U << XENFEAT_pae_pgdir_above_4gb |
                   1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_highmem_assist |
                   1U << XENFEAT_gnttab_map_avail_bits | 1U << XENFEAT_memory_op_vnode_supported |
                   1U << XENFEAT_not_direct_mapped;
        if (d->privileged)
            f.submap |= 1U << XENFEAT_dom0;
    }
    return guest_write(arg, &f, sizeof(f));
}

static int compile_info(uint64_t arg)
{
    struct xen_compile_info c = { BUILD_COMPILER, "paravane", "", "" };

    return guest_write(arg, &c, sizeof(c));
}

static int command_line(uint64_t arg)
{
    /* Only the control domain needs to know how the hypervisor was started. */
    if (!current_domain()->privileged)
        return write_string(arg, "<denied>", sizeof(xen_commandline_t));
    return write_string(arg, hypervisor_command_line, sizeof(xen_commandline_t));
}

int64_t hypercall_do_xen_version(uint64_t cmd, uint64_t arg)
{
    struct domain *d = current_domain();
    struct xen_platform_parameters p = { HYPERVISOR_VIRT_START };

    switch (cmd) {
    case XENVER_version:
        return 4 << 16 | 17;
    case XENVER_extraversion:
        return write_string(arg, ".0-paravane", sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return compile_info(arg);
    case XENVER_capabilities:
        return write_string(arg, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return write_string(arg, BUILD_REVISION, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        return guest_write(arg, &p, sizeof(p));
    case XENVER_get_features:
        return get_features(d, arg);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return guest_write(arg, d->handle, sizeof(d->handle));
    case XENVER_commandline:
        return command_line(arg);
    default:
        return -ENOSYS;
    }
}

static int read_console(struct xen_sysctl_readconsole *op)
{
    uint32_t index = op->incremental ? op->index : log_oldest(), room = op->count, total = 0;
    char piece[128];
    size_t n;

    while (total < room &&
           (n = log_read(&index, piece, min(sizeof(piece), (size_t)(room - total))))) {
        if (guest_write(op->buffer + total, piece, n))
            return -EFAULT;
        total += (uint32_t)n;
    }
    if (op->clear)
        log_forget(index);
    op->count = total;
    op->index = index;
    return 0;
}

static void physical_info(struct xen_sysctl_physinfo *p)
{
    memset(p, 0, sizeof(*p));
    p->threads_per_core = 1;
    p->cores_per_socket = cpu_count;
    p->nr_cpus = cpu_count;
    p->max_cpu_id = cpu_count - 1;
    p->nr_nodes = 1;
    p->cpu_khz = (uint32_t)clock_tsc_khz;
    p->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    p->total_pages = frames_of_ram;
    p->free_pages = frames_free_count();
    p->max_mfn = frame_limit - 1;
}

static int domain_list(struct xen_sysctl_getdomaininfolist *op)
{
    struct xen_domctl_getdomaininfo *info = heap_allocate(sizeof(*info));
    struct domain *d;
    domid_t from = op->first_domain;
    int r = info ? 0 : -ENOMEM;

    op->num_domains = 0;
    while (!r && op->num_domains < op->max_domains && (d = domain_get_next(from))) {
        domain_info_fill(d, info);
        from = (domid_t)(d->id + 1);
        domain_put(d);
        r = guest_write_element(op->buffer, op->num_domains, info);
        op->num_domains++;
        (void)!preempt_point(); /* the walk to the next one may be long */
    }
    heap_free(info, sizeof(*info));
    return r;
}

static int cpu_info(struct xen_sysctl_getcpuinfo *op)
{
    uint32_t n = min(op->max_cpus, cpu_count);
    struct xen_sysctl_cpuinfo c;

    for (uint32_t i = 0; i < n; i++) {
        c.idletime = cpu_idle_time(i);
        if (guest_write_element(op->info, i, &c))
            return -EFAULT;
    }
    op->nr_cpus = n;
    return 0;
}

static int topology(struct xen_sysctl_cputopoinfo *op)
{
    struct xen_sysctl_cputopo t = { 0 };

    for (uint32_t i = 0; op->cputopo && i < op->num_cpus && i < cpu_count; i++) {
        t.core = i;
        if (guest_write_element(op->cputopo, i, &t))
            return -EFAULT;
    }
    op->num_cpus = cpu_count;
    return 0;
}

int64_t hypercall_do_sysctl(uint64_t arg)
{
    struct xen_sysctl op;
    int r = 0;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    switch (op.cmd) {
    case XEN_SYSCTL_readconsole:
        r = read_console(&op.u.readconsole);
        break;
    case XEN_SYSCTL_physinfo:
        physical_info(&op.u.physinfo);
        break;
    case XEN_SYSCTL_sched_id:
        op.u.sched_id.sched_id = 6; /* nearest relative: credit2, fair by service */
        break;
    case XEN_SYSCTL_getdomaininfolist:
        r = domain_list(&op.u.getdomaininfolist);
        break;
    case XEN_SYSCTL_debug_keys:
        return op.u.debug_keys.nr_keys ? -EOPNOTSUPP : 0; /* no key has a report */
    case XEN_SYSCTL_getcpuinfo:
        r = cpu_info(&op.u.getcpuinfo);
        break;
    case XEN_SYSCTL_availheap:
        op.u.availheap.avail_bytes = frames_free_count() << PAGE_SHIFT;
        break;
    case XEN_SYSCTL_cputopoinfo:
        r = topology(&op.u.cputopoinfo);
        break;
    default:
        return -ENOSYS;
    }
    return r ? r : guest_write(arg, &op, sizeof(op));
}

/*
 * The hypervisor's control interface.  See hypervisor.h.
 *
 * Arguments travel in memory from the platform (on Linux it must not be paged out), so each
 * call copies its structure there and back.
 */
#include "vmctl/hypervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/paravane.h"
#include "vmctl/config/cpu-list.h"
#include "vmctl/platform/platform.h"

#define LIST_ROOM 32u /* domains that one call tells of */

#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))

/* One call whose argument is a structure, copied in and out; `before` are the arguments in
 * front of it. */
static int call_with(unsigned int number, uint64_t before, int has_before, void *structure,
                     size_t size)
{
    void *buffer = platform_buffer_alloc(size);

    if (!buffer)
        return -ENOMEM;
    memcpy(buffer, structure, size);
    long result = has_before ? platform_hypercall(number, before, ADDRESS(buffer), 0, 0, 0)
                             : platform_hypercall(number, ADDRESS(buffer), 0, 0, 0, 0);

    memcpy(structure, buffer, size);
    platform_buffer_free(buffer, size);
    return result < 0 ? (int)result : 0;
}

int hypervisor_domctl(uint32_t domid, struct xen_domctl *control)
{
    int error;

    control->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    control->domain = (domid_t)domid;
    for (;;) {
        error = call_with(HYPERCALL_NR_domctl, 0, 0, control, sizeof(*control));
        if (error != -EAGAIN || control->cmd != XEN_DOMCTL_destroydomain)
            return error;
        platform_yield(); /* it takes a while, and others are to have their turn */
    }
}

int hypervisor_sysctl(struct xen_sysctl *control)
{
    control->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call_with(HYPERCALL_NR_sysctl, 0, 0, control, sizeof(*control));
}

int domain_create(const uint8_t uuid[16], uint32_t vcpus, bool shadow, uint32_t *domid)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_createdomain };
    struct xen_domctl_createdomain *create = &control.u.createdomain;

    memcpy(create->handle, uuid, 16);
    create->flags = shadow ? PARAVANE_CDF_shadow : 0;
    create->max_vcpus = vcpus;
    create->max_evtchn_port = 1023;
    create->max_grant_frames = -1;
    create->max_maptrack_frames = -1;
    create->grant_opts = 1; /* grant-table format 1 and no later one */
    int error = hypervisor_domctl(0, &control);

    *domid = control.domain;
    return error;
}

static int simple_domctl(uint32_t domid, uint32_t command)
{
    struct xen_domctl control = { .cmd = command };

    return hypervisor_domctl(domid, &control);
}

int domain_destroy(uint32_t domid)
{
    return simple_domctl(domid, XEN_DOMCTL_destroydomain);
}

int domain_pause(uint32_t domid)
{
    return simple_domctl(domid, XEN_DOMCTL_pausedomain);
}

int domain_unpause(uint32_t domid)
{
    return simple_domctl(domid, XEN_DOMCTL_unpausedomain);
}

int domain_info(uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_getdomaininfo };
    int error = hypervisor_domctl(domid, &control);

    if (error)
        return error;
    *info = control.u.getdomaininfo;
    return info->domain == domid ? 0 : -ESRCH; /* it may answer for the next one */
}

/* The next of them, up to LIST_ROOM, from `first` on. */
static int info_list(uint32_t first, void *buffer, size_t *count)
{
    struct xen_sysctl control = { .cmd = XEN_SYSCTL_getdomaininfolist };

    control.u.getdomaininfolist.first_domain = (domid_t)first;
    control.u.getdomaininfolist.max_domains = LIST_ROOM;
    control.u.getdomaininfolist.buffer = ADDRESS(buffer);
    int error = hypervisor_sysctl(&control);

    *count = error ? 0 : control.u.getdomaininfolist.num_domains;
    return error;
}

int domain_info_all(struct xen_domctl_getdomaininfo **list, size_t *count)
{
    struct xen_domctl_getdomaininfo *buffer = platform_buffer_alloc(LIST_ROOM * sizeof(*buffer));
    size_t got = LIST_ROOM;
    uint32_t first = 0;
    int error = buffer ? 0 : -ENOMEM;

    *list = NULL;
    *count = 0;
    while (!error && got == LIST_ROOM) {
        error = info_list(first, buffer, &got);
        void *longer = error ? NULL : realloc(*list, (*count + got + 1) * sizeof(**list));

        if (!error && !longer)
            error = -ENOMEM;
        if (error)
            break;
        *list = longer;
        memcpy(*list + *count, buffer, got * sizeof(**list));
        *count += got;
        first = got ? buffer[got - 1].domain + 1u : first;
    }
    platform_buffer_free(buffer, LIST_ROOM * sizeof(*buffer));
    if (error) {
        free(*list);
        *list = NULL;
        *count = 0;
    }
    return error;
}

int domain_set_max_memory(uint32_t domid, uint64_t kib)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_max_mem };

    control.u.max_mem.max_memkb = kib;
    return hypervisor_domctl(domid, &control);
}

int domain_set_max_vcpus(uint32_t domid, uint32_t count)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_max_vcpus };

    control.u.max_vcpus.max = count;
    return hypervisor_domctl(domid, &control);
}

int domain_set_affinity(uint32_t domid, uint32_t vcpu, const struct cpu_list *cpus)
{
    struct cpu_list *map = platform_buffer_alloc(sizeof(*map));
    struct xen_domctl control = { .cmd = XEN_DOMCTL_setvcpuaffinity };

    if (!map)
        return -ENOMEM;
    *map = *cpus;
    control.u.vcpuaffinity.vcpu = vcpu;
    control.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    control.u.vcpuaffinity.cpumap_hard.bitmap = ADDRESS(map);
    control.u.vcpuaffinity.cpumap_hard.nr_bits = CPUS_MAX;
    int error = hypervisor_domctl(domid, &control);

    platform_buffer_free(map, sizeof(*map));
    return error;
}

int domain_set_tsc_mode(uint32_t domid, uint32_t mode)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_settscinfo };

    control.u.tsc_info.tsc_mode = mode;
    return hypervisor_domctl(domid, &control);
}

int domain_set_vcpu_context(uint32_t domid, uint32_t vcpu, const struct vcpu_guest_context *context)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_setvcpucontext };
    void *buffer = platform_buffer_alloc(sizeof(*context));

    if (!buffer)
        return -ENOMEM;
    memcpy(buffer, context, sizeof(*context));
    control.u.vcpucontext.vcpu = vcpu;
    control.u.vcpucontext.ctxt = ADDRESS(buffer);
    int error = hypervisor_domctl(domid, &control);

    platform_buffer_free(buffer, sizeof(*context));
    return error;
}

int domain_fill_hypercall_page(uint32_t domid, uint64_t mfn)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_hypercall_init };

    control.u.hypercall_init.gmfn = mfn;
    return hypervisor_domctl(domid, &control);
}

int domain_alloc_port(uint32_t domid, uint32_t *port)
{
    struct evtchn_alloc_unbound alloc = { .dom = (domid_t)domid, .remote_dom = 0 };
    int error =
        call_with(HYPERCALL_NR_event_channel_op, EVTCHNOP_alloc_unbound, 1, &alloc, sizeof(alloc));

    *port = alloc.port;
    return error;
}

int domain_populate(uint32_t domid, uint64_t *frames, size_t count, unsigned int order,
                    size_t *populated)
{
    size_t size = count * sizeof(*frames);
    uint64_t *buffer = platform_buffer_alloc(size + sizeof(struct xen_memory_reservation));

    *populated = 0;
    if (!buffer)
        return -ENOMEM;
    struct xen_memory_reservation *reservation = (void *)(buffer + count);

    memcpy(buffer, frames, size);
    reservation->extent_start = ADDRESS(buffer);
    reservation->nr_extents = count;
    reservation->extent_order = order;
    reservation->domid = (domid_t)domid;
    long done = platform_hypercall(HYPERCALL_NR_memory_op, XENMEM_populate_physmap,
                                   ADDRESS(reservation), 0, 0, 0);

    if (done > 0) {
        *populated = (size_t)done;
        memcpy(frames, buffer, (size_t)done * sizeof(*frames));
    }
    platform_buffer_free(buffer, size + sizeof(struct xen_memory_reservation));
    return done < 0 ? (int)done : 0;
}

int domain_pin_root(uint32_t domid, uint64_t mfn)
{
    struct mmuext_op *operation = platform_buffer_alloc(sizeof(*operation));

    if (!operation)
        return -ENOMEM;
    operation->cmd = MMUEXT_PIN_L4_TABLE;
    operation->arg1.mfn = mfn;
    long result = platform_hypercall(HYPERCALL_NR_mmuext_op, ADDRESS(operation), 1, 0, domid, 0);

    platform_buffer_free(operation, sizeof(*operation));
    return result < 0 ? (int)result : 0;
}

int domain_grant_frame(uint32_t domid, uint64_t *mfn)
{
    struct {
        struct gnttab_setup_table setup;
        uint64_t frame;
    } *buffer = platform_buffer_alloc(sizeof(*buffer));

    if (!buffer)
        return -ENOMEM;
    buffer->setup.dom = (domid_t)domid;
    buffer->setup.nr_frames = 1;
    buffer->setup.frame_list = ADDRESS(&buffer->frame);
    long result = platform_hypercall(HYPERCALL_NR_grant_table_op, GNTTABOP_setup_table,
                                     ADDRESS(&buffer->setup), 1, 0, 0);

    if (result >= 0 && buffer->setup.status != GNTST_okay)
        result = -EIO;
    *mfn = buffer->frame;
    platform_buffer_free(buffer, sizeof(*buffer));
    return result < 0 ? (int)result : 0;
}

int domain_audit(uint32_t domid, uint64_t *frames, uint64_t *differences)
{
    struct paravane_audit audit = { .domid = (domid_t)domid };
    int error = call_with(HYPERCALL_NR_paravane_op, PARAVANEOP_audit, 1, &audit, sizeof(audit));

    *frames = audit.frames;
    *differences = audit.differences;
    return error;
}

/* More entries than there will be domains a moment later. */
#define AUDIT_SPARE 64u

int domain_audit_all(struct paravane_audit **list, size_t *count)
{
    struct xen_domctl_getdomaininfo *infos;
    size_t room;
    int error = domain_info_all(&infos, &room);

    *list = NULL;
    *count = 0;
    if (error)
        return error;
    free(infos);
    room += AUDIT_SPARE;
    struct paravane_audit *buffer = platform_buffer_alloc(room * sizeof(*buffer));
    struct paravane_audit_all all = { .buffer = ADDRESS(buffer), .room = (uint32_t)room };

    error = buffer ? call_with(HYPERCALL_NR_paravane_op, PARAVANEOP_audit_all, 1, &all, sizeof(all))
                   : -ENOMEM;
    if (!error && all.count > room)
        error = -EAGAIN;
    *list = error ? NULL : malloc(room * sizeof(**list));
    if (!error && !*list)
        error = -ENOMEM;
    if (!error) {
        *count = all.count;
        memcpy(*list, buffer, all.count * sizeof(**list));
    }
    platform_buffer_free(buffer, room * sizeof(*buffer));
    return error;
}

int machine_latency(bool reset, struct paravane_latency *latency)
{
    *latency = (struct paravane_latency){ .reset = reset };
    return call_with(HYPERCALL_NR_paravane_op, PARAVANEOP_latency, 1, latency, sizeof(*latency));
}

int domain_counters(uint32_t domid, struct paravane_counters *counters)
{
    *counters = (struct paravane_counters){ .domid = (domid_t)domid };
    return call_with(HYPERCALL_NR_paravane_op, PARAVANEOP_counters, 1, counters, sizeof(*counters));
}

static int log_domctl(uint32_t domid, uint32_t what, uint64_t frames, uint64_t *written)
{
    struct xen_domctl control = { .cmd = XEN_DOMCTL_shadow_op };
    int error;

    control.u.shadow_op = (struct xen_domctl_shadow_op){ .op = what, .pages = frames };
    error = hypervisor_domctl(domid, &control);
    *written = control.u.shadow_op.stats.dirty_count;
    return error;
}

int domain_log_begin(uint32_t domid)
{
    uint64_t none;

    return log_domctl(domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, &none);
}

int domain_log_read(uint32_t domid, uint64_t frames, uint64_t *written)
{
    return log_domctl(domid, XEN_DOMCTL_SHADOW_OP_CLEAN, frames, written);
}

int domain_log_end(uint32_t domid)
{
    uint64_t none;

    return log_domctl(domid, XEN_DOMCTL_SHADOW_OP_OFF, 0, &none);
}

int machine_info(struct xen_sysctl_physinfo *info)
{
    struct xen_sysctl control = { .cmd = XEN_SYSCTL_physinfo };
    int error = hypervisor_sysctl(&control);

    *info = control.u.physinfo;
    return error;
}

int machine_log(char *to, size_t size, size_t *length, int clear)
{
    struct xen_sysctl control = { .cmd = XEN_SYSCTL_readconsole };
    char *buffer = platform_buffer_alloc(size);

    if (!buffer)
        return -ENOMEM;
    control.u.readconsole.clear = clear != 0;
    control.u.readconsole.buffer = ADDRESS(buffer);
    control.u.readconsole.count = (uint32_t)size;
    int error = hypervisor_sysctl(&control);

    *length = error ? 0 : control.u.readconsole.count;
    memcpy(to, buffer, *length);
    platform_buffer_free(buffer, size);
    return error;
}

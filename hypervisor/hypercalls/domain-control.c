/* domctl. */
#include "hypercall-abi/domctl.h"
#include "domain/guest-memory.h"
#include "guest-cpu/guest-clock.h"
#include "hypercalls/continuation.h"
#include "hypercalls/dirty-log.h"
#include "hypercalls/domain-info.h"
#include "hypercalls/handlers.h"
#include "hypercalls/page.h"
#include "hypercalls/target.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "lifecycle/shutdown.h"
#include "machine/clock.h"
#include "machine/fpu.h"
#include "memory/frame-references.h"
#include "memory/heap.h"
#include "scheduling/scheduler.h"

#define CREATE_FLAGS_IGNORED \
    (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain)

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool running = false, blocked = true;
    struct vcpu *v;

    memset(info, 0, sizeof(*info));
    for_each_vcpu(v, d) {
        info->cpu_time += vcpu_run_time(v);
        info->max_vcpu_id = v->id;
        if (v->stopped & VCPU_DOWN)
            continue;
        info->nr_online_vcpus++;
        running |= v->runstate.state == RUNSTATE_running;
        blocked &= (v->stopped & VCPU_BLOCKED) != 0;
    }
    info->domain = d->id;
    info->flags = (d->life != DOMAIN_ALIVE ? XEN_DOMINF_dying : 0) |
                  (d->shut_down ? XEN_DOMINF_shutdown : 0) |
                  (d->pause_count ? XEN_DOMINF_paused : 0) | (running ? XEN_DOMINF_running : 0) |
                  (blocked ? XEN_DOMINF_blocked : 0);
    if (d->shut_down)
        info->flags |= (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
    info->tot_pages = d->frames.count;
    info->max_pages = d->frames.limit;
    info->shared_info_frame =
        d->shared_info ? d->mode->shared_gfn(d, virt_mfn(d->shared_info), 0) : UINT64_MAX;
    info->gpaddr_bits = 44;
    memcpy(info->handle, d->handle, sizeof(info->handle));
}

static int create(struct xen_domctl *op)
{
    const struct xen_domctl_createdomain *c = &op->u.createdomain;
    domid_t id = op->domain;
    struct domain *d;
    int r;

    if (c->flags & ~(CREATE_FLAGS_IGNORED | PARAVANE_CDF_shadow))
        return -EINVAL; /* a kind of domain that needs virtualization hardware */
    if (c->iommu_opts || c->vmtrace_size || c->arch.emulation_flags)
        return -EINVAL;
    if (id == 0 || id >= DOMID_FIRST_RESERVED) {
        r = domain_id_choose(&id);
        if (r)
            return r;
    }
    r = domain_create(id, c, false, &d);
    op->domain = id;
    return r;
}

static int set_context(struct domain *d, const struct xen_domctl_vcpucontext *op)
{
    struct vcpu *v = vcpu_find(d, op->vcpu);
    struct vcpu_guest_context *c;
    int r;

    if (!v)
        return -EINVAL;
    c = heap_allocate(sizeof(*c));
    if (!c)
        return -ENOMEM;
    r = guest_read(c, op->ctxt, sizeof(*c));
    if (!r)
        r = vcpu_initialise(v, c);
    /* The first vCPU is up from the start, as on a real machine. */
    if (!r && ((c->flags & VGCF_online) || !v->id))
        vcpu_start(v, VCPU_DOWN);
    heap_free(c, sizeof(*c));
    return r;
}

static void context_fill(struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct cpu_regs *r = &v->regs;

    fpu_area_export(v->fpu, c->fpu_ctxt);
    c->flags = VGCF_i387_valid | (v->mode == VCPU_KERNEL ? VGCF_in_kernel : 0) |
               (v->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
               (v->syscall.mask_events ? VGCF_syscall_disables_events : 0) |
               (v->stopped & VCPU_DOWN ? 0 : VGCF_online);
    c->user_regs = (struct cpu_user_regs){
        .r15 = r->r15,
        .r14 = r->r14,
        .r13 = r->r13,
        .r12 = r->r12,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .r11 = r->r11,
        .r10 = r->r10,
        .r9 = r->r9,
        .r8 = r->r8,
        .rax = r->rax,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rip = r->rip,
        .cs = (uint16_t)r->cs,
        .rflags = r->rflags,
        .rsp = r->rsp,
        .ss = (uint16_t)r->ss,
        .ds = v->ds,
        .es = v->es,
        .fs = v->fs,
        .gs = v->gs,
    };
    for (unsigned i = 0; i < 256; i++)
        c->trap_ctxt[i] = (struct trap_info){ (uint8_t)i, v->traps[i].flags, v->traps[i].cs,
                                              v->traps[i].address };
    c->ldt_base = v->ldt_base;
    c->ldt_ents = v->ldt_entries;
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        c->gdt_frames[i] = mfn_is_none(v->gdt_frames[i])
                               ? 0
                               : v->domain->mode->descriptor_gfn(v->domain, v->gdt_frames[i]);
    c->gdt_ents = v->gdt_entries;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = v->kernel_sp;
    c->ctrlreg[3] = v->domain->mode->root_gfn(v, false) << PAGE_SHIFT;
    c->ctrlreg[1] = v->domain->mode->root_gfn(v, true) << PAGE_SHIFT;
    memcpy(c->debugreg, v->debug, sizeof(c->debugreg));
    c->event_callback_eip = v->event.address;
    c->failsafe_callback_eip = v->failsafe.address;
    c->syscall_callback_eip = v->syscall.address;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = v->fs_base;
    c->gs_base_kernel = v->gs_base_kernel;
    c->gs_base_user = v->gs_base_user;
}

static int get_context(struct domain *d, const struct xen_domctl_vcpucontext *op)
{
    struct vcpu *v = vcpu_find(d, op->vcpu);
    struct vcpu_guest_context *c;
    int r;

    if (!v || d == current_domain())
        return -EINVAL;
    if (read_once(v->first_state) != VCPU_STATE_SET)
        return -ENODATA;
    c = heap_allocate(sizeof(*c));
    if (!c)
        return -ENOMEM;
    domain_pause(d);
    context_fill(v, c);
    r = domain_unpause(d);
    if (!r)
        r = guest_write(op->ctxt, c, sizeof(*c));
    heap_free(c, sizeof(*c));
    return r;
}

static int vcpu_info_fill(struct domain *d, struct xen_domctl_getvcpuinfo *op)
{
    struct vcpu *v = vcpu_find(d, op->vcpu);

    if (!v)
        return -EINVAL;
    op->online = !(v->stopped & VCPU_DOWN);
    op->blocked = (v->stopped & VCPU_BLOCKED) != 0;
    op->running = v->runstate.state == RUNSTATE_running;
    op->cpu_time = vcpu_run_time(v);
    op->cpu = v->sched.cpu;
    return 0;
}

static int set_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op)
{
    struct vcpu *v = vcpu_find(d, op->vcpu);
    uint32_t bits = min(op->cpumap_hard.nr_bits, (uint32_t)MAX_CPUS);
    uint64_t map[MAX_CPUS / 64] = { 0 };
    struct cpu_set cpus = { { 0 } };

    if (!v)
        return -EINVAL;
    if (!(op->flags & XEN_VCPUAFFINITY_HARD))
        return op->flags & XEN_VCPUAFFINITY_SOFT ? 0 : -EINVAL; /* soft affinity is a hint */
    if (guest_read(map, op->cpumap_hard.bitmap, (bits + 7) / 8))
        return -EFAULT;
    for (uint32_t i = 0; i < min(bits, cpu_count); i++)
        if (bit_test(map, i))
            cpu_set_add(&cpus, i);
    return vcpu_set_affinity(v, &cpus);
}

static int max_mem(struct domain *d, uint64_t kib)
{
    spin_lock(&d->frames.lock);
    d->frames.limit = kib >> (PAGE_SHIFT - 10);
    spin_unlock(&d->frames.lock);
    return 0;
}

static int shadow_op(struct domain *d, struct xen_domctl_shadow_op *op)
{
    uint64_t dirty = 0;
    int r;

    if (d == current_domain())
        return -EINVAL; /* its own reading would write */
    switch (op->op) {
    case XEN_DOMCTL_SHADOW_OP_OFF:
        return dirty_log_end(d);
    case XEN_DOMCTL_SHADOW_OP_ENABLE:
        if (op->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
            return -EINVAL; /* a domain's mode is for its life */
        return dirty_log_begin(d);
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
        return dirty_log_begin(d);
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        r = dirty_log_read(d, op->dirty_bitmap, &op->pages, op->op == XEN_DOMCTL_SHADOW_OP_CLEAN,
                           &dirty);
        op->stats.dirty_count = (uint32_t)dirty;
        return r;
    default:
        return -EINVAL;
    }
}

static int pause(struct domain *d)
{
    if (d == current_domain())
        return -EINVAL;
    domain_pause(d);
    return 0;
}

/* Operations on an existing domain; `copy_out`: the structure goes back to the caller. */
static int operate(struct domain *d, struct xen_domctl *op, bool *copy_out)
{
    *copy_out = false;
    switch (op->cmd) {
    case XEN_DOMCTL_destroydomain:
        return d == current_domain() ? -EINVAL : domain_destroy(d);
    case XEN_DOMCTL_pausedomain:
        return pause(d);
    case XEN_DOMCTL_unpausedomain:
        return d == current_domain() ? -EINVAL : domain_unpause(d);
    case XEN_DOMCTL_resumedomain:
        return d == current_domain() ? -EINVAL : domain_resume(d);
    case XEN_DOMCTL_shadow_op:
        *copy_out = true;
        return shadow_op(d, &op->u.shadow_op);
    case XEN_DOMCTL_max_mem:
        return max_mem(d, op->u.max_mem.max_memkb);
    case XEN_DOMCTL_setvcpucontext:
        return set_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpucontext:
        return get_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpuinfo:
        *copy_out = true;
        return vcpu_info_fill(d, &op->u.getvcpuinfo);
    case XEN_DOMCTL_setvcpuaffinity:
        return set_affinity(d, &op->u.vcpuaffinity);
    case XEN_DOMCTL_max_vcpus: /* they were made with the domain */
        return op->u.max_vcpus.max == d->max_vcpus ? 0 : -EINVAL;
    case XEN_DOMCTL_setdomainhandle:
        memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
        return 0;
    case XEN_DOMCTL_hypercall_init:
        return hypercall_page_write(d, op->u.hypercall_init.gmfn);
    case XEN_DOMCTL_settimeoffset:
        d->time_offset_seconds = op->u.settimeoffset.time_offset_seconds;
        guest_wall_clock_update(d);
        return 0;
    case XEN_DOMCTL_set_address_size:
        return op->u.address_size.size == 64 ? 0 : -EINVAL;
    case XEN_DOMCTL_get_address_size:
        op->u.address_size.size = 64;
        *copy_out = true;
        return 0;
    case XEN_DOMCTL_settscinfo: /* the TSC is the machine's, always */
        return op->u.tsc_info.tsc_mode == 0 || op->u.tsc_info.tsc_mode == 2 ? 0 : -EOPNOTSUPP;
    case XEN_DOMCTL_gettscinfo:
        op->u.tsc_info =
            (struct xen_domctl_tsc_info){ .tsc_mode = 2, .gtsc_khz = (uint32_t)clock_tsc_khz };
        *copy_out = true;
        return 0;
    case XEN_DOMCTL_iomem_permission: /* devices belong to the control domain, all of them */
        return d->privileged && op->u.iomem_permission.allow_access ? 0 : -EOPNOTSUPP;
    case XEN_DOMCTL_ioport_permission:
        return d->privileged && op->u.ioport_permission.allow_access ? 0 : -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}

/* getdomaininfo with an id answers for the next domain from it on. */
static int get_info(struct xen_domctl *op)
{
    struct domain *d = domain_get_next(op->domain);

    if (!d)
        return -ESRCH;
    domain_info_fill(d, &op->u.getdomaininfo);
    op->domain = d->id;
    domain_put(d);
    return 0;
}

/* On a domain that lives; one that dies may be asked to go on dying. */
static int operate_on(struct xen_domctl *op, bool *copy_out)
{
    struct domain *d = domain_get(op->domain);
    int r;

    if (!d)
        return -ESRCH;
    r = d->life == DOMAIN_ALIVE || op->cmd == XEN_DOMCTL_destroydomain ? operate(d, op, copy_out)
                                                                       : -EINVAL;
    domain_put(d);
    return r;
}

/*
 * One operation at a time, so that no two vCPUs of the control domain destroy, unpause or set up
 * the same domain at once.  Not a lock: who comes second tries again later, with interrupts and
 * other vCPUs let in, as an operation may let them in too.
 */
static int alone(struct xen_domctl *op, bool *copy_out)
{
    int r;

    if (!control_begin())
        return -ERESTART;
    if (op->cmd == XEN_DOMCTL_createdomain)
        r = create(op);
    else if (op->cmd == XEN_DOMCTL_getdomaininfo)
        r = get_info(op);
    else
        r = operate_on(op, copy_out);
    control_end();
    return r;
}

int64_t hypercall_do_domctl(uint64_t arg)
{
    struct xen_domctl op;
    bool copy_out = true;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    r = alone(&op, &copy_out);
    /* A destruction takes as long as the domain is large: its caller, who may have other tasks,
     * repeats it, as every toolstack of Xen's does. */
    if (r == -ERESTART)
        return op.cmd == XEN_DOMCTL_destroydomain ? -EAGAIN
                                                  : continuation(NR_domctl, arg, 0, 0, 0, 0);
    return r || !copy_out ? r : guest_write(arg, &op, sizeof(op));
}

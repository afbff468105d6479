/* Domains begin paused, with no memory; the builder adds what they need and unpauses them. */
#include "lifecycle/create.h"
#include "guest-cpu/descriptors.h"
#include "guest-cpu/short-calls.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "lifecycle/destroy.h"
#include "lifecycle/parts.h"
#include "machine/fpu.h"
#include "machine/registers.h"
#include "memory/heap.h"

int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged,
                  struct domain **out)
{
    struct domain *d;
    int r;

    if (!config->max_vcpus || config->max_vcpus > MAX_VCPUS_PER_DOMAIN)
        return -EINVAL;
    d = heap_allocate(sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->id = id;
    d->privileged = privileged;
    d->references = 1;
    d->max_vcpus = config->max_vcpus;
    d->shutdown_code = d->declared_code = SHUTDOWN_CODE_INVALID;
    d->create_flags = config->flags;
    d->pause_count = 1;
    d->frames.emptied = domain_emptied;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    r = parts_create(d, config);
    if (!r)
        r = domain_list_add(d);
    if (r) {
        domain_unmake(d);
        return r;
    }
    *out = d;
    return 0;
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    const struct cpu_user_regs *u = &c->user_regs;

    v->regs = (struct cpu_regs){
        .r15 = u->r15,
        .r14 = u->r14,
        .r13 = u->r13,
        .r12 = u->r12,
        .rbp = u->rbp,
        .rbx = u->rbx,
        .r11 = u->r11,
        .r10 = u->r10,
        .r9 = u->r9,
        .r8 = u->r8,
        .rax = u->rax,
        .rcx = u->rcx,
        .rdx = u->rdx,
        .rsi = u->rsi,
        .rdi = u->rdi,
        .rip = u->rip,
        .rsp = u->rsp,
        .cs = u->cs | 3,
        .ss = u->ss | 3,
        .rflags = (u->rflags & ~(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_NT)) | RFLAGS_IF | RFLAGS_MBS,
    };
    v->iopl = (uint32_t)(u->rflags >> 12 & 3);
    v->ds = u->ds;
    v->es = u->es;
    v->fs = u->fs;
    v->gs = u->gs;
}

static bool entries_are_canonical(const struct vcpu_guest_context *c)
{
    for (unsigned i = 0; i < 256; i++)
        if (!address_is_canonical(c->trap_ctxt[i].address))
            return false;
    return address_is_canonical(c->event_callback_eip) &&
           address_is_canonical(c->failsafe_callback_eip) &&
           address_is_canonical(c->syscall_callback_eip);
}

static int set_bases(struct vcpu *v, const struct vcpu_guest_context *c)
{
    if (!address_is_canonical(c->fs_base) || !address_is_canonical(c->gs_base_kernel) ||
        !address_is_canonical(c->gs_base_user))
        return -EINVAL;
    v->fs_base = c->fs_base;
    v->gs_base_kernel = c->gs_base_kernel;
    v->gs_base_user = c->gs_base_user;
    return 0;
}

static void set_entries(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned i = 0; i < 256; i++)
        v->traps[i] = (struct guest_trap){ c->trap_ctxt[i].address, c->trap_ctxt[i].cs,
                                           c->trap_ctxt[i].flags };
    v->event.address = c->event_callback_eip;
    v->failsafe.address = c->failsafe_callback_eip;
    v->failsafe.mask_events = c->flags & VGCF_failsafe_disables_events;
    v->syscall.address = c->syscall_callback_eip;
    v->syscall.mask_events = c->flags & VGCF_syscall_disables_events;
    v->kernel_sp = c->kernel_sp;
    short_calls_prepare(v);
}

static int set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
    const struct paging_mode *mode = v->domain->mode;
    int r = mode->set_kernel_root(v, c->ctrlreg[3] >> PAGE_SHIFT);

    if (!r && c->ctrlreg[1])
        r = mode->set_user_root(v, c->ctrlreg[1] >> PAGE_SHIFT);
    if (!r && c->gdt_ents)
        r = c->gdt_ents > FIRST_RESERVED_GDT_ENTRY
                ? -EINVAL
                : vcpu_set_gdt(v, c->gdt_frames, (unsigned)c->gdt_ents);
    return r;
}

static int set_state(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int r = set_bases(v, c);

    if (!r)
        r = set_tables(v, c);
    if (r)
        return r;
    set_registers(v, c);
    set_entries(v, c);
    if (c->flags & VGCF_i387_valid)
        fpu_area_import(v->fpu, c->fpu_ctxt);
    atomic_or(&v->domain->vm_assist, c->vm_assist & 0x3f);
    short_calls_follow_assists(v->domain);
    v->mode = VCPU_KERNEL;
    return 0;
}

int vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    uint32_t state = VCPU_STATE_NONE;
    int r;

    if (read_once(v->first_state) == VCPU_STATE_SET)
        return -EEXIST;
    if (!(c->flags & VGCF_in_kernel) || !entries_are_canonical(c))
        return -EINVAL;
    if (!atomic_compare_exchange(&v->first_state, &state, VCPU_STATE_BUSY))
        return state == VCPU_STATE_SET ? -EEXIST : -ERESTART; /* somebody is at it: wait */
    r = set_state(v, c);
    atomic_store(&v->first_state, r ? VCPU_STATE_NONE : VCPU_STATE_SET);
    return r;
}

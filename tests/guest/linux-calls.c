/*
 * What a stock Linux asks for on its way up, as a plain guest and as the initial domain, and that
 * no other test guest is about: each call once as Linux makes it, and once wrong.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/platform.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/version.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

static struct vcpu_time_info clock_copy __attribute__((aligned(64)));
static char text[1024];

static void ignore(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
}

static void clock_page(void)
{
    struct vcpu_register_time_memory_area area = { .addr = HYPERCALL_ARG(&clock_copy) };
    const volatile struct vcpu_time_info *copy = &clock_copy;
    uint64_t limit = clock_monotonic_ns() + 3000000000UL;

    check("time area",
          hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, HYPERCALL_ARG(&area)), 0);
    while (!copy->tsc_to_system_mul && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    check("its scale", copy->tsc_to_system_mul, shared_info->vcpu_info[0].time.tsc_to_system_mul);
    check("its version is even", copy->version & 1, 0);
    check("its flags", copy->flags, shared_info->vcpu_info[0].time.flags);
    clock_copy = (struct vcpu_time_info){ 0 };
    check("the same again",
          hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, HYPERCALL_ARG(&area)), 0);
    check_true("written at once", copy->tsc_to_system_mul);
    area.addr = 0;
    check("none", hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, HYPERCALL_ARG(&area)),
          0);
    area.addr = BAD_POINTER;
    check("time area, wild",
          hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, HYPERCALL_ARG(&area)),
          -XEN_EFAULT);
}

static void blocking(void)
{
    evtchn_port_t a, b;

    event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &a);
    event_port_set_handler(a, ignore, NULL);
    event_port_bind_interdomain(DOMID_SELF, a, &b);
    events_mask_save(); /* block unmasks them, and finds this one */
    event_port_notify(b);
    check("block with an event", hypercall_sched_op(SCHEDOP_block, 0), 0);
    event_port_close(b);
    event_port_close(a);
}

static void event_formats(void)
{
    struct {
        uint64_t control_gfn;
        uint32_t offset, vcpu;
        uint8_t link_bits, pad[7];
    } control = { .control_gfn = 1, .vcpu = 4000 };
    struct evtchn_bind_vcpu bind = { .port = 4000, .vcpu = 0 };

    check_true("FIFO ports of no vCPU",
               hypercall_event_channel_op(EVTCHNOP_init_control, HYPERCALL_ARG(&control)) < 0);
    value("bind a closed port",
          hypercall_event_channel_op(EVTCHNOP_bind_vcpu, HYPERCALL_ARG(&bind)));
}

static void memory(void)
{
    static struct e820_entry map[8];
    struct xen_memory_map memory_map = { .nr_entries = 8, .buffer = HYPERCALL_ARG(map) };
    static uint64_t lists[4];
    struct xen_machphys_mfn_list list = { .max_extents = 1, .extent_start = HYPERCALL_ARG(lists) };
    domid_t self = DOMID_SELF;

    value("memory map", hypercall_memory_op(XENMEM_memory_map, HYPERCALL_ARG(&memory_map)));
    check("machphys list", hypercall_memory_op(XENMEM_machphys_mfn_list, HYPERCALL_ARG(&list)), 0);
    check("one extent", list.nr_extents, 1);
    check_true("a frame", lists[0] != 0);
    check("machphys list, wild", hypercall_memory_op(XENMEM_machphys_mfn_list, BAD_POINTER),
          -XEN_EFAULT);
    value("maximum gpfn", hypercall_memory_op(XENMEM_maximum_gpfn, HYPERCALL_ARG(&self)));
}

static int64_t ext(unsigned int cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.vcpumask = arg2 };

    return hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

static void flushes(void)
{
    uint64_t mask[1] = { 1 };
    void *table = frames_alloc(0);

    check("flush some", ext(MMUEXT_TLB_FLUSH_MULTI, 0, HYPERCALL_ARG(mask)), 0);
    check("flush some, wild", ext(MMUEXT_TLB_FLUSH_MULTI, 0, BAD_POINTER), -XEN_EINVAL);
    check("invalidate some", ext(MMUEXT_INVLPG_MULTI, HYPERCALL_ARG(mask), HYPERCALL_ARG(mask)), 0);
    check("invalidate some, wild", ext(MMUEXT_INVLPG_MULTI, 0, BAD_POINTER), -XEN_EINVAL);
    check("protect", page_tables_protect(table, false), 0);
    check("pin level 3", ext(MMUEXT_PIN_L3_TABLE, frames_virt_to_mfn(table), 0), 0);
    check("unpin it", ext(MMUEXT_UNPIN_TABLE, frames_virt_to_mfn(table), 0), 0);
    check("writable again", page_tables_protect(table, true), 0);
}

static void grants(void)
{
    uint64_t frames[1] = { 0 };
    struct gnttab_setup_table setup = { .dom = DOMID_SELF,
                                        .nr_frames = 1,
                                        .frame_list = HYPERCALL_ARG(frames) };

    check("grant table", hypercall_grant_table_op(GNTTABOP_setup_table, HYPERCALL_ARG(&setup), 1),
          0);
    check("its status", setup.status, GNTST_okay);
    check_true("its frame", frames[0] != 0);
    setup.nr_frames = 1u << 20;
    hypercall_grant_table_op(GNTTABOP_setup_table, HYPERCALL_ARG(&setup), 1);
    check_true("too many frames", setup.status < 0);
}

static void settings(void)
{
    struct callback_unregister gone = { .type = CALLBACKTYPE_sysenter };
    struct physdev_set_iobitmap ports = { .bitmap = HYPERCALL_ARG(text), .nr_ports = 128 };
    struct physdev_set_iobitmap none = { .bitmap = 0, .nr_ports = 0 };

    value("forget sysenter", hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&gone)));
    gone.type = CALLBACKTYPE_nmi;
    value("forget the NMI", hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&gone)));
    gone.type = CALLBACKTYPE_syscall32;
    value("forget syscall32", hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&gone)));
    gone.type = 99;
    value("forget what is not", hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&gone)));
    check("port bitmap", hypercall_physdev_op(PHYSDEVOP_set_iobitmap, HYPERCALL_ARG(&ports)), 0);
    ports.nr_ports = 65537;
    check("too many ports", hypercall_physdev_op(PHYSDEVOP_set_iobitmap, HYPERCALL_ARG(&ports)),
          -XEN_EINVAL);
    check("no bitmap", hypercall_physdev_op(PHYSDEVOP_set_iobitmap, HYPERCALL_ARG(&none)), 0);
}

static void machine(void)
{
    struct xen_platform_op clock = { .cmd = XENPF_settime64, .interface_version = 1 };
    struct physdev_get_free_pirq pirq = { .type = MAP_PIRQ_TYPE_GSI };
    bool initial = kernel_is_initial_domain();

    check("platform_op of another version", hypercall_platform_op(HYPERCALL_ARG(&clock)),
          -XEN_EACCES);
    check("free pirq", hypercall_physdev_op(PHYSDEVOP_get_free_pirq, HYPERCALL_ARG(&pirq)), 0);
    check("console input", hypercall_console_io(CONSOLEIO_read, sizeof(text), HYPERCALL_ARG(text)),
          initial ? 0 : -XEN_EPERM);
}

void guest_test(void)
{
    clock_page();
    blocking();
    event_formats();
    memory();
    flushes();
    grants();
    settings();
    machine();
    value("command line", hypercall_xen_version(XENVER_commandline, HYPERCALL_ARG(text)));
    check("command line, wild", hypercall_xen_version(XENVER_commandline, BAD_POINTER),
          -XEN_EFAULT);
}

/*
 * Descriptors, segment bases, debug registers, callbacks and the other settings of a vCPU.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

#define NO_FRAME (1UL << 39)

static void *read_gs(void)
{
    void *value_read;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(value_read));
    return value_read;
}

static void *words[2];

static void device_not_available(void)
{
    __asm__ volatile("fninit");
}

static void descriptors(void)
{
    uint64_t *gdt = frames_alloc(0), mfn = frames_virt_to_mfn(gdt);
    uint64_t frames[1] = { mfn };
    const uint64_t flat_data = 0x00cff3000000ffffUL, task_state = 0x0000890000000067UL;

    gdt[4] = flat_data;
    check_mode("GDT while writable", hypercall_set_gdt(HYPERCALL_ARG(frames), 16), -XEN_EINVAL, 0);
    check("protect it", page_tables_protect(gdt, false), 0);
    check("set GDT", hypercall_set_gdt(HYPERCALL_ARG(frames), 16), 0);
    __asm__ volatile("mov %0, %%es" : : "r"(4 << 3 | 3));
    check_true("load a selector from it", true);
    __asm__ volatile("mov %0, %%es" : : "r"(0));
    check("update descriptor", hypercall_update_descriptor((mfn << 12) + 40, flat_data), 0);
    check("it is there", (int64_t)(gdt[5] & ~(1UL << 40)), (int64_t)(flat_data & ~(1UL << 40)));
    check("task state segment", hypercall_update_descriptor((mfn << 12) + 48, task_state),
          -XEN_EINVAL);
    check("descriptor outside", hypercall_update_descriptor(NO_FRAME << PAGE_SHIFT, flat_data),
          -XEN_EINVAL);
    check("too many entries", hypercall_set_gdt(HYPERCALL_ARG(frames), 8192), -XEN_EINVAL);
    check("wild list", hypercall_set_gdt(BAD_POINTER, 16), -XEN_EFAULT);
    check("no GDT", hypercall_set_gdt(0, 0), 0);
    check("writable again", page_tables_protect(gdt, true), 0);
}

static void segment_bases(void)
{
    words[0] = &words[1];
    check("GS base", hypercall_set_segment_base(SEGBASE_GS_KERNEL, HYPERCALL_ARG(words)), 0);
    check_true("used", read_gs() == &words[1]);
    check("user GS base", hypercall_set_segment_base(SEGBASE_GS_USER, 0x1000), 0);
    check_true("kernel's stays", read_gs() == &words[1]);
    check("FS base", hypercall_set_segment_base(SEGBASE_FS, HYPERCALL_ARG(words)), 0);
    check("user GS selector", hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    check("non-canonical base", hypercall_set_segment_base(SEGBASE_FS, 0x8000000000000000UL),
          -XEN_EINVAL);
    check("unknown base", hypercall_set_segment_base(99, 0), -XEN_EINVAL);
}

static struct vcpu_runstate_info watched;

static void write_watched(void)
{
    *(volatile int *)&watched.state = 5;
}

/* A breakpoint on data: fires for the guest's own store, not for the hypervisor's on its behalf,
 * which leaves it as it was. */
static void watchpoint(void)
{
    check("watch four bytes", hypercall_set_debugreg(0, HYPERCALL_ARG(&watched)), 0);
    check("for writes", hypercall_set_debugreg(7, 0xd0401), 0);
    check("our store", trapped(write_watched), 1);
    check("is told of", hypercall_get_debugreg(6), 0xffff0ff1);
    check("a step, not cleared", hypercall_set_debugreg(6, 0xffff4ff0), 0);
    check("a hypercall's store",
          hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, HYPERCALL_ARG(&watched)), 0);
    check("came", watched.state, RUNSTATE_running);
    check("our store again", trapped(write_watched), 1);
    check("joins it", hypercall_get_debugreg(6), 0xffff4ff1);
    check("none", hypercall_set_debugreg(6, 0xffff0ff0), 0);
    check("no watch", hypercall_set_debugreg(7, 0x400), 0);
    check("our store, unwatched", trapped(write_watched), -1);
}

static uint64_t dr;

static void read_dr4(void)
{
    __asm__ volatile("mov %%db4, %0" : "=r"(dr));
}

static void read_dr6(void)
{
    __asm__ volatile("mov %%db6, %0" : "=r"(dr));
}

static void read_dr7(void)
{
    __asm__ volatile("mov %%db7, %0" : "=r"(dr));
}

static void write_dr0(void)
{
    __asm__ volatile("mov %0, %%db0" : : "r"(dr));
}

static void write_dr7(void)
{
    __asm__ volatile("mov %0, %%db7" : : "r"(dr));
}

static uint64_t read_cr4(void)
{
    uint64_t cr4;

    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4;
}

/* As instructions, which the hypervisor works for a guest's kernel. */
static void debug_instructions(void)
{
    uint64_t cr4 = read_cr4();

    check("CR4.DE", cr4 & 8, 0);
    check("mov from DR6", trapped(read_dr6), -1);
    check("at its start", (int64_t)dr, 0xffff0ff0);
    check("mov from DR7", trapped(read_dr7), -1);
    check("at its start, too", (int64_t)dr, 0x400);
    check("mov from DR4", trapped(read_dr4), -1);
    check("is DR6", (int64_t)dr, 0xffff0ff0);
    dr = 0x5678;
    check("mov to DR0", trapped(write_dr0), -1);
    check("is there", hypercall_get_debugreg(0), 0x5678);
    dr = BAD_POINTER;
    check("mov to DR0, the hypervisor's", trapped(write_dr0), 13);
    dr = 0x400 | 1u << 13;
    check("general detect", trapped(write_dr7), 13);
    dr = 1UL << 32 | 0x400;
    check("high bits", trapped(write_dr7), 13);
    dr = 0xdc00;
    check("reserved bits", trapped(write_dr7), -1);
    check("are as they must be", hypercall_get_debugreg(7), 0x400);
    dr = 0x400 | 2u << 16;
    check("a port's, not on", trapped(write_dr7), -1);
    dr |= 1;
    check("a port's", trapped(write_dr7), 13);
    check("as it was", hypercall_get_debugreg(7), 0x400 | 2u << 16);
    check("high bits of DR6", hypercall_set_debugreg(6, 1UL << 32), -XEN_EINVAL);
    check("general detect, by call", hypercall_set_debugreg(7, 1u << 13), -XEN_EPERM);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 8));
    check("CR4.DE set", read_cr4() & 8, 8);
    check("DR4 by call", hypercall_get_debugreg(4), -XEN_ENODEV);
    check("set DR5 by call", hypercall_set_debugreg(5, 0x400), -XEN_ENODEV);
    check("mov from DR4", trapped(read_dr4), 6);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
    check("CR4.DE cleared", read_cr4() & 8, 0);
    check("no watch", hypercall_set_debugreg(7, 0x400), 0);
}

static void debug_registers(void)
{
    debug_instructions();
    watchpoint();
    check("set DR0", hypercall_set_debugreg(0, 0x1234), 0);
    check("get DR0", hypercall_get_debugreg(0), 0x1234);
    check("DR0 in the hypervisor", hypercall_set_debugreg(0, BAD_POINTER), -XEN_EPERM);
    check("clear DR7", hypercall_set_debugreg(7, 0x400), 0);
    check("DR4, another name of DR6", hypercall_set_debugreg(4, 0), 0);
    check("DR8", hypercall_set_debugreg(8, 0), -XEN_ENODEV);
    check("get DR8", hypercall_get_debugreg(8), -XEN_ENODEV);
}

static void callbacks(void)
{
    struct callback_register op = { .type = CALLBACKTYPE_syscall, .address = 0x100000 };

    check("syscall callback", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)), 0);
    op.address = 0x8000000000000000UL;
    check("non-canonical callback", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)),
          -XEN_EINVAL);
    op = (struct callback_register){ .type = 99 };
    check("unknown callback", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)),
          -XEN_ENOSYS);
    check("unknown operation", hypercall_callback_op(99, HYPERCALL_ARG(&op)), -XEN_ENOSYS);
}

void guest_test(void)
{
    descriptors();
    segment_bases();
    debug_registers();
    callbacks();
    check("stack switch", hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)frames_alloc(0) + 4096),
          0);
    check("set TS", hypercall_fpu_taskswitch(1), 0);
    check("FPU is away", trapped(device_not_available), 7);
    check("clear TS", hypercall_fpu_taskswitch(0), 0);
    check("FPU is back", trapped(device_not_available), -1);
    check("vm_assist", hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments), 0);
    check("runstate flag", hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag),
          0);
    check("unknown assist", hypercall_vm_assist(VMASST_CMD_enable, 63), -XEN_EINVAL);
    check("unknown command", hypercall_vm_assist(9, 0), -XEN_ENOSYS);
}

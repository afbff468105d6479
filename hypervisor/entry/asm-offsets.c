/* Structure offsets for the assembler: compiled to assembly, from which the makefile takes the
 * lines marked with "->". */
#include "domain/vcpu.h"
#include "machine/cpu-features.h"
#include "machine/per-cpu.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"((long)(value)))

void offsets(void);
void offsets(void)
{
    DEFINE(FRAME_BYTES, sizeof(struct cpu_regs));
    DEFINE(R_R15, offsetof(struct cpu_regs, r15));
    DEFINE(R_R14, offsetof(struct cpu_regs, r14));
    DEFINE(R_R13, offsetof(struct cpu_regs, r13));
    DEFINE(R_R12, offsetof(struct cpu_regs, r12));
    DEFINE(R_RBP, offsetof(struct cpu_regs, rbp));
    DEFINE(R_RBX, offsetof(struct cpu_regs, rbx));
    DEFINE(R_R11, offsetof(struct cpu_regs, r11));
    DEFINE(R_R10, offsetof(struct cpu_regs, r10));
    DEFINE(R_R9, offsetof(struct cpu_regs, r9));
    DEFINE(R_R8, offsetof(struct cpu_regs, r8));
    DEFINE(R_RAX, offsetof(struct cpu_regs, rax));
    DEFINE(R_RCX, offsetof(struct cpu_regs, rcx));
    DEFINE(R_RDX, offsetof(struct cpu_regs, rdx));
    DEFINE(R_RSI, offsetof(struct cpu_regs, rsi));
    DEFINE(R_RDI, offsetof(struct cpu_regs, rdi));
    DEFINE(R_VECTOR, offsetof(struct cpu_regs, vector));
    DEFINE(R_ERROR, offsetof(struct cpu_regs, error_code));
    DEFINE(R_RIP, offsetof(struct cpu_regs, rip));
    DEFINE(R_CS, offsetof(struct cpu_regs, cs));
    DEFINE(R_RFLAGS, offsetof(struct cpu_regs, rflags));
    DEFINE(R_RSP, offsetof(struct cpu_regs, rsp));
    DEFINE(R_SS, offsetof(struct cpu_regs, ss));
    DEFINE(CPU_VCPU, offsetof(struct cpu, vcpu));
    DEFINE(CPU_ROOT, offsetof(struct cpu, root));
    DEFINE(CPU_DEFERRED, offsetof(struct cpu, deferred));
    DEFINE(CPU_CLOSED_SINCE, offsetof(struct cpu, closed_since));
    DEFINE(CPU_CLOSED_FOR, offsetof(struct cpu, closed_for));
    DEFINE(CPU_LONGEST, offsetof(struct cpu, closed_longest));
    DEFINE(CPU_LONGEST_AT, offsetof(struct cpu, closed_longest_at));
    DEFINE(CPU_LONGEST_FOR, offsetof(struct cpu, closed_longest_for));
    DEFINE(VCPU_INFO, offsetof(struct vcpu, info));
    DEFINE(VCPU_MODE, offsetof(struct vcpu, mode));
    DEFINE(VCPU_HYPERCALLS, offsetof(struct vcpu, hypercalls));
    DEFINE(VCPU_ROOT_SWITCHES, offsetof(struct vcpu, root_switches));
    DEFINE(VCPU_KERNEL_ROOT, offsetof(struct vcpu, kernel_root));
    DEFINE(VCPU_USER_ROOT, offsetof(struct vcpu, user_root));
    DEFINE(VCPU_SYSCALL_ADDRESS, offsetof(struct vcpu, syscall.address));
    DEFINE(VCPU_SYSCALL_STACK, offsetof(struct vcpu, syscall_stack));
    DEFINE(VCPU_CARE, offsetof(struct vcpu, care));
    DEFINE(FEATURES_SMAP, offsetof(struct cpu_features, smap));
    DEFINE(CPU_STRUCT_BYTES, sizeof(struct cpu));
}

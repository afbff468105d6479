/* Structure offsets for the assembler: compiled to assembly, from which the makefile takes the
 * lines marked with "->". */
#include "domain/vcpu.h"
#include "machine/per-cpu.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"((long)(value)))

void offsets(void);
void offsets(void)
{
    DEFINE(FRAME_BYTES, sizeof(struct cpu_regs));
    DEFINE(R_R11, offsetof(struct cpu_regs, r11));
    DEFINE(R_RAX, offsetof(struct cpu_regs, rax));
    DEFINE(R_RCX, offsetof(struct cpu_regs, rcx));
    DEFINE(R_RDI, offsetof(struct cpu_regs, rdi));
    DEFINE(R_VECTOR, offsetof(struct cpu_regs, vector));
    DEFINE(R_ERROR, offsetof(struct cpu_regs, error_code));
    DEFINE(R_RIP, offsetof(struct cpu_regs, rip));
    DEFINE(R_CS, offsetof(struct cpu_regs, cs));
    DEFINE(R_RFLAGS, offsetof(struct cpu_regs, rflags));
    DEFINE(R_RSP, offsetof(struct cpu_regs, rsp));
    DEFINE(R_SS, offsetof(struct cpu_regs, ss));
    DEFINE(CPU_VCPU, offsetof(struct cpu, vcpu));
    DEFINE(CPU_DEFERRED, offsetof(struct cpu, deferred));
    DEFINE(CPU_CLOSED_SINCE, offsetof(struct cpu, closed_since));
    DEFINE(CPU_CLOSED_FOR, offsetof(struct cpu, closed_for));
    DEFINE(CPU_LONGEST, offsetof(struct cpu, closed_longest));
    DEFINE(CPU_LONGEST_AT, offsetof(struct cpu, closed_longest_at));
    DEFINE(CPU_LONGEST_FOR, offsetof(struct cpu, closed_longest_for));
    DEFINE(VCPU_INFO, offsetof(struct vcpu, info));
    DEFINE(VCPU_MODE, offsetof(struct vcpu, mode));
    DEFINE(VCPU_HYPERCALLS, offsetof(struct vcpu, hypercalls));
    DEFINE(CPU_STRUCT_BYTES, sizeof(struct cpu));
}

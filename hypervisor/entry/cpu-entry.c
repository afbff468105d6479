/*
 * SYSCALL changes no stack, and the hypervisor uses no segment base: so each CPU has a stub of its
 * own that knows where its stack is.
 *
 *     mov %rsp, [rip + to frame.rsp]      48 89 25 rel32
 *     lea [rip + to frame], %rsp          48 8d 25 rel32
 *     jmp syscall_entry                   e9 rel32
 */
#include "entry/cpu-entry.h"
#include "lib/string.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

#define STUB32_AT 32

extern const uint8_t syscall_entry[], syscall32_entry[];

static uint8_t *relative(uint8_t *w, uint64_t *address, const uint8_t *opcode, unsigned n,
                         uint64_t target)
{
    int32_t distance;

    memcpy(w, opcode, n);
    *address += n + 4;
    distance = (int32_t)(target - *address);
    memcpy(w + n, &distance, 4);
    return w + n + 4;
}

static void write_stub(uint8_t *w, uint64_t address, uint64_t frame, const uint8_t *target)
{
    w = relative(w, &address, (const uint8_t[]){ 0x48, 0x89, 0x25 }, 3,
                 frame + offsetof(struct cpu_regs, rsp));
    w = relative(w, &address, (const uint8_t[]){ 0x48, 0x8d, 0x25 }, 3, frame);
    relative(w, &address, (const uint8_t[]){ 0xe9 }, 1, (uint64_t)target);
}

void cpu_entry_write_stubs(uint8_t *writable, uint64_t address, uint64_t frame)
{
    write_stub(writable, address, frame, syscall_entry);
    write_stub(writable + STUB32_AT, address + STUB32_AT, frame, syscall32_entry);
}

void cpu_entry_load(uint64_t address)
{
    msr_write(MSR_STAR, (uint64_t)0xe023 << 48 | (uint64_t)0xe008 << 32);
    msr_write(MSR_LSTAR, address);
    msr_write(MSR_CSTAR, address + STUB32_AT);
    msr_write(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_IOPL);
    msr_write(MSR_SYSENTER_CS, 0); /* SYSENTER faults */
}

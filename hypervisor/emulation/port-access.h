/* Port I/O of guests. */
#ifndef EMULATION_PORT_ACCESS_H
#define EMULATION_PORT_ACCESS_H

#include "domain/domain.h"
#include "guest-cpu/decode.h"

/* Whether the running guest's IOPL, the one it asked for, lets it do in its present mode what that
 * guards: CLI, STI and all ports. */
bool iopl_allows(const struct vcpu *v);
/* Whether the running guest, in its present mode, may use these ports as it sees it (IOPL and
 * bitmap): if not, it gets a #GP. */
bool port_access_allowed(struct vcpu *v, uint16_t port, unsigned size);
/* Ports a domain has no right to read as all ones and swallow writes. */
uint32_t port_read(struct domain *d, uint16_t port, unsigned size);
void port_write(struct domain *d, uint16_t port, unsigned size, uint32_t value);
/* IN, OUT, INS, OUTS of the running vCPU; true: done, rip moved. */
bool port_instruction(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i);

#endif

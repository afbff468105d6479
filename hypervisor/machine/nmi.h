/* Why there was an NMI: the PC's system control port B (Intel ICH data sheets, "NMI_SC"). */
#ifndef MACHINE_NMI_H
#define MACHINE_NMI_H

/* What the chip set says, which is told to be ready for the next one. */
const char *nmi_cause(void);

#endif

/* The control domain: from a kernel image and a ramdisk to its first instruction. */
#ifndef BOOT_BUILD_DOM0_H
#define BOOT_BUILD_DOM0_H

#include "domain/domain.h"

/* Panics if it cannot be built. */
struct domain *dom0_build(void);

#endif

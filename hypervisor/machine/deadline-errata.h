/* Errata of the TSC deadline timer. */
#ifndef MACHINE_DEADLINE_ERRATA_H
#define MACHINE_DEADLINE_ERRATA_H

#include "lib/types.h"

/* Whether this CPU's may be used, if it has one; amd: of AMD's kind. */
bool deadline_timer_is_safe(bool amd);

#endif

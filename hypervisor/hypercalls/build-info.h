/* Facts about this build, from the makefile, and how it was started. */
#ifndef HYPERCALLS_BUILD_INFO_H
#define HYPERCALLS_BUILD_INFO_H

#include "limits.h"

#ifndef BUILD_REVISION
#define BUILD_REVISION "unknown"
#endif
#define BUILD_COMPILER __VERSION__

extern char hypervisor_command_line[MAX_COMMAND_LINE];

#endif

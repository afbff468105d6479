/*
 * Machine checks: errors the processor finds in itself, its caches and memory (SDM volume 3,
 * chapter 16; AMD APM volume 2, chapter 9).
 */
#ifndef MACHINE_MACHINE_CHECK_H
#define MACHINE_MACHINE_CHECK_H

#include "lib/types.h"

/* Arms this CPU's banks, and tells of errors that were there before. */
void machine_check_init(void);
/* In the exception: true, nothing that runs is touched by the error, and it can go on.  What was
 * found is noted for machine_check_tell. */
bool machine_check_survived(void);
/* Logs what this CPU noted last; outside the exception. */
void machine_check_tell(void);
/* In a panic: what all have noted.  The processor tells all CPUs of an error that one has found. */
void machine_check_tell_all(void);

#endif

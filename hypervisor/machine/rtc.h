/* The PC's real-time clock (Motorola MC146818A), which machines without legacy devices lack. */
#ifndef MACHINE_RTC_H
#define MACHINE_RTC_H

#include "lib/types.h"

/* Seconds since 1970; false: nothing there answers as one.  Takes some milliseconds at most; the
 * system clock has to run. */
bool rtc_read(uint64_t *seconds);

#endif

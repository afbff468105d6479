/*
 * A guest's console log: /var/log/xen/console/guest-NAME.log, and one older part of it.
 *
 * Bounded by the guest's name, however often a guest of that name is started, and without a
 * descriptor.  While dom0 is short of memory nothing is added.
 */
#ifndef DOM0_CONSOLES_CONSOLE_LOG_H
#define DOM0_CONSOLES_CONSOLE_LOG_H

#include <stddef.h>

#define CONSOLE_LOG_MAX (256u << 10) /* of each of the two parts */

/* Makes the directory.  0 or -errno. */
int console_log_start(void);
void console_log_add(const char *guest, const char *text, size_t length);

#endif

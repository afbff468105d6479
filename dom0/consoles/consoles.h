/*
 * Guest consoles: dom0's end of each guest's console ring.
 *
 * The service watches the store for introduced domains, maps each console page, and keeps
 * for every guest a scrollback and the log file /var/log/xen/console/guest-NAME.log, whether
 * or not somebody is attached.  A session is one reader (vmctl console, --expect): it sees
 * the scrollback first and then what the guest prints.
 */
#ifndef DOM0_CONSOLES_CONSOLES_H
#define DOM0_CONSOLES_CONSOLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct console_session;

/* Starts the service task.  Needs xenstore_start().  Returns 0 or -errno. */
int consoles_start(void);

/* Opens a session on a guest's console: -ESRCH when the domain has none. */
int console_session_open(uint32_t domid, struct console_session **session);
void console_session_close(struct console_session *session);

/* Waits until the guest prints (or timeout_ns passes; < 0 for ever) and copies up to size
 * bytes.  *length is 0 with return 0 when the domain is gone.  -ETIMEDOUT if nothing came. */
int console_session_read(struct console_session *session, void *buffer, size_t size, size_t *length,
                         int64_t timeout_ns);
/* Types into the guest's console what its input ring has room for, *written bytes, and never waits
 * for the guest to read.  0 or -EPIPE. */
int console_session_write(struct console_session *session, const void *data, size_t length,
                          size_t *written);

#endif

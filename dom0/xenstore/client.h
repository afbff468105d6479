/*
 * A xenstore client: what block back, the consoles, vmctl and the shell hold.
 *
 * One client is one connection to the store with its own watches and transactions.
 * It speaks the wire protocol over a transport (in dom0 a direct call into the store, on
 * Linux the daemon's socket), so the same calls mean the same thing in both places.
 * A client belongs to one task; only xs_wait_watch() ever sleeps.
 *
 * Every function returns 0 or -errno.  Paths are absolute, or relative to the caller's
 * own /local/domain/<id>.  A transaction id of 0 (XS_NO_TX) means "at once".
 */
#ifndef DOM0_XENSTORE_CLIENT_H
#define DOM0_XENSTORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XS_NO_TX 0u

struct xs_client;

/* Opens a connection with dom0's rights; NULL when memory or the store is missing. */
struct xs_client *xs_open(void);
/* Drops the connection, its watches and its open transactions. */
void xs_close(struct xs_client *client);

/* Reads a node. *value is malloc'ed and NUL-terminated; *length (may be NULL) excludes the NUL. */
int xs_read(struct xs_client *client, uint32_t tx, const char *path, char **value, size_t *length);
/* Reads a node that holds a decimal number. -EINVAL if it holds anything else. */
int xs_read_number(struct xs_client *client, uint32_t tx, const char *path, uint64_t *number);
int xs_write(struct xs_client *client, uint32_t tx, const char *path, const void *value,
             size_t length);
/* Writes a formatted string (no NUL in the store). */
int xs_printf(struct xs_client *client, uint32_t tx, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int xs_mkdir(struct xs_client *client, uint32_t tx, const char *path);
int xs_rm(struct xs_client *client, uint32_t tx, const char *path);

/* Lists a node's children: *names is one malloc'ed block (free() it once), *count entries. */
int xs_list(struct xs_client *client, uint32_t tx, const char *path, char ***names, size_t *count);

/* Permissions as strings, the protocol's own form: "n0", "r3", "w2", "b1"; the first names the
 * owner and everybody else's access.  xs_get_perms: *perms is one malloc'ed block. */
int xs_get_perms(struct xs_client *client, uint32_t tx, const char *path, char ***perms,
                 size_t *count);
int xs_set_perms(struct xs_client *client, uint32_t tx, const char *path, const char *const *perms,
                 size_t count);

int xs_transaction_start(struct xs_client *client, uint32_t *tx);
/* Ends it; with abort unset commits, and -EAGAIN means "do it all again". */
int xs_transaction_end(struct xs_client *client, uint32_t tx, bool abort);

/* A watch fires once at once, then after each change at or below the path.
 * "@introduceDomain" and "@releaseDomain" are paths too. */
int xs_watch(struct xs_client *client, const char *path, const char *token);
/* Of one of those two: the events say whom they are about, if the store can do that.  One that does
 * not may be about any, or about several. */
int xs_watch_domains(struct xs_client *client, const char *path, const char *token);
/* Does an event's path say it? */
bool xs_event_domain(const char *path, uint32_t *domid);
int xs_unwatch(struct xs_client *client, const char *path, const char *token);
/* Waits for the next watch event; path and token are malloc'ed.  timeout_ns < 0 waits for
 * ever, 0 only looks.  -ETIMEDOUT when none came. */
int xs_wait_watch(struct xs_client *client, int64_t timeout_ns, char **path, char **token);

/* What a toolstack tells the store of domains. */
int xs_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port);
int xs_release(struct xs_client *client, uint32_t domid);
int xs_is_introduced(struct xs_client *client, uint32_t domid, bool *introduced);
int xs_set_target(struct xs_client *client, uint32_t domid, uint32_t target);
int xs_control(struct xs_client *client, const char *command, char **answer);

#endif

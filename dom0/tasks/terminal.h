/*
 * Terminals: what somebody prints and others look at, and what they type.
 *
 * One end belongs to a service (the guests' consoles), the other to whoever knows the name, which
 * the service tells in the store; between them are two rings of bytes and nothing else.  What is
 * printed is kept, the last TERMINAL_KEPT bytes of it if there is memory for them (the ring is
 * short at first, and gets longer as it fills): a session sees that first and then what comes.
 * Positions count every byte there ever was, so a session's place stays right when the ring wraps.
 *
 * For tasks only.  A terminal lives until it is hung up and the last session is closed.
 */
#ifndef TASKS_TERMINAL_H
#define TASKS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_KEPT  (64u << 10)
#define TERMINAL_TYPED 256u
#define TERMINAL_NAME  16u

struct terminal;
struct terminal_session;

/* The service's end.  `typed` is called when somebody has typed.  NULL: no memory. */
struct terminal *terminal_create(const char *name, void (*typed)(void *argument), void *argument);
/* may_grow: there is memory for a longer ring. */
void terminal_print(struct terminal *terminal, const char *text, size_t length, bool may_grow);
/* Whether something was typed since the last terminal_take. */
bool terminal_was_typed(const struct terminal *terminal);
/* Takes up to size typed bytes; how many there were. */
size_t terminal_take(struct terminal *terminal, char *typed, size_t size);
/* No more will come: sessions read what is there and then the end. */
void terminal_hang_up(struct terminal *terminal);

/* The other end.  -ENOENT: no such terminal; -ENOMEM. */
int terminal_open(const char *name, struct terminal_session **session);
void terminal_close(struct terminal_session *session);
/*
 * Waits until there is something to read (or timeout_ns passes; < 0 for ever) and copies up to size
 * bytes.  *length is 0 with return 0 at the end.  -ETIMEDOUT if nothing came.
 */
int terminal_read(struct terminal_session *session, void *buffer, size_t size, size_t *length,
                  int64_t timeout_ns);
/* Types what there is room for, *written bytes, and never waits.  0 or -EPIPE: hung up. */
int terminal_write(struct terminal_session *session, const void *data, size_t length,
                   size_t *written);

#endif

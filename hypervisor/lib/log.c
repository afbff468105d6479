/* The log ring and its consoles.  Positions run freely; the ring keeps the newest bytes. */
#include <stdarg.h>
#include "lib/log.h"
#include "lib/atomic.h"
#include "lib/print.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "limits.h"

/* Last in the lock order: anything may log while holding any other lock. */
static struct spinlock log_lock;
static char ring[LOG_RING_BYTES];
static uint32_t produced, forgotten;
static enum log_level threshold = LOG_INFO;
static void (*writers[4])(const char *, size_t);
static bool lock_broken;

static void emit(const char *text, size_t n, bool to_ring, bool to_consoles)
{
    for (size_t i = 0; to_ring && i < n; i++)
        ring[produced++ % LOG_RING_BYTES] = text[i];
    if (produced - forgotten > LOG_RING_BYTES) /* positions wrap: none lies far behind */
        forgotten = produced - LOG_RING_BYTES;
    for (unsigned w = 0; to_consoles && w < ARRAY_SIZE(writers) && writers[w]; w++)
        writers[w](text, n);
}

static void emit_locked(const char *text, size_t n, bool to_ring, bool to_consoles)
{
    if (!lock_broken)
        spin_lock(&log_lock);
    emit(text, n, to_ring, to_consoles);
    if (!lock_broken)
        spin_unlock(&log_lock);
}

void log_print(enum log_level level, const char *format, ...)
{
    char line[256] = "(pv) ";
    va_list args;
    size_t n;

    va_start(args, format);
    n = 5 + print_to_v(line + 5, sizeof(line) - 6, format, args);
    va_end(args);
    line[n++] = '\n';
    emit_locked(line, n, true, level <= threshold);
}

void log_characters(const char *text, size_t n)
{
    emit_locked(text, n, false, true);
}

void log_set_threshold(enum log_level level)
{
    threshold = level;
}

void log_add_writer(void (*write)(const char *text, size_t n))
{
    for (unsigned w = 0; w < ARRAY_SIZE(writers); w++)
        if (!writers[w]) {
            writers[w] = write;
            return;
        }
}

uint32_t log_oldest(void)
{
    return read_once(forgotten);
}

size_t log_read(uint32_t *index, char *to, size_t size)
{
    size_t n = 0;

    spin_lock(&log_lock);
    if ((int32_t)(*index - forgotten) < 0 || (int32_t)(*index - produced) > 0)
        *index = forgotten;
    if (produced - *index > LOG_RING_BYTES)
        *index = produced - LOG_RING_BYTES;
    for (; n < size && *index != produced; n++)
        to[n] = ring[(*index)++ % LOG_RING_BYTES];
    spin_unlock(&log_lock);
    return n;
}

void log_forget(uint32_t index)
{
    spin_lock(&log_lock);
    forgotten = index;
    spin_unlock(&log_lock);
}

void log_break_lock(void)
{
    lock_broken = true;
}

/*
 * The log: every line goes to a ring that the control domain can read, and to the consoles that
 * registered a writer.  Levels below the threshold reach the ring only.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_print(enum log_level level, const char *format, ...) printf_like(2, 3);
#define log_error(...)   log_print(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_print(LOG_DEBUG, __VA_ARGS__)

/* Characters as they are, from the control domain's console_io: to the consoles, not the ring. */
void log_characters(const char *text, size_t n);

void log_set_threshold(enum log_level level);

/* At most four writers, called with the log's lock held. */
void log_add_writer(void (*write)(const char *text, size_t n));

/* The position of the oldest byte kept. */
uint32_t log_oldest(void);
/*
 * Copies up to size bytes of the ring from position *index on (or from the oldest byte kept);
 * *index becomes the position behind them.  Returns the number of bytes.
 */
size_t log_read(uint32_t *index, char *to, size_t size);
/* Forgets everything before index. */
void log_forget(uint32_t index);

/* The machine is going down: ignore the lock, its holder may be the one that failed. */
void log_break_lock(void);

#endif

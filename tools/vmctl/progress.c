/*
 * What long work is at.  See progress.h.
 */
#include "vmctl/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vmctl/platform/platform.h"

#define FIRST_NS 300000000 /* what is done sooner needs no word */
#define NEXT_NS  200000000

#define LINE_BEGIN "\r"
#define LINE_ERASE "\r\033[K"

/* There is one terminal, and one who sits at it. */
static int64_t next_time; /* 0: nothing was asked for yet */
static bool is_shown;

void progress_show(const char *format, ...)
{
    char text[120] = LINE_BEGIN;
    va_list arguments;

    if (!platform_is_attended())
        return;
    if (!next_time)
        next_time = platform_now_ns() + FIRST_NS;
    if (platform_now_ns() < next_time)
        return;
    next_time = platform_now_ns() + NEXT_NS;
    va_start(arguments, format);
    vsnprintf(text + 1, sizeof(text) - 8, format, arguments);
    va_end(arguments);
    strcat(text, "\033[K");
    platform_terminal_write(text, strlen(text));
    is_shown = true;
}

void progress_end(void)
{
    if (!platform_is_attended())
        return;
    next_time = 0;
    if (is_shown)
        platform_terminal_write(LINE_ERASE, strlen(LINE_ERASE));
    is_shown = false;
}

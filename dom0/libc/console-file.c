/*
 * The console as a file: what descriptors 0, 1 and 2 are unless a task has others.
 */
#include "libc/console-file.h"
#include "libc/libc.h"
#include "libc/terminal-text.h"
#include "pv-kernel/console.h"
#include "tasks/console-input.h"

int console_file_read(char *buffer, size_t size)
{
    size_t n = 0;
    int c;

    if (!size)
        return 0;
    buffer[n++] = (char)console_read_char();
    while (n < size && (c = console_read_char_until(0)) >= 0)
        buffer[n++] = (char)c;
    return (int)n;
}

static bool terminal_raw;

void libc_terminal_raw(bool on)
{
    terminal_raw = on;
}

int console_file_write(const char *data, size_t size)
{
    static struct terminal_text text;
    char shown[256];

    if (terminal_raw)
        console_write(data, size);
    for (size_t at = 0; at < size && !terminal_raw; at += sizeof(shown)) {
        size_t piece = size - at < sizeof(shown) ? size - at : sizeof(shown);

        console_write(shown, terminal_text_filter(&text, shown, data + at, piece));
    }
    return (int)size;
}

/*
 * Print: formatted output without libc, onto the console.  Small on purpose: what the kernel
 * part and the test guests print is numbers and short strings.
 */
#include "pv-kernel/print.h"
#include "pv-kernel/console.h"
#include <stdbool.h>
#include <stdint.h>

struct output {
    char *buffer;
    size_t size;
    size_t length; /* what it would be with room enough */
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_padded(struct output *out, const char *text, size_t length, int width, bool left,
                       char pad)
{
    int fill = width > (int)length ? width - (int)length : 0;

    for (; !left && fill > 0; fill--)
        put(out, pad);
    while (length--)
        put(out, *text++);
    for (; fill > 0; fill--)
        put(out, ' ');
}

static void put_number(struct output *out, uint64_t value, bool negative, unsigned int base,
                       int width, bool left, char pad)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative && pad == '0') {
        put(out, '-');
        width--;
    } else if (negative) {
        digits[--at] = '-';
    }
    put_padded(out, digits + at, sizeof(digits) - at, width, left, pad);
}

struct conversion {
    int width;
    int precision; /* -1: none */
    int longs;
    bool left;
    char pad;
};

static const char *parse_conversion(const char *f, struct conversion *c, va_list args)
{
    *c = (struct conversion){ 0, -1, 0, false, ' ' };
    for (; *f == '-' || *f == '0'; f++) {
        if (*f == '-')
            c->left = true;
        else
            c->pad = '0';
    }
    if (*f == '*') {
        c->width = va_arg(args, int);
        f++;
    }
    while (*f >= '0' && *f <= '9')
        c->width = c->width * 10 + *f++ - '0';
    if (*f == '.') {
        f++;
        c->precision = 0;
        if (*f == '*') {
            c->precision = va_arg(args, int);
            f++;
        }
        while (*f >= '0' && *f <= '9')
            c->precision = c->precision * 10 + *f++ - '0';
    }
    while (*f == 'l' || *f == 'z' || *f == 'h' || *f == 'j') {
        c->longs += *f != 'h';
        f++;
    }
    return f;
}

static void put_string(struct output *out, const char *text, const struct conversion *c)
{
    size_t length = 0;

    if (!text)
        text = "(null)";
    while (text[length] && (c->precision < 0 || length < (size_t)c->precision))
        length++;
    put_padded(out, text, length, c->width, c->left, ' ');
}

int kvsnprintf(char *buffer, size_t size, const char *format, va_list outer)
{
    struct output out = { buffer, size, 0 };
    struct conversion c;
    va_list args;

    va_copy(args, outer);
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        f = parse_conversion(f + 1, &c, args);
        if (*f == 'd' || *f == 'i') {
            int64_t v = c.longs ? va_arg(args, int64_t) : va_arg(args, int);

            put_number(&out, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, 10, c.width, c.left, c.pad);
        } else if (*f == 'u' || *f == 'x' || *f == 'X') {
            uint64_t v = c.longs ? va_arg(args, uint64_t) : va_arg(args, unsigned int);

            put_number(&out, v, false, *f == 'u' ? 10 : 16, c.width, c.left, c.pad);
        } else if (*f == 'p') {
            put_number(&out, va_arg(args, uint64_t), false, 16, 16, false, '0');
        } else if (*f == 's') {
            put_string(&out, va_arg(args, const char *), &c);
        } else if (*f == 'c') {
            put(&out, (char)va_arg(args, int));
        } else if (*f) {
            put(&out, *f);
        } else {
            break;
        }
    }
    va_end(args);
    if (size)
        buffer[out.length < size ? out.length : size - 1] = 0;
    return (int)out.length;
}

int ksnprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = kvsnprintf(buffer, size, format, args);
    va_end(args);
    return n;
}

int kprintf(const char *format, ...)
{
    char line[512];
    va_list args;
    int n;

    va_start(args, format);
    n = kvsnprintf(line, sizeof(line), format, args);
    va_end(args);
    console_write(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    return n;
}

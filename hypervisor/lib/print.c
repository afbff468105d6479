/* Formatting, small enough to trust in a panic: no allocation, no state. */
#include "lib/print.h"
#include "lib/string.h"

struct sink {
    char *at;
    size_t room;
};

struct spec {
    unsigned width;
    bool zero, left, is_long;
};

static void put(struct sink *out, char c)
{
    if (out->room > 1) {
        *out->at++ = c;
        out->room--;
    }
}

static void put_padded(struct sink *out, const char *s, size_t n, const struct spec *spec)
{
    size_t pad = spec->width > n ? spec->width - n : 0;
    bool minus = spec->zero && n && s[0] == '-';

    if (minus) {
        put(out, *s++);
        n--;
    }
    for (; pad && !spec->left; pad--)
        put(out, spec->zero ? '0' : ' ');
    while (n--)
        put(out, *s++);
    for (; pad; pad--)
        put(out, ' ');
}

static void put_number(struct sink *out, uint64_t value, bool negative, unsigned base,
                       const struct spec *spec)
{
    char digits[24];
    unsigned at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    put_padded(out, digits + at, sizeof(digits) - at, spec);
}

static const char *parse_spec(const char *f, struct spec *spec)
{
    memset(spec, 0, sizeof(*spec));
    for (;; f++) {
        if (*f == '0')
            spec->zero = true;
        else if (*f == '-')
            spec->left = true;
        else
            break;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        spec->width = spec->width * 10 + (unsigned)(*f - '0');
    for (; *f == 'l' || *f == 'z'; f++)
        spec->is_long = true;
    return f;
}

/* One conversion; the va_list is passed by address so that it advances for the caller. */
static void put_conversion(struct sink *out, char kind, const struct spec *spec, va_list *args)
{
    char c;
    const char *s;
    int64_t d;

    switch (kind) {
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(out, &c, 1, spec);
        break;
    case 's':
        s = va_arg(*args, const char *);
        s = s ? s : "(null)";
        put_padded(out, s, strlen(s), spec);
        break;
    case 'd':
        d = spec->is_long ? va_arg(*args, int64_t) : va_arg(*args, int);
        put_number(out, d < 0 ? -(uint64_t)d : (uint64_t)d, d < 0, 10, spec);
        break;
    case 'u':
        put_number(out, spec->is_long ? va_arg(*args, uint64_t) : va_arg(*args, uint32_t), false,
                   10, spec);
        break;
    case 'x':
        put_number(out, spec->is_long ? va_arg(*args, uint64_t) : va_arg(*args, uint32_t), false,
                   16, spec);
        break;
    case 'p':
        put_number(out, (uint64_t)va_arg(*args, void *), false, 16, spec);
        break;
    default:
        put(out, kind);
    }
}

size_t print_to_v(char *buffer, size_t size, const char *format, va_list args)
{
    struct sink out = { buffer, size };
    struct spec spec;
    va_list copy;

    va_copy(copy, args);
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        f = parse_spec(f + 1, &spec);
        put_conversion(&out, *f, &spec, &copy);
    }
    va_end(copy);
    if (size)
        *out.at = 0;
    return (size_t)(out.at - buffer);
}

size_t print_to(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    size_t n;

    va_start(args, format);
    n = print_to_v(buffer, size, format, args);
    va_end(args);
    return n;
}

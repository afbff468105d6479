/* `name=value` words.  Where Xen has an option of that name, the meaning is Xen's. */
#include "boot/command-line.h"
#include "lib/string.h"
#include "limits.h"

struct options options = { .serial_count = 2,
                           .com = { { 0x3f8, 4, SERIAL_BAUD_MAX }, { 0x2f8, 3, SERIAL_BAUD_MAX } },
                           .console_vga = true,
                           .log_level = LOG_INFO,
                           .max_cpus = MAX_CPUS,
                           .smap = true };

static char unknown[256];

/* A number with a B, K, M or G, and the end or a comma behind it; plain ones count KiB, as for Xen.
 * 0: it is none. */
static uint64_t parse_size(const char *s)
{
    static const char letters[] = "bkmg";
    unsigned shift = 10;
    uint64_t v = 0;

    for (; *s >= '0' && *s <= '9' && v < 1UL << 32; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    for (unsigned i = 0; letters[i]; i++)
        if ((*s | 0x20) == letters[i]) {
            shift = 10 * i;
            s++;
            break;
        }
    return (*s && *s != ',') || v > UINT64_MAX >> shift ? 0 : v << shift;
}

/* A decimal number of at least 1, and nothing behind it; else the option stays as it is. */
static bool parse_count(const char *s, unsigned *count)
{
    unsigned v = 0;

    for (; *s >= '0' && *s <= '9' && v < 100000; s++)
        v = v * 10 + (unsigned)(*s - '0');
    if (*s || !v)
        return false;
    *count = v;
    return true;
}

/* The list's first word is this one; *v goes behind it. */
static bool take_word(const char **v, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*v, word, n) || ((*v)[n] && (*v)[n] != ','))
        return false;
    *v += n + ((*v)[n] == ',');
    return true;
}

static bool option_console(const char *v)
{
    unsigned first = 0, count = 0;
    bool vga = false;

    do {
        if (take_word(&v, "com1"))
            count = 2 - first; /* or the second, where there is no first */
        else if (take_word(&v, "com2"))
            first = count = 1;
        else if (take_word(&v, "vga"))
            vga = true;
        else if (!take_word(&v, "none"))
            return false;
    } while (*v);
    options.serial_first = first;
    options.serial_count = count;
    options.console_vga = vga;
    return true;
}

static bool option_loglvl(const char *v)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = { { "none", LOG_ERROR }, { "error", LOG_ERROR }, { "warning", LOG_WARNING },
                   { "info", LOG_INFO },  { "debug", LOG_DEBUG }, { "all", LOG_DEBUG } };

    /* Xen's second one, behind a slash, is for lines that guests cause: here they have no other. */
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        size_t n = strlen(levels[i].name);

        if (!strncmp(v, levels[i].name, n) && (!v[n] || v[n] == '/')) {
            options.log_level = levels[i].level;
            return true;
        }
    }
    return false;
}

static bool option_dom0_mem(const char *v)
{
    uint64_t bytes = parse_size(v);

    if (bytes)
        options.dom0_bytes = bytes;
    return bytes != 0;
}

static bool option_maxcpus(const char *v)
{
    return parse_count(v, &options.max_cpus);
}

static bool option_dom0_max_vcpus(const char *v)
{
    return parse_count(v, &options.dom0_max_vcpus);
}

/* As Xen takes yes and no; the word alone is yes. */
static bool parse_switch(const char *v, bool *on)
{
    static const char *const words[] = { "0",   "no", "off",  "false",  "disable", "1",
                                         "yes", "on", "true", "enable", "" };

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        if (!strcmp(v, words[i])) {
            *on = i >= 5;
            return true;
        }
    return false;
}

static bool option_noreboot(const char *v)
{
    return parse_switch(v, &options.no_reboot);
}

static bool option_smap(const char *v)
{
    return parse_switch(v, &options.smap);
}

/* A field of a list; *v goes behind it.  Empty: the number stays as it is. */
static bool parse_field(const char **v, unsigned long *number)
{
    const char *at = *v;
    unsigned base = 10;

    if (at[0] == '0' && (at[1] | 0x20) == 'x') {
        base = 16;
        at += 2;
    }
    for (unsigned long value = 0; *at && *at != ','; *number = value, at++) {
        unsigned digit = *at <= '9' ? (unsigned)*at - '0' : ((unsigned)*at | 0x20) - 'a' + 10;

        if (digit >= base || value > UINT32_MAX)
            return false;
        value = value * base + digit;
    }
    *v = at + (*at == ',');
    return true;
}

/* As Xen's: BAUD,8n1,BASE,IRQ, each of which may be missing. */
static bool option_com(struct serial_port *port, const char *v)
{
    unsigned long baud = port->baud, base = port->base, irq;

    if (!parse_field(&v, &baud))
        return false;
    if (!strncmp(v, "8n1", 3))
        v += 3;
    if (*v && *v++ != ',')
        return false;
    if (!parse_field(&v, &base))
        return false;
    irq = base == 0x3f8 || base == 0x3e8 ? 4 : base == 0x2f8 || base == 0x2e8 ? 3 : 0;
    if (!parse_field(&v, &irq) || *v)
        return false;
    if (baud < 300 || SERIAL_BAUD_MAX % baud || !base || base + SERIAL_PORTS > 0x10000 || irq > 15)
        return false;
    *port = (struct serial_port){ (uint16_t)base, (uint8_t)irq, (uint32_t)baud };
    return true;
}

static bool option_com1(const char *v)
{
    return option_com(&options.com[0], v);
}

static bool option_com2(const char *v)
{
    return option_com(&options.com[1], v);
}

static bool apply(const char *name, const char *value)
{
    static const struct {
        const char *name;
        bool (*fn)(const char *value);
    } table[] = { { "console", option_console },
                  { "loglvl", option_loglvl },
                  { "dom0_mem", option_dom0_mem },
                  { "maxcpus", option_maxcpus },
                  { "noreboot", option_noreboot },
                  { "smap", option_smap },
                  { "com1", option_com1 },
                  { "com2", option_com2 },
                  { "dom0_max_vcpus", option_dom0_max_vcpus } };

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
        if (!strcmp(name, table[i].name))
            return table[i].fn(value);
    return false;
}

static void remember_unknown(const char *word)
{
    size_t used = strlen(unknown);

    string_copy(unknown + used, " ", sizeof(unknown) - used);
    used = strlen(unknown);
    string_copy(unknown + used, word, sizeof(unknown) - used);
}

static void parse_word(char *word)
{
    char whole[128], *value = word;

    string_copy(whole, word, sizeof(whole));
    while (*value && *value != '=')
        value++;
    if (*value)
        *value++ = 0;
    if (!apply(word, value))
        remember_unknown(whole);
}

void command_line_parse(const char *line)
{
    char word[128] = { 0 };

    while (*line) {
        size_t n = 0;

        while (*line == ' ')
            line++;
        for (; *line && *line != ' '; line++)
            if (n + 1 < sizeof(word))
                word[n++] = *line;
        word[n] = 0;
        if (n)
            parse_word(word);
    }
}

void command_line_warn(void)
{
    if (unknown[0])
        log_warning("command line: unknown or wrong option:%s (see docs/getting-started.md)",
                    unknown);
}

/* `name=value` words.  Where Xen has an option of that name, the meaning is Xen's. */
#include "boot/command-line.h"
#include "lib/string.h"
#include "limits.h"

struct options options = { .console_serial = true,
                           .console_vga = true,
                           .log_level = LOG_INFO,
                           .max_cpus = MAX_CPUS,
                           .smap = true };

static char unknown[256];

/* A number with a K, M or G; plain ones count KiB, as for Xen. */
static uint64_t parse_size(const char *s)
{
    uint64_t v = 0;

    for (; *s >= '0' && *s <= '9'; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    switch (*s | 0x20) {
    case 'g':
        return v << 30;
    case 'm':
        return v << 20;
    case 'b':
        return v;
    default:
        return v << 10;
    }
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

static bool option_console(const char *v)
{
    bool serial = false, vga = false;

    while (*v) {
        if (!strncmp(v, "com1", 4))
            serial = true;
        else if (!strncmp(v, "vga", 3))
            vga = true;
        else if (strncmp(v, "none", 4))
            return false;
        while (*v && *v != ',')
            v++;
        v += *v == ',';
    }
    options.console_serial = serial;
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

    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++)
        if (!strcmp(v, levels[i].name)) {
            options.log_level = levels[i].level;
            return true;
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

static bool option_noreboot(const char *v)
{
    options.no_reboot = strcmp(v, "0") && strcmp(v, "false");
    return true;
}

static bool option_smap(const char *v)
{
    options.smap = strcmp(v, "0") && strcmp(v, "false") && strcmp(v, "off");
    return true;
}

static bool option_com1(const char *v maybe_unused)
{
    return true; /* 115200,8n1 is what there is */
}

static bool apply(const char *name, const char *value)
{
    static const struct {
        const char *name;
        bool (*fn)(const char *value);
    } table[] = { { "console", option_console },   { "loglvl", option_loglvl },
                  { "dom0_mem", option_dom0_mem }, { "maxcpus", option_maxcpus },
                  { "noreboot", option_noreboot }, { "smap", option_smap },
                  { "com1", option_com1 },         { "dom0_max_vcpus", option_dom0_max_vcpus } };

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
    char word[128];

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

/*
 * What a guest is to be.  See domain-config.h.
 *
 * First all keys are looked at (key-check.h): those that cannot be used are named at once.  Then
 * values are read in their order; what may be ignored comes out in one notice.
 */
#include "vmctl/config/domain-config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/config/cpu-list.h"
#include "vmctl/config/key-check.h"
#include "vmctl/config/parse.h"

#define MEMORY_MIB_MAX (1 << 24)

struct reader {
    struct domain_config *domain;
    const struct config *config;
    const struct config_entry *entry;
    struct failure *failure;
    char root[256], extra[1024], cmdline[1024];
    bool has_pgtable;
};

static int key_error(struct reader *reader, const char *why, const char *remedy)
{
    char place[300];

    config_place(reader->config, reader->entry->line, place, sizeof(place));
    return failure_set(reader->failure, -EINVAL, "%s: %s: %s (%s)", place, reader->entry->key, why,
                       remedy);
}

static int read_string(struct reader *reader, char *to, size_t size)
{
    const struct config_value *value = reader->entry->value;

    if (value->kind != CONFIG_STRING)
        return key_error(reader, "must be a string", "put it in quotes");
    if (strlen(value->string) >= size)
        return key_error(reader, "too long", "make it shorter");
    snprintf(to, size, "%s", value->string);
    return 0;
}

/* A number, or a string of one: xl takes both. */
static int read_number(struct reader *reader, int64_t least, int64_t most, int64_t *number)
{
    const struct config_value *value = reader->entry->value;
    char *end = NULL, range[80];

    if (value->kind == CONFIG_NUMBER)
        *number = value->number;
    else if (value->kind == CONFIG_STRING && value->string[0])
        *number = strtoll(value->string, &end, 0);
    else
        return key_error(reader, "must be a number", "write digits alone, without a unit");
    if (end && *end)
        return key_error(reader, "must be a number", "write digits alone, without a unit");
    snprintf(range, sizeof(range), "use %lld to %lld", (long long)least, (long long)most);
    if (*number < least || *number > most)
        return key_error(reader, "out of range", range);
    return 0;
}

static int read_name(struct reader *reader)
{
    char *name = reader->domain->name;
    int error = read_string(reader, name, sizeof(reader->domain->name));

    if (error)
        return error;
    if (!name[0] || strspn(name, "0123456789") == strlen(name) || strchr(name, '/') ||
        strchr(name, '\n'))
        return key_error(reader, "not a usable name", "use letters, digits, - and _");
    if (!strcmp(name, "Domain-0"))
        return key_error(reader, "this name is dom0's", "choose another");
    return 0;
}

static int read_uuid(struct reader *reader)
{
    char text[64] = "";
    int error = read_string(reader, text, sizeof(text));

    if (!error && uuid_parse(reader->domain->uuid, text))
        error = key_error(reader, "not a UUID", "it has 32 hexadecimal digits");
    reader->domain->has_uuid = !error;
    return error;
}

static int read_kernel(struct reader *reader)
{
    return read_string(reader, reader->domain->kernel, sizeof(reader->domain->kernel));
}

/* What xl calls so looks into the guest's disk in dom0; here the guest does that itself. */
static int read_bootloader(struct reader *reader)
{
    char text[256] = "";
    int error = read_string(reader, text, sizeof(text));
    const char *slash = strrchr(text, '/'), *name = slash ? slash + 1 : text;

    if (error)
        return error;
    if (text[0] && strcmp(name, "pygrub") != 0 && strcmp(name, "pvgrub") != 0)
        return key_error(reader, "this one is not supported",
                         "use \"pygrub\" or \"pvgrub\", or kernel for a kernel of dom0's");
    reader->domain->bootloader = text[0];
    return 0;
}

static int read_ramdisk(struct reader *reader)
{
    return read_string(reader, reader->domain->ramdisk, sizeof(reader->domain->ramdisk));
}

static int read_cmdline(struct reader *reader)
{
    return read_string(reader, reader->cmdline, sizeof(reader->cmdline));
}

static int read_extra(struct reader *reader)
{
    return read_string(reader, reader->extra, sizeof(reader->extra));
}

static int read_root(struct reader *reader)
{
    return read_string(reader, reader->root, sizeof(reader->root));
}

static int read_memory(struct reader *reader)
{
    int64_t mib = 0;
    int error = read_number(reader, 1, MEMORY_MIB_MAX, &mib);

    reader->domain->memory_kib = error ? 0 : (uint64_t)mib << 10;
    return error;
}

static int read_maxmem(struct reader *reader)
{
    int64_t mib = 0;
    int error = read_number(reader, 1, MEMORY_MIB_MAX, &mib);

    reader->domain->maxmem_kib = error ? 0 : (uint64_t)mib << 10;
    return error;
}

static int read_vcpus(struct reader *reader)
{
    int64_t count = 0;
    int error = read_number(reader, 1, VCPUS_MAX, &count);

    reader->domain->vcpus = error ? 1 : (uint32_t)count;
    return error;
}

static int read_maxvcpus(struct reader *reader)
{
    int64_t count = 0;
    int error = read_number(reader, 1, VCPUS_MAX, &count);

    reader->domain->max_vcpus = error ? 1 : (uint32_t)count;
    return error;
}

/* One item of `cpus`: a list in a string, or a plain number. */
static int read_cpu_list(struct reader *reader, const struct config_value *value,
                         struct cpu_list *cpus)
{
    if (value->kind == CONFIG_NUMBER && value->number >= 0 && value->number < CPUS_MAX)
        cpu_list_add(cpus, (unsigned int)value->number, (unsigned int)value->number);
    else if (value->kind != CONFIG_STRING || cpu_list_parse(value->string, cpus))
        return key_error(reader, "not a list of CPUs", "write \"0-3,5\" or \"all\"");
    return 0;
}

/* One list for all vCPUs, or a list of lists, one for each. */
static int read_cpus(struct reader *reader)
{
    const struct config_value *value = reader->entry->value;
    struct cpu_list *cpus = reader->domain->cpus, same = { { 0 } };
    int error = 0;

    if (value->kind != CONFIG_LIST) {
        error = read_cpu_list(reader, value, &same);
        for (size_t i = 0; i < VCPUS_MAX; i++)
            cpus[i] = same;
        return error;
    }
    if (value->count > VCPUS_MAX)
        return key_error(reader, "too many lists", "one for each vCPU");
    for (size_t i = 0; i < value->count && !error; i++)
        error = read_cpu_list(reader, value->items[i], &cpus[i]);
    return error;
}

/* That of everybody, or key-check.c had refused it. */
static int read_weight(struct reader *reader)
{
    int64_t weight = 0;

    return read_number(reader, 0, 65535, &weight);
}

static int read_disk(struct reader *reader)
{
    const struct config_value *list = reader->entry->value;
    struct domain_config *domain = reader->domain;
    char where[300];

    if (list->kind != CONFIG_LIST)
        return key_error(reader, "must be a list", "write disk = [ \"phy:/dev/vda1,xvda,w\" ]");
    if (list->count > DISKS_MAX)
        return key_error(reader, "too many disks", "at most 16");
    for (size_t i = 0; i < list->count; i++) {
        config_place(reader->config, list->items[i]->line, where, sizeof(where));
        if (list->items[i]->kind != CONFIG_STRING)
            return key_error(reader, "its items must be strings", "put them in quotes");
        int error =
            disk_config_parse(&domain->disks[i], list->items[i]->string, where, reader->failure);

        if (error)
            return error;
        for (size_t j = 0; j < i; j++)
            if (domain->disks[j].number == domain->disks[i].number)
                return key_error(reader, "two disks have the same name", "rename one");
    }
    domain->disk_count = list->count;
    return 0;
}

__attribute__((format(printf, 2, 3))) static void notice(struct reader *reader, const char *format,
                                                         ...)
{
    size_t used = strlen(reader->domain->notices);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->domain->notices + used, sizeof(reader->domain->notices) - used, format,
              arguments);
    va_end(arguments);
}

static int read_vif(struct reader *reader)
{
    const struct config_value *list = reader->entry->value;
    struct domain_config *domain = reader->domain;
    char place[300], where[306], ignored[64];

    if (list->kind != CONFIG_LIST)
        return key_error(reader, "must be a list", "write vif = [ \"bridge=xenbr0\" ]");
    if (list->count > VIFS_MAX)
        return key_error(reader, "too many interfaces", "at most 8");
    for (size_t i = 0; i < list->count; i++) {
        config_place(reader->config, list->items[i]->line, place, sizeof(place));
        snprintf(where, sizeof(where), "%s: vif", place);
        if (list->items[i]->kind != CONFIG_STRING)
            return key_error(reader, "its items must be strings", "put them in quotes");
        int error = vif_config_parse(&domain->vifs[i], list->items[i]->string, where, ignored,
                                     sizeof(ignored), reader->failure);

        if (error)
            return error;
        if (ignored[0])
            notice(reader, "%s: %s is ignored\n", place, ignored);
        if (!domain->vifs[i].has_device_id)
            domain->vifs[i].device_id = (uint32_t)i;
        for (size_t j = 0; j < i; j++)
            if (domain->vifs[j].device_id == domain->vifs[i].device_id)
                return key_error(reader, "two have the same devid", "leave devid out");
    }
    domain->vif_count = list->count;
    return 0;
}

static const char *const action_names[] = { "destroy", "restart", "preserve", "rename-restart" };

const char *end_action_name(enum end_action action)
{
    return action_names[action];
}

static int read_action(struct reader *reader, enum end_action *action)
{
    char text[32];
    int error = read_string(reader, text, sizeof(text));

    if (error)
        return error;
    for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++)
        if (!strcmp(text, action_names[i])) {
            *action = (enum end_action)i;
            return 0;
        }
    return key_error(reader, "unknown action", "use destroy, restart, preserve or rename-restart");
}

static int read_on_poweroff(struct reader *reader)
{
    return read_action(reader, &reader->domain->on_poweroff);
}

static int read_on_reboot(struct reader *reader)
{
    return read_action(reader, &reader->domain->on_reboot);
}

static int read_on_crash(struct reader *reader)
{
    return read_action(reader, &reader->domain->on_crash);
}

/* By xl.cfg's names and numbers; the last one is native to a guest that does nothing for it. */
static int read_tsc_mode(struct reader *reader)
{
    static const char *const modes[] = { "default", "always_emulate", "native", "native_paravirt" };
    const struct config_value *value = reader->entry->value;
    bool is_name = value->kind == CONFIG_STRING && !isdigit((unsigned char)value->string[0]);
    int64_t mode = 0;
    int error = 0;

    if (is_name)
        while (mode < 4 && strcmp(value->string, modes[mode]) != 0)
            mode++;
    else
        error = read_number(reader, 0, 3, &mode);
    if (mode == 4)
        error = key_error(reader, "unknown mode", "use default, native or native_paravirt");
    reader->domain->tsc_mode = error ? 0 : mode == 3 ? 2 : (uint32_t)mode;
    return error;
}

static int read_pgtable(struct reader *reader)
{
    char text[32];
    int error = read_string(reader, text, sizeof(text));

    if (!error && page_table_mode_parse(text, strlen(text), &reader->domain->page_tables))
        error = key_error(reader, "unknown page-table mode", "use direct, writable or shadow");
    reader->has_pgtable = true;
    return error;
}

static int read_type(struct reader *reader)
{
    char text[32];
    int error = read_string(reader, text, sizeof(text));

    if (!error && strcmp(text, "pv") != 0 && strcmp(text, "generic") != 0 &&
        strcmp(text, "linux") != 0)
        error = key_error(reader, "only PV guests are supported", "use type = \"pv\"");
    return error;
}

static const struct {
    const char *name;
    int (*read)(struct reader *reader);
} known_keys[] = {
    { "name", read_name },
    { "uuid", read_uuid },
    { "kernel", read_kernel },
    { "bootloader", read_bootloader },
    { "ramdisk", read_ramdisk },
    { "cmdline", read_cmdline },
    { "extra", read_extra },
    { "root", read_root },
    { "memory", read_memory },
    { "maxmem", read_maxmem },
    { "vcpus", read_vcpus },
    { "maxvcpus", read_maxvcpus },
    { "disk", read_disk },
    { "vif", read_vif },
    { "on_poweroff", read_on_poweroff },
    { "on_reboot", read_on_reboot },
    { "on_crash", read_on_crash },
    { "tsc_mode", read_tsc_mode },
    { "type", read_type },
    { "builder", read_type },
    { "cpus", read_cpus },
    { "cpu_weight", read_weight },
    { "pgtable", read_pgtable },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *known_key(size_t i)
{
    return i < COUNT(known_keys) ? known_keys[i].name : NULL;
}

static size_t known_key_find(const char *key)
{
    size_t i = 0;

    while (i < COUNT(known_keys) && strcmp(key, known_keys[i].name) != 0)
        i++;
    return i;
}

/* Keys without a meaning here share one line. */
static void notice_ignored_keys(struct reader *reader)
{
    bool any = false;

    for (struct config_entry *entry = reader->config->first; entry; entry = entry->next)
        if (known_key_find(entry->key) == COUNT(known_keys)) {
            if (!any)
                notice(reader, "%s: ignored, as it changes nothing here: ", reader->config->file);
            notice(reader, "%s%s", any ? ", " : "", entry->key);
            any = true;
        }
    if (any)
        notice(reader, "\n");
}

static int read_entries(struct reader *reader)
{
    int error = key_check(reader->config, known_key, reader->failure);

    if (!error)
        notice_ignored_keys(reader);
    for (reader->entry = reader->config->first; reader->entry && !error;
         reader->entry = reader->entry->next) {
        size_t i = known_key_find(reader->entry->key);

        if (i < COUNT(known_keys))
            error = known_keys[i].read(reader);
    }
    return error;
}

static int command_line_too_long(struct reader *reader)
{
    return failure_set(reader->failure, -EINVAL,
                       "%s: the kernel's command line is too long (at most 1023 characters)",
                       reader->config->file);
}

/* The kernel's words: cmdline, or root= and extra. */
static int join_command_line(struct reader *reader)
{
    struct domain_config *domain = reader->domain;
    int length;

    if (reader->cmdline[0])
        length =
            snprintf(domain->command_line, sizeof(domain->command_line), "%s", reader->cmdline);
    else
        length = snprintf(domain->command_line, sizeof(domain->command_line), "%s%s%s%s",
                          reader->root[0] ? "root=" : "", reader->root,
                          reader->root[0] && reader->extra[0] ? " " : "", reader->extra);
    return length >= (int)sizeof(domain->command_line) ? command_line_too_long(reader) : 0;
}

static int settle_page_tables(struct reader *reader)
{
    struct domain_config *domain = reader->domain;
    int error = page_table_mode_settle(domain->command_line, sizeof(domain->command_line),
                                       reader->has_pgtable, &domain->page_tables);

    if (error == -E2BIG)
        return command_line_too_long(reader);
    if (error)
        return failure_set(reader->failure, -EINVAL,
                           "%s: pgtable is \"%s\", but the kernel's command line says another "
                           "xen_pgtable (leave one of them out)",
                           reader->config->file, page_table_mode_name(domain->page_tables));
    return 0;
}

/* The guest's own GRUB has its kernel, its ramdisk and their words. */
static int check_bootloader(struct reader *reader)
{
    const struct domain_config *domain = reader->domain;
    const char *other = !domain->bootloader  ? NULL
                        : domain->kernel[0]  ? "kernel"
                        : domain->ramdisk[0] ? "ramdisk"
                        : reader->cmdline[0] ? "cmdline"
                        : reader->root[0]    ? "root"
                        : reader->extra[0]   ? "extra"
                                             : NULL;

    if (other)
        return failure_set(reader->failure, -EINVAL,
                           "%s: bootloader and %s: the guest's own GRUB has that (leave one out)",
                           reader->config->file, other);
    if (domain->bootloader && !domain->disk_count)
        return failure_set(reader->failure, -EINVAL,
                           "%s: bootloader, but no disk to boot from (add a line disk = ...)",
                           reader->config->file);
    return 0;
}

static int check_whole(struct reader *reader)
{
    struct domain_config *domain = reader->domain;
    const char *missing = !domain->name[0]                            ? "name"
                          : !domain->kernel[0] && !domain->bootloader ? "kernel"
                          : !domain->memory_kib                       ? "memory"
                                                                      : NULL;

    if (missing)
        return failure_set(reader->failure, -EINVAL, "%s: no %s given (add a line %s = ...)",
                           reader->config->file, missing, missing);
    if (check_bootloader(reader))
        return -EINVAL;
    if (!domain->maxmem_kib)
        domain->maxmem_kib = domain->memory_kib;
    if (domain->maxmem_kib < domain->memory_kib)
        return failure_set(reader->failure, -EINVAL,
                           "%s: maxmem is less than memory (raise it or leave it out)",
                           reader->config->file);
    if (!domain->max_vcpus)
        domain->max_vcpus = domain->vcpus;
    if (domain->max_vcpus < domain->vcpus)
        return failure_set(reader->failure, -EINVAL,
                           "%s: maxvcpus is less than vcpus (raise it or leave it out)",
                           reader->config->file);
    int error = join_command_line(reader);

    return error ? error : settle_page_tables(reader);
}

/* The file's lines, then the command line's words. */
static int parse_source(struct config **config, const struct config_source *source,
                        struct failure *failure)
{
    int error = config_parse(config, source->file, source->text, source->size, failure);

    for (size_t i = 0; i < source->word_count && !error; i++) {
        error = config_parse_word(*config, source->words[i], failure);
        if (error)
            config_free(*config);
    }
    return error;
}

int domain_config_parse(struct domain_config *domain, const struct config_source *source,
                        struct failure *failure)
{
    struct reader reader = { .domain = domain, .failure = failure };
    struct config *config;
    int error = parse_source(&config, source, failure);

    if (error)
        return error;
    memset(domain, 0, sizeof(*domain));
    domain->vcpus = 1;
    domain->on_poweroff = END_DESTROY;
    domain->on_reboot = END_RESTART;
    domain->on_crash = END_DESTROY;
    reader.config = config;
    error = read_entries(&reader);
    if (!error)
        error = check_whole(&reader);
    config_free(config);
    return error;
}

void uuid_format(const uint8_t uuid[16], char text[37])
{
    for (size_t i = 0; i < 16; i++) {
        snprintf(text, 3, "%02x", uuid[i]);
        text += 2;
        if (i == 3 || i == 5 || i == 7 || i == 9)
            *text++ = '-';
    }
    *text = '\0';
}

int uuid_parse(uint8_t uuid[16], const char *text)
{
    for (size_t i = 0; i < 16; i++) {
        char pair[3];

        if (*text == '-')
            text++;
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return -EINVAL;
        memcpy(pair, text, 2);
        pair[2] = '\0';
        uuid[i] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    return *text ? -EINVAL : 0;
}

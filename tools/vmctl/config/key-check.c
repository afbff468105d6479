/*
 * Which keys cannot be used.  See key-check.h.
 *
 * One such key has a line of its own; several share one:
 *
 *     g.cfg: 3 keys cannot be used: pci (line 4), vtpm (line 5): not supported yet; memmory (line
 * 7; memory?): unknown (take them out)
 */
#include "vmctl/config/key-check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmctl/config/nearest-key.h"
#include "vmctl/config/other-keys.h"

struct check {
    const struct config *config;
    const char *(*known)(size_t i);
    char text[360]; /* what was found; the failure has room for a file's name besides */
    size_t used;
    unsigned int left_out; /* keys for which there was no room */
};

/* A key of xl.cfg that asks for nothing may stand: with cap = 0 the guest is as he wants it. */
static bool asks_nothing(const struct config_value *value)
{
    return (value->kind == CONFIG_NUMBER && !value->number) ||
           (value->kind == CONFIG_STRING &&
            (!value->string[0] || !strcmp(value->string, "disabled"))) ||
           (value->kind == CONFIG_LIST && !value->count);
}

static bool is_text(const struct config_value *value, const char *text)
{
    return value->kind == CONFIG_STRING && !strcmp(value->string, text);
}

/* Nothing else that is wrong matters then. */
static bool asks_for_another_machine(const struct config_entry *entry)
{
    return (!strcmp(entry->key, "type") || !strcmp(entry->key, "builder")) &&
           (is_text(entry->value, "hvm") || is_text(entry->value, "pvh"));
}

/* 256 is what everybody has. */
static bool asks_for_a_weight(const struct config_entry *entry)
{
    const struct config_value *value = entry->value;

    if (strcmp(entry->key, "cpu_weight") != 0 || asks_nothing(value) || is_text(value, "256"))
        return false;
    return value->kind == CONFIG_STRING || (value->kind == CONFIG_NUMBER && value->number != 256);
}

static enum other_key unusable(const struct check *check, const struct config_entry *entry)
{
    const char *name;

    for (size_t i = 0; (name = check->known(i)); i++)
        if (!strcmp(entry->key, name))
            return asks_for_a_weight(entry) ? OTHER_KEY_REFUSED : OTHER_KEY_IGNORED;
    enum other_key other = other_key_find(entry->key);

    return other == OTHER_KEY_REFUSED && asks_nothing(entry->value) ? OTHER_KEY_IGNORED : other;
}

/* The key that was meant, or NULL. */
static const char *meant(const struct check *check, const char *key)
{
    struct nearest_key nearest;
    const char *name;

    nearest_key_begin(&nearest, key);
    for (size_t i = 0; (name = check->known(i)); i++)
        nearest_key_try(&nearest, name);
    for (size_t i = 0; (name = other_key_name(i)); i++)
        nearest_key_try(&nearest, name);
    return nearest.name;
}

static int refuse_one(const struct check *check, const struct config_entry *entry,
                      enum other_key other, struct failure *failure)
{
    const char *name = other == OTHER_KEY_UNKNOWN ? meant(check, entry->key) : NULL;
    char place[300];

    config_place(check->config, entry->line, place, sizeof(place));
    if (other == OTHER_KEY_REFUSED)
        return failure_set(failure, -EINVAL, "%s: %s: not supported yet (take it out)", place,
                           entry->key);
    if (name)
        return failure_set(failure, -EINVAL, "%s: unknown key \"%s\" (did you mean \"%s\"?)", place,
                           entry->key, name);
    return failure_set(failure, -EINVAL, "%s: unknown key \"%s\" (take it out)", place, entry->key);
}

static int refuse_machine(const struct check *check, const struct config_entry *entry,
                          struct failure *failure)
{
    char place[300];

    config_place(check->config, entry->line, place, sizeof(place));
    return failure_set(failure, -EINVAL, "%s: %s: only PV guests are supported (use type = \"pv\")",
                       place, entry->key);
}

/* Adds the words whole, or counts them as left out. */
__attribute__((format(printf, 2, 3))) static void add(struct check *check, const char *format, ...)
{
    size_t room = sizeof(check->text) - check->used;
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(check->text + check->used, room, format, arguments);

    va_end(arguments);
    if (length >= 0 && (size_t)length < room) {
        check->used += (size_t)length;
    } else {
        check->text[check->used] = '\0';
        check->left_out++;
    }
}

static void add_key(struct check *check, const struct config_entry *entry, const char *before,
                    enum other_key other)
{
    bool guess = other == OTHER_KEY_UNKNOWN && !check->left_out; /* it takes a while */
    const char *name = guess ? meant(check, entry->key) : NULL;
    char place[40] = "command line";

    if (entry->line != CONFIG_COMMAND_LINE)
        snprintf(place, sizeof(place), "line %u", entry->line);
    add(check, "%s%s (%s%s%s%s)", before, entry->key, place, name ? "; " : "", name ? name : "",
        name ? "?" : "");
}

/* All keys of one kind, and what is wrong with them. */
static void add_kind(struct check *check, enum other_key kind, const char *what)
{
    const char *before = check->used ? "; " : "";
    bool any = false;

    for (struct config_entry *entry = check->config->first; entry; entry = entry->next)
        if (unusable(check, entry) == kind) {
            add_key(check, entry, any ? ", " : before, kind);
            any = true;
        }
    if (any)
        add(check, ": %s", what);
}

int key_check(const struct config *config, const char *(*known)(size_t i), struct failure *failure)
{
    struct check check = { .config = config, .known = known };
    const struct config_entry *first = NULL;
    unsigned int count = 0;

    for (struct config_entry *entry = config->first; entry; entry = entry->next) {
        if (asks_for_another_machine(entry))
            return refuse_machine(&check, entry, failure);
        if (unusable(&check, entry) != OTHER_KEY_IGNORED) {
            first = first ? first : entry;
            count++;
        }
    }
    if (!count)
        return 0;
    if (count == 1)
        return refuse_one(&check, first, unusable(&check, first), failure);
    add_kind(&check, OTHER_KEY_REFUSED, "not supported yet");
    add_kind(&check, OTHER_KEY_UNKNOWN, "unknown");
    return failure_set(failure, -EINVAL, "%.100s: %u keys cannot be used: %s%s (take them out)",
                       config->file, count, check.text, check.left_out ? ", ..." : "");
}

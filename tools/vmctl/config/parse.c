/*
 * The syntax of xl.cfg.  See parse.h.
 *
 *     file  := { entry (newline | ';') }        comments run from '#' to the line's end
 *     entry := word ('=' | '+=') value
 *     value := number | string | '[' { value ',' } [value] ']'
 *     string: '...' "..." or three quotes, with \n \t \\ \' \" inside
 */
#include "vmctl/config/parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 4
/* A config is a page or two; what is longer is something else, or wants to keep us busy. */
#define BYTES_MAX   (64u << 10)
#define ENTRIES_MAX 1024u

struct parser {
    struct config *config;
    const char *at, *end;
    unsigned int line, entries;
    struct failure *failure;
};

void config_place(const struct config *config, unsigned int line, char *text, size_t size)
{
    if (line == CONFIG_COMMAND_LINE)
        snprintf(text, size, "command line");
    else
        snprintf(text, size, "%s:%u", config->file, line);
}

static int syntax_error(struct parser *parser, const char *what, const char *remedy)
{
    char place[300];

    config_place(parser->config, parser->line, place, sizeof(place));
    return failure_set(parser->failure, -EINVAL, "%s: %s (%s)", place, what, remedy);
}

/* All of a word is on the command line, however many lines it has. */
static void next_line(struct parser *parser)
{
    parser->line += parser->line != CONFIG_COMMAND_LINE;
}

static bool at_end(const struct parser *parser)
{
    return parser->at == parser->end;
}

static char look(const struct parser *parser)
{
    return at_end(parser) ? '\0' : *parser->at;
}

/* Skips blanks and comments; across lines too if asked. */
static void skip(struct parser *parser, bool lines)
{
    while (!at_end(parser)) {
        char c = *parser->at;

        if (c == '#') {
            while (!at_end(parser) && *parser->at != '\n')
                parser->at++;
            continue;
        }
        if (c == '\n' && lines)
            next_line(parser);
        else if (c != ' ' && c != '\t' && c != '\r' &&
                 !(c == '\\' && parser->at + 1 < parser->end && parser->at[1] == '\n'))
            return;
        parser->at++;
    }
}

static void value_free(struct config_value *value)
{
    if (!value)
        return;
    for (size_t i = 0; i < value->count; i++)
        value_free(value->items[i]);
    free(value->items);
    free(value->string);
    free(value);
}

static int parse_number(struct parser *parser, struct config_value *value)
{
    char digits[32];
    size_t length = 0;
    char *end;

    while (!at_end(parser) && (isalnum((unsigned char)*parser->at) || *parser->at == '-') &&
           length < sizeof(digits) - 1)
        digits[length++] = *parser->at++;
    digits[length] = '\0';
    errno = 0;
    value->kind = CONFIG_NUMBER;
    value->number = strtoll(digits, &end, 0);
    if (errno || *end || end == digits)
        return syntax_error(parser, "not a number",
                            "a number has no unit, and strings need quotes");
    return 0;
}

static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* How many quotes open the string here: one or three. */
static size_t quote_length(const struct parser *parser)
{
    const char *at = parser->at;

    return parser->end - at >= 3 && at[1] == at[0] && at[2] == at[0] ? 3 : 1;
}

static int parse_string(struct parser *parser, struct config_value *value)
{
    size_t quotes = quote_length(parser), length = 0;
    char quote[3];

    memset(quote, *parser->at, sizeof(quote));
    parser->at += quotes;
    value->kind = CONFIG_STRING;
    value->string = malloc((size_t)(parser->end - parser->at) + 1);
    if (!value->string)
        return -ENOMEM;
    while ((size_t)(parser->end - parser->at) >= quotes && memcmp(parser->at, quote, quotes) != 0) {
        char c = *parser->at++;

        if (c == '\n') {
            if (quotes == 1)
                return syntax_error(parser, "string without an end", "close the quotes");
            next_line(parser);
        }
        if (c == '\\' && !at_end(parser))
            c = unescape(*parser->at++);
        value->string[length++] = c;
    }
    if ((size_t)(parser->end - parser->at) < quotes)
        return syntax_error(parser, "string without an end", "close the quotes");
    parser->at += quotes;
    value->string[length] = '\0';
    char *shorter = realloc(value->string, length + 1);

    value->string = shorter ? shorter : value->string;
    return 0;
}

static int parse_value(struct parser *parser, struct config_value **value, unsigned int depth);

/* Lists double their room when they have used it up: it is always the next power of two. */
static int list_add(struct config_value *list, struct config_value *item)
{
    struct config_value **items = list->items;

    if (!(list->count & (list->count - 1))) {
        items = realloc(items, (list->count ? 2 * list->count : 1) * sizeof(*items));
        if (!items)
            return -ENOMEM;
    }
    list->items = items;
    items[list->count++] = item;
    return 0;
}

static int parse_list(struct parser *parser, struct config_value *list, unsigned int depth)
{
    list->kind = CONFIG_LIST;
    if (depth == NESTING_MAX)
        return syntax_error(parser, "lists nested too deep", "write a plain list");
    parser->at++;
    for (;;) {
        struct config_value *item = NULL;

        skip(parser, true);
        if (look(parser) == ']')
            break;
        int error = parse_value(parser, &item, depth + 1);

        if (!error)
            error = list_add(list, item);
        if (error) {
            value_free(item);
            return error;
        }
        skip(parser, true);
        if (look(parser) == ',')
            parser->at++;
        else if (look(parser) != ']')
            return syntax_error(parser, "list without an end", "put a comma or ] here");
    }
    parser->at++;
    return 0;
}

static int parse_value(struct parser *parser, struct config_value **value, unsigned int depth)
{
    char c = look(parser);
    int error;

    *value = calloc(1, sizeof(**value));
    if (!*value)
        return -ENOMEM;
    (*value)->line = parser->line;
    if (c == '"' || c == '\'')
        error = parse_string(parser, *value);
    else if (c == '[')
        error = parse_list(parser, *value, depth);
    else if (isdigit((unsigned char)c) || c == '-')
        error = parse_number(parser, *value);
    else
        error = syntax_error(parser, "no value",
                             parser->line == CONFIG_COMMAND_LINE
                                 ? "the shell takes quotes away: write 'KEY=\"string\"'"
                                 : "a value is a number, a \"string\" or a [list]");
    if (error) {
        value_free(*value);
        *value = NULL;
    }
    return error;
}

static struct config_entry *entry_find(struct config *config, const char *key)
{
    struct config_entry *entry = config->first;

    while (entry && strcmp(entry->key, key) != 0)
        entry = entry->next;
    return entry;
}

/* "+=": the string goes behind the one there, the list's items behind those there. */
static int entry_append(struct parser *parser, struct config_entry *entry,
                        struct config_value *value)
{
    struct config_value *old = entry->value;
    int error = 0;

    if (old->kind != value->kind || old->kind == CONFIG_NUMBER)
        return syntax_error(parser, "+= of different things", "both must be strings or lists");
    if (old->kind == CONFIG_STRING) {
        char *both = realloc(old->string, strlen(old->string) + strlen(value->string) + 1);

        if (!both)
            return -ENOMEM;
        strcat(both, value->string);
        old->string = both;
    }
    for (size_t i = 0; i < value->count && !error; i++) {
        error = list_add(old, value->items[i]);
        if (!error)
            value->items[i] = NULL; /* it is the other list's now */
    }
    if (!error)
        value_free(value);
    return error;
}

static int entry_set(struct parser *parser, const char *key, size_t length, bool append,
                     struct config_value *value, unsigned int line)
{
    struct config_entry *entry = calloc(1, sizeof(*entry));
    char *copy = strndup(key, length);

    if (!entry || !copy) {
        free(entry);
        free(copy);
        return -ENOMEM;
    }
    struct config_entry *old = entry_find(parser->config, copy);

    if (old) {
        free(entry);
        free(copy);
        if (append)
            return entry_append(parser, old, value);
        value_free(old->value); /* the last one counts, as in xl */
        old->value = value;
        old->line = line;
        return 0;
    }
    *entry = (struct config_entry){ NULL, copy, line, value };
    *parser->config->last = entry;
    parser->config->last = &entry->next;
    return 0;
}

static int parse_entry(struct parser *parser)
{
    const char *key = parser->at;
    struct config_value *value;
    unsigned int line = parser->line;
    bool append = false;

    while (!at_end(parser) && (isalnum((unsigned char)*parser->at) || *parser->at == '_'))
        parser->at++;
    size_t length = (size_t)(parser->at - key);

    if (!length || length > 64)
        return syntax_error(parser, "no key here", "a line is KEY = VALUE");
    if (++parser->entries > ENTRIES_MAX)
        return syntax_error(parser, "too many lines KEY = VALUE", "a config has at most 1024");
    skip(parser, false);
    if (look(parser) == '+') {
        append = true;
        parser->at++;
    }
    if (look(parser) != '=')
        return syntax_error(parser, "no = behind the key", "a line is KEY = VALUE");
    parser->at++;
    skip(parser, false);
    int error = parse_value(parser, &value, 0);

    if (error)
        return error;
    error = entry_set(parser, key, length, append, value, line);
    if (error)
        value_free(value);
    return error;
}

static int parse_file(struct parser *parser)
{
    for (;;) {
        skip(parser, true);
        while (look(parser) == ';') {
            parser->at++;
            skip(parser, true);
        }
        if (at_end(parser))
            return 0;
        int error = parse_entry(parser);

        if (error)
            return error;
        skip(parser, false);
        if (!at_end(parser) && *parser->at != '\n' && *parser->at != ';')
            return syntax_error(parser, "something behind the value", "one KEY = VALUE a line");
    }
}

/* A file with control bytes is no config at all: say so, and nothing about its syntax. */
static int check_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' && !strchr("\n\r\t", text[i]))
            return -EINVAL;
        else if (!text[i])
            return -EINVAL;
    return 0;
}

/* The text's lines go into the parser's config. */
static int parse_text(struct parser *parser, const char *text, size_t size)
{
    const char *source =
        parser->line == CONFIG_COMMAND_LINE ? "command line" : parser->config->file;

    if (check_text(text, size < BYTES_MAX ? size : BYTES_MAX))
        return failure_set(parser->failure, -EINVAL,
                           "%s: not a text file (a config has lines KEY = VALUE)", source);
    if (size > BYTES_MAX)
        return failure_set(parser->failure, -EINVAL, "%s: too long (a config has at most 64 KiB)",
                           source);
    parser->at = text;
    parser->end = text + size;
    return parse_file(parser);
}

int config_parse(struct config **config, const char *file, const char *text, size_t size,
                 struct failure *failure)
{
    *config = calloc(1, sizeof(**config));
    if (!*config)
        return -ENOMEM;
    (*config)->file = file;
    (*config)->last = &(*config)->first;
    struct parser parser = { .config = *config, .line = 1, .failure = failure };
    int error = parse_text(&parser, text, size);

    if (error) {
        config_free(*config);
        *config = NULL;
    }
    return error;
}

int config_parse_word(struct config *config, const char *word, struct failure *failure)
{
    struct parser parser = { .config = config, .line = CONFIG_COMMAND_LINE, .failure = failure };

    return parse_text(&parser, word, strlen(word));
}

void config_free(struct config *config)
{
    if (!config)
        return;
    while (config->first) {
        struct config_entry *entry = config->first;

        config->first = entry->next;
        value_free(entry->value);
        free(entry->key);
        free(entry);
    }
    free(config);
}

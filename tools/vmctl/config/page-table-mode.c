/*
 * Names of the page-table modes, and the word by which the kernel is told.  See page-table-mode.h.
 */
#include "vmctl/config/page-table-mode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORD "xen_pgtable="

static const char *const names[] = { "direct", "writable", "shadow" };

const char *page_table_mode_name(enum page_table_mode mode)
{
    return names[mode];
}

int page_table_mode_parse(const char *name, size_t length, enum page_table_mode *mode)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (length == strlen(names[i]) && !memcmp(name, names[i], length)) {
            *mode = (enum page_table_mode)i;
            return 0;
        }
    return -EINVAL;
}

/* A dash and an underscore are the same to the kernel. */
static bool is_word(const char *at)
{
    for (size_t i = 0; i < strlen(WORD); i++)
        if ((at[i] == '-' ? '_' : at[i]) != WORD[i])
            return false;
    return true;
}

/* What the line says last, as the kernel takes it; NULL: nothing. */
static const char *word_of(const char *line)
{
    const char *found = NULL;

    for (const char *at = line; *at; at++)
        if ((at == line || at[-1] == ' ') && is_word(at))
            found = at + strlen(WORD);
    return found;
}

int page_table_mode_settle(char *command_line, size_t size, bool given, enum page_table_mode *mode)
{
    const char *word = word_of(command_line);
    enum page_table_mode said;
    size_t used = strlen(command_line);

    if (word && !page_table_mode_parse(word, strcspn(word, " "), &said)) {
        if (given && said != *mode)
            return -EINVAL;
        *mode = said;
    } else if (*mode == PAGE_TABLES_WRITABLE) {
        if (used + strlen(" " WORD) + strlen(names[*mode]) >= size)
            return -E2BIG;
        snprintf(command_line + used, size - used, "%s" WORD "%s", used ? " " : "", names[*mode]);
    }
    return 0;
}

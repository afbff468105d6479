/*
 * What can stand where the cursor is: commands, vmctl's commands, guests, files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/files.h"
#include "shell/commands.h"
#include "shell/completion.h"
#include "shell/shell.h"
#include "vmctl/command.h"
#include "xenstore/client.h"

#define DOMAINS "/local/domain"

static void add_commands(struct completions *found)
{
    const char *name;

    for (size_t i = 0; (name = shell_command_name(i)); i++)
        completions_add(found, name, name);
}

static void add_vmctl_commands(struct completions *found)
{
    const struct command *command;

    for (size_t i = 0; (command = command_at(i)); i++)
        completions_add(found, command->name, command->name);
}

static void add_guests(struct completions *found)
{
    struct xs_client *store = xs_open();
    char **ids = NULL, path[64], *name;
    size_t count = 0;

    if (store && !xs_list(store, XS_NO_TX, DOMAINS, &ids, &count))
        for (size_t i = 0; i < count; i++) {
            snprintf(path, sizeof(path), DOMAINS "/%.8s/name", ids[i]);
            if (!strcmp(ids[i], "0") || xs_read(store, XS_NO_TX, path, &name, NULL))
                continue;
            completions_add(found, name, name);
            free(name);
        }
    free(ids);
    if (store)
        xs_close(store);
}

struct folder_files {
    struct completions *found;
    const char *word;
    size_t length; /* of its part up to the last slash */
};

static int add_file(void *argument, const struct file_entry *entry)
{
    struct folder_files *files = argument;
    char path[COMPLETION_WORD + 260];

    snprintf(path, sizeof(path), "%.*s%s%s", (int)files->length, files->word, entry->name,
             entry->is_directory ? "/" : "");
    completions_add(files->found, path, path + files->length);
    return 0;
}

/* A folder's files, each behind as much of the path as was written; folders end in '/'. */
static void add_files(struct completions *found, const char *word)
{
    const char *slash = strrchr(word, '/');
    struct folder_files files = { found, word, slash ? (size_t)(slash - word) + 1 : 0 };
    char folder[COMPLETION_WORD];

    snprintf(folder, sizeof(folder), "%.*s", files.length ? (int)files.length : 1,
             files.length ? word : "/");
    files_list(folder, add_file, &files);
}

/* vmctl's usage says what a command is of: a config, a guest.  Bridges have names, too. */
static void add_vmctl_words(struct completions *found, const struct completion_place *place)
{
    const struct command *command;
    const char *name = place->before[1];

    if (place->index == 1 || !strcmp(name, "help")) {
        add_vmctl_commands(found);
        return;
    }
    for (size_t i = 0; (command = command_at(i)); i++)
        if (!strcmp(command->name, name))
            break;
    if (command && strstr(command->usage, "CONFIG"))
        add_files(found, place->word);
    else if (command && strstr(command->usage, "NAME") && strncmp(name, "bridge-", 7) != 0)
        add_guests(found);
}

void shell_complete(const char *line, size_t cursor, struct completions *found)
{
    struct completion_place place;

    completions_begin(found, "");
    if (!completion_place_find(&place, line, cursor))
        return;
    completions_begin(found, place.word);
    if (place.is_file)
        add_files(found, place.word);
    else if (!place.index || !strcmp(place.before[0], "help"))
        add_commands(found);
    else if (!strcmp(place.before[0], "vmctl"))
        add_vmctl_words(found, &place);
    else if (strncmp(place.before[0], "xenstore-", 9) != 0)
        add_files(found, place.word);
}

/*
 * xenstore-ls, -read, -write, -rm, -list, -watch, -chmod, -exists: the same words as Xen's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/commands.h"
#include "shell/shell.h"
#include "tasks/console-input.h"
#include "xenstore/client.h"

/* A client for one command; NULL is told already. */
static struct xs_client *store_open(void)
{
    struct xs_client *store = xs_open();

    if (!store)
        shell_failed("xenstore", -ENOMEM);
    return store;
}

static void print_value(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c >= ' ' && c < 127)
            putchar(c);
        else
            printf("\\%03o", c);
    }
}

struct listing {
    struct xs_client *store;
    bool whole_paths, permissions;
    char path[3100];
};

static void print_permissions(struct listing *listing)
{
    char **perms;
    size_t count;

    if (xs_get_perms(listing->store, XS_NO_TX, listing->path, &perms, &count))
        return;
    printf("   (");
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i ? "," : "", perms[i]);
    printf(")");
    free(perms);
}

static void print_node(struct listing *listing, const char *name, unsigned int depth)
{
    char *value;
    size_t length;

    if (xs_read(listing->store, XS_NO_TX, listing->path, &value, &length))
        return; /* went meanwhile */
    if (listing->whole_paths)
        printf("%s = \"", listing->path);
    else
        printf("%*s%s = \"", (int)depth, "", name);
    print_value(value, length);
    printf("\"");
    free(value);
    if (listing->permissions)
        print_permissions(listing);
    printf("\n");
}

static int print_children(struct listing *listing, unsigned int depth)
{
    size_t length = strlen(listing->path), count;
    char **names;
    int error = xs_list(listing->store, XS_NO_TX, listing->path, &names, &count);

    if (error || depth > 100)
        return error;
    for (size_t i = 0; i < count; i++) {
        snprintf(listing->path + length, sizeof(listing->path) - length, "%s%s",
                 length == 1 ? "" : "/", names[i]);
        print_node(listing, names[i], depth);
        print_children(listing, depth + 1);
        listing->path[length] = '\0';
    }
    free(names);
    return 0;
}

static int store_ls(int argc, char **argv)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    int i = 1, error;

    if (!listing)
        return shell_failed("xenstore-ls", -ENOMEM);
    for (; i < argc && argv[i][0] == '-'; i++) {
        listing->whole_paths |= strchr(argv[i], 'f') != NULL;
        listing->permissions |= strchr(argv[i], 'p') != NULL;
    }
    snprintf(listing->path, sizeof(listing->path), "%s", i < argc ? argv[i] : "/");
    listing->store = store_open();
    error = listing->store ? print_children(listing, 0) : -ENOMEM;
    xs_close(listing->store);
    if (error)
        shell_failed(listing->path, error);
    free(listing);
    return error != 0;
}

/* Runs one call on each of the words and stops at the first error. */
static int for_each_word(int argc, char **argv, const char *usage,
                         int (*call)(struct xs_client *store, const char *path))
{
    if (argc < 2)
        return shell_usage(usage);
    struct xs_client *store = store_open();
    int status = store ? 0 : 1;

    for (int i = 1; i < argc && !status; i++) {
        int error = call(store, argv[i]);

        if (error)
            status = shell_failed(argv[i], error);
    }
    xs_close(store);
    return status;
}

static int read_one(struct xs_client *store, const char *path)
{
    char *value;
    size_t length;
    int error = xs_read(store, XS_NO_TX, path, &value, &length);

    if (error)
        return error;
    print_value(value, length);
    printf("\n");
    free(value);
    return 0;
}

static int list_one(struct xs_client *store, const char *path)
{
    char **names;
    size_t count;
    int error = xs_list(store, XS_NO_TX, path, &names, &count);

    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        printf("%s\n", names[i]);
    free(names);
    return 0;
}

static int remove_one(struct xs_client *store, const char *path)
{
    return xs_rm(store, XS_NO_TX, path);
}

static int exists_one(struct xs_client *store, const char *path)
{
    char *value;
    int error = xs_read(store, XS_NO_TX, path, &value, NULL);

    if (!error)
        free(value);
    return error;
}

static int store_read(int argc, char **argv)
{
    return for_each_word(argc, argv, "xenstore-read PATH...", read_one);
}

static int store_list(int argc, char **argv)
{
    return for_each_word(argc, argv, "xenstore-list PATH...", list_one);
}

static int store_rm(int argc, char **argv)
{
    return for_each_word(argc, argv, "xenstore-rm PATH...", remove_one);
}

static int store_exists(int argc, char **argv)
{
    return for_each_word(argc, argv, "xenstore-exists PATH...", exists_one);
}

static int store_write(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        return shell_usage("xenstore-write PATH VALUE [PATH VALUE...]");
    struct xs_client *store = store_open();
    int status = store ? 0 : 1;

    for (int i = 1; i < argc && !status; i += 2) {
        int error = xs_write(store, XS_NO_TX, argv[i], argv[i + 1], strlen(argv[i + 1]));

        if (error)
            status = shell_failed(argv[i], error);
    }
    xs_close(store);
    return status;
}

static int store_chmod(int argc, char **argv)
{
    if (argc < 3)
        return shell_usage("xenstore-chmod PATH PERMISSION...");
    struct xs_client *store = store_open();
    int error = store ? xs_set_perms(store, XS_NO_TX, argv[1], (const char *const *)(argv + 2),
                                     (size_t)argc - 2)
                      : -ENOMEM;

    xs_close(store);
    return error ? shell_failed(argv[1], error) : 0;
}

/* Until Ctrl-C, or the wanted number of events. */
static void watch_loop(struct xs_client *store, long count)
{
    char *path, *token;

    for (long seen = 0; !count || seen < count;) {
        int error = xs_wait_watch(store, 200000000, &path, &token);

        if (!error) {
            printf("%s\n", path);
            fflush(stdout);
            free(path);
            free(token);
            seen++;
        } else if (error != -ETIMEDOUT) {
            return;
        }
        if (!count && console_read_char_until(0) == 3)
            return;
    }
}

static int store_watch(int argc, char **argv)
{
    int first = 1;
    long count = 0;

    if (argc > 3 && !strcmp(argv[1], "-n")) {
        count = strtol(argv[2], NULL, 10);
        first = 3;
    }
    if (argc <= first)
        return shell_usage("xenstore-watch [-n COUNT] PATH...");
    struct xs_client *store = store_open();
    int error = store ? 0 : -ENOMEM;

    for (int i = first; i < argc && !error; i++)
        error = xs_watch(store, argv[i], "shell");
    if (!error)
        watch_loop(store, count);
    xs_close(store);
    return error ? shell_failed(argv[first], error) : 0;
}

static int store_control(int argc, char **argv)
{
    struct xs_client *store = store_open();
    char *answer;

    if (!store)
        return 1;
    int error = xs_control(store, argc > 1 ? argv[1] : "help", &answer);

    if (!error) {
        printf("%s%s", answer, answer[0] && answer[strlen(answer) - 1] == '\n' ? "" : "\n");
        free(answer);
    }
    xs_close(store);
    return error ? shell_failed("xenstore-control", error) : 0;
}

int shell_store_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "xenstore-ls", store_ls, "[-f] [-p] [PATH]: the tree" },
        { "xenstore-read", store_read, "PATH...: values" },
        { "xenstore-write", store_write, "PATH VALUE...: set values" },
        { "xenstore-rm", store_rm, "PATH...: remove with all below" },
        { "xenstore-list", store_list, "PATH...: children" },
        { "xenstore-exists", store_exists, "PATH...: are they there?" },
        { "xenstore-watch", store_watch, "[-n COUNT] PATH...: changes, until Ctrl-C" },
        { "xenstore-chmod", store_chmod,
          "PATH PERMISSION...: n0 r1 w2 b3, the first is the owner's" },
        { "xenstore-control", store_control, "check|statistics|quota|help: ask the store itself" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}

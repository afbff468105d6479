/*
 * dom0's shell: the command table, a line, a script, the prompt.  See shell.h.
 */
#include "shell/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hypercall-abi/sched.h"
#include "libc/files.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/kernel.h"
#include "shell/commands.h"
#include "shell/line-editor.h"
#include "shell/words.h"
#include "tasks/console-input.h"
#include "tasks/task.h"

#define COMMANDS_MAX   64
#define LINE_SIZE      1024
#define SHELL_STACK    (256u << 10) /* vmctl runs on it */
#define STATUS_SYNTAX  2
#define STATUS_UNKNOWN 127
#define SCRIPT_PATH    "/etc/paravane/script"

static const struct shell_command *commands[COMMANDS_MAX];
static size_t command_count;

int shell_command_register(const struct shell_command *command)
{
    size_t place = command_count;

    if (command_count == COMMANDS_MAX)
        return -ENOSPC;
    while (place && strcmp(commands[place - 1]->name, command->name) > 0) {
        commands[place] = commands[place - 1];
        place--;
    }
    commands[place] = command;
    command_count++;
    return 0;
}

const char *shell_command_name(size_t i)
{
    return i < command_count ? commands[i]->name : NULL;
}

static const struct shell_command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static int help(int argc, char **argv)
{
    if (argc > 1) {
        const struct shell_command *command = command_find(argv[1]);

        if (!command) {
            fprintf(stderr, "%s: no such command (help lists them)\n", argv[1]);
            return 1;
        }
        printf("%s %s\n", command->name, command->help);
        return 0;
    }
    for (size_t i = 0; i < command_count; i++)
        printf("  %-14s %s\n", commands[i]->name, commands[i]->help);
    printf(
        "Quotes, \\, # comments, ; between commands, > FILE and >> FILE as usual; ! CMD inverts, "
        "try CMD\nnever fails, time CMD says how long it took. Tab completes commands, guests and "
        "paths.\n");
    return 0;
}

static const struct shell_command help_command = { "help", help, "[COMMAND]: this list" };

static int run_words(struct words *words, char **argv, int argc)
{
    const struct shell_command *command = command_find(argv[0]);
    int *descriptor = &task_stdio(task_current())[1];
    int before = *descriptor, file = -1;

    if (!command) {
        fprintf(stderr, "%s: no such command (help lists them)\n", argv[0]);
        return STATUS_UNKNOWN;
    }
    if (words->output) {
        file = open(words->output, O_WRONLY | O_CREAT | (words->append ? O_APPEND : O_TRUNC), 0644);
        if (file < 0) {
            fprintf(stderr, "%s: %s\n", words->output, strerror(errno));
            return 1;
        }
        fflush(stdout);
        *descriptor = file;
    }
    int status = command->run(argc, argv);

    fflush(stdout);
    if (file >= 0) {
        *descriptor = before;
        close(file);
    }
    return status;
}

static void print_time(uint64_t ns)
{
    printf("time: %llu.%06llu s\n", (unsigned long long)(ns / 1000000000),
           (unsigned long long)(ns / 1000 % 1000000));
    fflush(stdout);
}

/* One command of the line. */
static int run_command(struct words *words)
{
    bool invert = false, forgive = false, timed = false;
    int first = 0;

    for (; first < words->count; first++)
        if (!strcmp(words->word[first], "!"))
            invert = !invert;
        else if (!strcmp(words->word[first], "try"))
            forgive = true;
        else if (!strcmp(words->word[first], "time"))
            timed = true;
        else
            break;
    uint64_t began = clock_monotonic_ns();
    int status =
        first < words->count ? run_words(words, words->word + first, words->count - first) : 0;

    if (timed)
        print_time(clock_monotonic_ns() - began);
    task_yield(); /* between two commands, however quick they are */
    if (invert)
        status = !status;
    return forgive ? 0 : status;
}

/* Goes through the line's commands, and runs them if asked to. */
static int walk_line(const char *line, bool run, int *status)
{
    struct words words;

    while (line) {
        int error = words_split(&words, line, &line);

        if (error)
            return error;
        int own = run ? run_command(&words) : 0;

        words_free(&words);
        *status = *status ? *status : own;
    }
    return 0;
}

/* A line that cannot be understood to its end is not begun with. */
int shell_run_line(const char *line)
{
    int status = 0, error = walk_line(line, false, &status);

    if (!error)
        error = walk_line(line, true, &status);
    if (!error)
        return status;
    fprintf(stderr, "%s\n",
            error == -EINVAL ? "syntax: quotes left open, or no file behind >" : strerror(-error));
    return STATUS_SYNTAX;
}

int shell_run_script(const char *path)
{
    struct file_pin script;
    int error = files_pin(path, &script), status = 0;
    char line[LINE_SIZE];

    if (error) {
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
        return 1;
    }
    const char *at = script.data, *end = at + script.size;

    while (at < end && !status) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);

        snprintf(line, sizeof(line), "%.*s", (int)length, at);
        at += length + 1;
        printf("dom0# %s\n", line);
        fflush(stdout);
        status = shell_run_line(line);
        if (status)
            printf("script: this line failed with status %d\n", status);
    }
    files_unpin(&script);
    return status;
}

static void prompt(void *argument)
{
    char line[LINE_SIZE];

    (void)argument;
    console_attend();
    printf("\nWelcome to Paravane. \"help\" lists the commands, \"vmctl console NAME\" shows a "
           "guest.\n");
    for (;;) {
        line_editor_read("dom0# ", line, sizeof(line), shell_complete);
        shell_run_line(line);
    }
}

static bool script_runs;

void shell_script_ends(int status)
{
    if (script_runs)
        printf("paravane-script: exit %d\n", status);
    fflush(stdout);
}

static void script(void *argument)
{
    (void)argument;
    script_runs = true;
    int status = shell_run_script(SCRIPT_PATH);

    files_end();
    shell_script_ends(status);
    kernel_shutdown(SHUTDOWN_poweroff);
}

int shell_start(void)
{
    bool scripted = !access(SCRIPT_PATH, R_OK);
    int error = shell_command_register(&help_command);

    if (!error)
        error = shell_commands_register();
    if (error)
        return error;
    return task_spawn("shell", scripted ? script : prompt, NULL, SHELL_STACK) ? 0 : -ENOMEM;
}

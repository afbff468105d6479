/*
 * vmctl console: at the keyboard, or for scripts with --send and --expect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/terminal-text.h"
#include "vmctl/command.h"
#include "vmctl/domain/comeback.h"
#include "vmctl/domain/domain.h"
#include "vmctl/expression.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define KEY_LEAVE           29 /* Ctrl-] */
#define GLANCE_NS           20000000LL
#define EXPECT_TEXT_MAX     (6u << 10) /* a match may span half of it */
#define EXPECT_TIMEOUT_NS   60000000000LL
#define INTERRUPT_GLANCE_NS 100000000LL
#define SCROLLBACK_MAX      (64u << 10) /* what the service keeps: more is printed as we look */

/* Prints text of the guest's for somebody who does not sit at its console. */
static void show_plain(struct terminal_text *shown, const char *text, size_t length)
{
    char plain[1024];

    fwrite(plain, 1, terminal_text_filter(shown, plain, text, length), stdout);
    fflush(stdout);
}

/*
 * Takes what was printed before we came: to be shown, or to be passed over.  A guest that prints
 * faster than we read does not hold us here.  *gone when it is no more.
 */
static int take_scrollback(struct platform_console *console, bool show, bool *gone)
{
    struct terminal_text shown = { 0 };
    char buffer[512];
    size_t length = 1, total = 0;
    int error = 0;

    while (!error && length && total < SCROLLBACK_MAX) {
        error = platform_console_read(console, buffer, sizeof(buffer), &length, 0);
        if (!error && show)
            show_plain(&shown, buffer, length);
        total += error ? 0 : length;
    }
    *gone = !error && !length;
    return error == -ETIMEDOUT ? 0 : error;
}

/* Copies what the guest prints to the terminal; *gone when it is no more. */
static int show_output(struct platform_console *console, int64_t timeout_ns, bool *gone)
{
    char buffer[512];
    size_t length;
    int error = platform_console_read(console, buffer, sizeof(buffer), &length, timeout_ns);

    if (error)
        return error;
    *gone = length == 0;
    platform_terminal_write(buffer, length);
    return 0;
}

/* What was typed and the guest has not taken yet. */
struct typed {
    char keys[256];
    size_t count;
};

/* What was typed since the last look goes to the guest, as far as it reads.  The key that leaves
 * is heard whether it reads or not; what it does not take is lost, and rings. */
static int pass_keys(struct platform_console *console, struct typed *typed, bool *leave)
{
    size_t written;
    char key;

    for (int i = 0; i < 64 && !platform_keyboard_read(&key, 0); i++) {
        if (key == KEY_LEAVE) {
            *leave = true;
            return 0;
        }
        if (typed->count < sizeof(typed->keys))
            typed->keys[typed->count++] = key;
        else
            platform_terminal_write("\a", 1);
    }
    if (!typed->count)
        return 0;
    int error = platform_console_write(console, typed->keys, typed->count, &written);

    if (error)
        return error;
    typed->count -= written;
    memmove(typed->keys, typed->keys + written, typed->count);
    return 0;
}

/* One life of the guest's: until the user leaves, or it ends. */
static int sit_at(uint32_t domid, bool *leave)
{
    struct platform_console *console;
    struct typed typed = { .count = 0 };
    bool gone = false;
    int error = platform_console_open(domid, &console);

    if (error) {
        fprintf(stderr, "vmctl: domain %u: its console cannot be opened: %s (does it have one?)\n",
                (unsigned int)domid, failure_reason(error));
        return error;
    }
    error = take_scrollback(console, true, &gone);
    while (!*leave && !gone && !error) {
        error = pass_keys(console, &typed, leave);
        if (!error)
            error = show_output(console, GLANCE_NS, &gone);
        if (error == -ETIMEDOUT)
            error = 0;
    }
    platform_console_close(console);
    return 0;
}

/* The guest has gone.  If it is being started again: waits until it is there, or the user leaves.
 */
static bool comes_back(const uint8_t uuid[16], uint32_t *domid, bool *leave)
{
    struct xs_client *store = xs_open();
    struct failure none = { "" };
    char name[64] = "", key = 0;

    if (!store)
        return false;
    while (!*leave && comeback_expected(store, uuid, name, sizeof(name))) {
        int error = platform_keyboard_read(&key, GLANCE_NS);

        *leave = !error && key == KEY_LEAVE;
        if (error && error != -ETIMEDOUT) /* no keyboard: that comes at once */
            platform_sleep_ns(GLANCE_NS);
    }
    bool back = !*leave && name[0] && !domain_find(store, name, domid, &none);

    xs_close(store);
    return back;
}

int console_attach(uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    bool leave = false;
    int error;

    platform_keyboard_raw(true);
    do {
        if (domain_info(domid, &info))
            memset(&info, 0, sizeof(info)); /* it is going: nothing will be known of its comeback */
        error = sit_at(domid, &leave);
    } while (!error && !leave && comes_back(info.handle, &domid, &leave));
    platform_keyboard_raw(false);
    if (!error)
        printf("\n");
    return error;
}

/* The guest's output as the expression sees it: without what steers a terminal. */
struct plain_text {
    char *text;
    size_t used;
    enum { PLAIN, ESCAPED, SEQUENCE } state;
};

/* Takes escape sequences ("ESC [ 6 n") and zeros out. */
static void plain_text_add(struct plain_text *plain, const char *data, size_t length)
{
    if (plain->used > EXPECT_TEXT_MAX / 2) { /* the oldest will not match any more */
        plain->used -= EXPECT_TEXT_MAX / 4;
        memmove(plain->text, plain->text + EXPECT_TEXT_MAX / 4, plain->used);
    }
    for (size_t i = 0; i < length; i++) {
        char c = data[i];

        if (plain->state == SEQUENCE) {
            plain->state = c >= '@' && c <= '~' ? PLAIN : SEQUENCE;
        } else if (plain->state == ESCAPED) {
            plain->state = c == '[' ? SEQUENCE : PLAIN;
        } else if (c == 27) {
            plain->state = ESCAPED;
        } else if (c) {
            plain->text[plain->used++] = c;
        }
    }
    plain->text[plain->used] = '\0';
}

/* Prints until the expression matches.  -ETIMEDOUT; -EPIPE when the guest went away; -EINTR. */
static int expect(struct platform_console *console, const struct expression *expression,
                  int64_t timeout_ns)
{
    int64_t deadline = platform_now_ns() + timeout_ns;
    struct plain_text plain = { calloc(1, EXPECT_TEXT_MAX + 1), 0, PLAIN };
    struct terminal_text shown = { 0 };
    char buffer[1024];
    int error = plain.text ? 0 : -ENOMEM;

    while (!error && !expression_matches(expression, plain.text)) {
        int64_t left = deadline - platform_now_ns();
        size_t length = 0;

        if (left <= 0 || platform_interrupted()) {
            error = left <= 0 ? -ETIMEDOUT : -EINTR;
            break;
        }
        error = platform_console_read(console, buffer, sizeof(buffer), &length,
                                      left < INTERRUPT_GLANCE_NS ? left : INTERRUPT_GLANCE_NS);
        if (error == -ETIMEDOUT) {
            error = 0;
            continue;
        }
        if (!error && !length)
            error = -EPIPE;
        show_plain(&shown, buffer, length);
        if (!error)
            plain_text_add(&plain, buffer, length);
    }
    printf("\n");
    free(plain.text);
    return error;
}

/* Types for as long as the guest takes it.  -ETIMEDOUT if it does not before the deadline. */
static int send_text(struct platform_console *console, const char *text, int64_t deadline)
{
    size_t left = strlen(text), written;

    for (;;) {
        int error = platform_console_write(console, text, left, &written);

        text += written;
        left -= written;
        if (error || !left)
            return error;
        if (platform_now_ns() >= deadline)
            return -ETIMEDOUT;
        platform_sleep_ns(GLANCE_NS);
    }
}

static int send_line(struct platform_console *console, const char *line, int64_t timeout_ns)
{
    int64_t deadline = platform_now_ns() + timeout_ns;
    int error = send_text(console, line, deadline);

    return error ? error : send_text(console, "\r", deadline);
}

static int expect_or_say(struct command_context *context, struct platform_console *console,
                         const struct expression *expression, const char *name, const char *pattern,
                         int64_t timeout_ns)
{
    int error = expect(console, expression, timeout_ns);

    if (error == -ETIMEDOUT)
        failure_set(&context->failure, error,
                    "%s: \"%s\" did not come in %lld s (raise --timeout, or look with vmctl "
                    "console)",
                    name, pattern, (long long)timeout_ns / 1000000000);
    else if (error == -EPIPE)
        failure_set(&context->failure, error,
                    "%s: ended before \"%s\" came (see its log in /var/log/xen/console)", name,
                    pattern);
    return error;
}

static int scripted(struct command_context *context, uint32_t domid, const char *name,
                    const char *line, const char *pattern, int64_t timeout_ns)
{
    struct expression *expression = expression_compile(pattern ? pattern : "");
    struct platform_console *console;

    if (!expression) {
        fprintf(stderr, "vmctl: %s: not a regular expression (check its brackets)\n", pattern);
        return STATUS_USAGE;
    }
    int error = platform_console_open(domid, &console);

    if (error) {
        expression_free(expression);
        return command_failed(context, error, name);
    }
    if (line) {
        bool gone;

        take_scrollback(console, false, &gone);
        error = send_line(console, line, timeout_ns);
        if (error == -ETIMEDOUT)
            failure_set(&context->failure, error,
                        "%s: it does not read what is typed (look with vmctl console)", name);
    }
    if (!error && pattern)
        error = expect_or_say(context, console, expression, name, pattern, timeout_ns);
    platform_console_close(console);
    expression_free(expression);
    return error ? command_failed(context, error, name) : 0;
}

int command_console(struct command_context *context, int argc, char **argv)
{
    const char *line = NULL, *pattern = NULL, *timeout = NULL;
    uint32_t domid;

    command_option(&argc, argv, "--send", &line);
    command_option(&argc, argv, "--expect", &pattern);
    command_option(&argc, argv, "--timeout", &timeout);
    int64_t timeout_ns = timeout ? command_seconds(timeout) : EXPECT_TIMEOUT_NS;

    if (argc != 2 || argv[1][0] == '-' || timeout_ns < 0)
        return command_usage(context);
    if (domain_find(context->store, argv[1], &domid, &context->failure))
        return command_failed(context, -ESRCH, argv[1]);
    if (!domid) {
        failure_set(&context->failure, -EINVAL, "%s: not for dom0 itself (name a guest)", argv[1]);
        return command_failed(context, -EINVAL, argv[1]);
    }
    if (line || pattern)
        return scripted(context, domid, argv[1], line, pattern, timeout_ns);
    return console_attach(domid) ? STATUS_FAILED : 0;
}

/*
 * The keyboard's task: it sets the controller up, greets the keyboard, and from then on turns codes
 * into typing.  The screen belongs to the hypervisor, which is asked to show what went by.
 */
#include "devices/keyboard.h"
#include "devices/acpi-keyboard.h"
#include "devices/keyboard-controller.h"
#include "devices/keyboard-keys.h"
#include "hypercall-abi/errno.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/console.h"
#include "pv-kernel/kernel.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TELL_LIGHTS 0xed /* a byte with these bits follows */
#define LIGHT_NUM   0x02u
#define LIGHT_CAPS  0x04u
#define TELL_ON     0xf4 /* send what is typed */

#define TRIES     3
#define ANSWER_NS 100000000ULL /* it answers within 20 ms */

static struct keys keys;
static unsigned int lights; /* as they were told last */
static bool greeted, scrolled;

static void show(int half_screens)
{
    scrolled = console_scroll(half_screens) > 0;
}

static void take(uint8_t code)
{
    enum key_meaning meaning = keys_take(&keys, code);

    if (meaning == KEY_TEXT && scrolled)
        show(INT_MIN);
    if (meaning == KEY_TEXT || meaning == KEY_PAGE)
        console_type(keys.text, keys.text_length);
    if (meaning == KEY_SHOW_EARLIER)
        show(1);
    if (meaning == KEY_SHOW_LATER)
        show(-1);
    if (meaning == KEY_PLUGGED)
        greeted = false;
}

/* Whether the keyboard accepted the byte; keys that come before its answer are not lost. */
static bool tell(uint8_t byte)
{
    uint8_t answer;

    for (unsigned int i = 0; i < TRIES; i++) {
        uint64_t deadline = clock_monotonic_ns() + ANSWER_NS;

        if (!keyboard_controller_send(byte))
            return false;
        do {
            if (!keyboard_controller_read(&answer, deadline))
                return false;
            if (answer == KEYBOARD_ACCEPTED)
                return true;
            if (answer != KEYBOARD_AGAIN)
                take(answer);
        } while (answer != KEYBOARD_AGAIN);
    }
    return false;
}

static unsigned int lights_wanted(void)
{
    return (keys.caps_lock ? LIGHT_CAPS : 0) | (keys.num_lock ? LIGHT_NUM : 0);
}

static void tell_lights(void)
{
    lights = lights_wanted();
    if (tell(TELL_LIGHTS))
        tell((uint8_t)lights);
}

/* What a keyboard does not do it leaves: many of them are programs that play one. */
static void look_after(void)
{
    if (!greeted) {
        greeted = true;
        tell_lights();
        tell(TELL_ON);
    } else if (lights != lights_wanted()) {
        tell_lights();
    }
}

static bool is_denied(void)
{
    struct acpi_tables tables;
    bool denied;

    acpi_tables_read(&tables);
    denied = acpi_denies_keyboard(&tables);
    acpi_tables_free(&tables);
    return denied;
}

static void run(void *arg)
{
    uint8_t code;
    int error;

    (void)arg;
    greeted = scrolled = false;
    if (is_denied() || !keyboard_controller_find())
        return;
    error = keyboard_controller_start();
    if (error) {
        printf("keyboard: does not start: %s\n", strerror(-error));
        return;
    }
    for (;;) {
        look_after();
        if (!keyboard_controller_read(&code, KEYBOARD_FOREVER))
            break;
        take(code);
    }
    printf("keyboard: its controller sends without end: it is not listened to any more\n");
}

/* The last "keymap=" on the command line. */
static const struct keymap *map_wanted(const char *command_line)
{
    const struct keymap *map = &keymap_us;
    char name[32] = "us", names[64];

    for (const char *at = command_line; *at;) {
        size_t length = strcspn(at, " ");

        if (!strncmp(at, "keymap=", 7))
            snprintf(name, sizeof(name), "%.*s", (int)length - 7, at + 7);
        at += length;
        at += strspn(at, " ");
    }
    map = keymap_find(name);
    if (map)
        return map;
    keymap_names(names, sizeof(names));
    printf("keyboard: keymap=%s: there is no such map, but %s: us is used\n", name, names);
    return &keymap_us;
}

int keyboard_start(const char *command_line)
{
    if (!kernel_is_initial_domain())
        return 0;
    keys = (struct keys){ .map = map_wanted(command_line) };
    return task_spawn("keyboard", run, NULL, 0) ? 0 : -XEN_ENOMEM;
}

/* The United States' keyboard; the key it does not have is a second backslash. */
#include "devices/keymap.h"

const struct keymap keymap_us = {
    .name = "us",
    .rows = {
        { "`1234567890-=", "~!@#$%^&*()_+" },
        { "qwertyuiop[]", "QWERTYUIOP{}" },
        { "asdfghjkl;'\\", "ASDFGHJKL:\"|" },
        { "\\zxcvbnm,./", "|ZXCVBNM<>?" },
    },
};

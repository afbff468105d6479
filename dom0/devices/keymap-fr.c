/*
 * The French keyboard (azerty), without letters with accents, the degree, the pound and the euro:
 * the digits are behind Shift.
 */
#include "devices/keymap.h"

const struct keymap keymap_fr = {
    .name = "fr",
    .rows = {
        { " & \"'(- _  )=", " 1234567890 +", "  ~#{[|`\\^@]}" },
        { "azertyuiop^$", "AZERTYUIOP" },
        { "qsdfghjklm *", "QSDFGHJKLM%" },
        { "<wxcvbn,;:!", ">WXCVBN?./" },
    },
};

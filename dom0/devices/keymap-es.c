/* Spain's keyboard, without letters with signs, ordinals, the inverted marks, the dot and the euro.
 */
#include "devices/keymap.h"

const struct keymap keymap_es = {
    .name = "es",
    .rows = {
        { " 1234567890' ", " !\" $%&/()=? ", "\\|@#~ " },
        { "qwertyuiop`+", "QWERTYUIOP^*", "          []" },
        { "asdfghjkl   ", "ASDFGHJKL", "          {}" },
        { "<zxcvbnm,.-", ">ZXCVBNM;:_" },
    },
};

/* Key maps: where a key stands in them, and which there are. */
#include "devices/keymap.h"
#include <string.h>

static const struct keymap *const maps[] = { &keymap_us, &keymap_uk, &keymap_de,
                                             &keymap_fr, &keymap_es, &keymap_it };

#define MAPS (sizeof(maps) / sizeof(*maps))

/* Codes of neighbouring keys follow each other: IBM's PS/2 reference, "Keyboards", scan code set 1.
 */
static const struct {
    uint8_t first, last, row, column;
} places[] = {
    { 0x29, 0x29, 0, 0 },  { 0x02, 0x0d, 0, 1 }, { 0x10, 0x1b, 1, 0 }, { 0x1e, 0x28, 2, 0 },
    { 0x2b, 0x2b, 2, 11 }, { 0x56, 0x56, 3, 0 }, { 0x2c, 0x35, 3, 1 },
};

char keymap_character(const struct keymap *map, uint8_t code, enum keymap_layer layer)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *row = map->rows[places[i].row][layer];
        size_t column = (size_t)places[i].column + code - places[i].first;

        if (code < places[i].first || code > places[i].last)
            continue;
        return row && column < strlen(row) && row[column] != ' ' ? row[column] : 0;
    }
    return 0;
}

bool keymap_has_altgr(const struct keymap *map)
{
    for (size_t row = 0; row < KEYMAP_ROWS; row++)
        if (map->rows[row][KEYMAP_ALTGR])
            return true;
    return false;
}

const struct keymap *keymap_find(const char *name)
{
    for (size_t i = 0; i < MAPS; i++)
        if (!strcmp(maps[i]->name, name))
            return maps[i];
    return NULL;
}

void keymap_names(char *names, size_t size)
{
    size_t used = 0;

    names[0] = '\0';
    for (size_t i = 0; i < MAPS && used + strlen(maps[i]->name) + 2 <= size; i++) {
        if (i)
            names[used++] = ' ';
        strcpy(names + used, maps[i]->name);
        used += strlen(maps[i]->name);
    }
}

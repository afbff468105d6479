/*
 * Which key was meant.  See nearest-key.h.
 *
 * Slips are letters left out, put in, changed, or two neighbours the wrong way round.
 */
#include "vmctl/config/nearest-key.h"

#include <string.h>

#define LETTERS_MAX 64

static unsigned int least_of(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* Row by row of the table "slips from the first i letters of a to the first j of b"; the last three
 * rows are all that is looked at. */
static unsigned int slips_between(const char *a, const char *b)
{
    unsigned int rows[3][LETTERS_MAX + 1];
    size_t length = strlen(b);

    if (strlen(a) > LETTERS_MAX || length > LETTERS_MAX)
        return LETTERS_MAX;
    for (size_t j = 0; j <= length; j++)
        rows[0][j] = (unsigned int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        row[0] = (unsigned int)i;
        for (size_t j = 1; j <= length; j++) {
            row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least_of(row[j], least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least_of(row[j], before[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][length];
}

void nearest_key_begin(struct nearest_key *nearest, const char *key)
{
    *nearest = (struct nearest_key){ key, NULL, (unsigned int)strlen(key) / 3 + 1 };
}

void nearest_key_try(struct nearest_key *nearest, const char *name)
{
    unsigned int slips = slips_between(nearest->key, name);

    if (slips < nearest->slips) {
        nearest->slips = slips;
        nearest->name = name;
    }
}

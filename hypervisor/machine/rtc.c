/* Its registers are read twice, until nothing has changed in between.  The year has two digits, of
 * 1970 to 2069: a register for the century is only where a FADT says so. */
#include "machine/rtc.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/registers.h"

#define REGISTER_A 10
#define REGISTER_B 11
#define UPDATING   0x80 /* in A: for 2 ms at most */
#define IN_24H     2    /* in B */
#define IN_BINARY  4
#define PM         0x80 /* in the hours, if they are twelve */

#define PATIENCE_NS (10 * 1000 * 1000UL)

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };

static uint8_t cmos(uint8_t index)
{
    port_outb(0x70, index);
    return port_inb(0x71);
}

static bool fields_read(uint8_t *field)
{
    static const uint8_t index[FIELDS] = { 0, 2, 4, 7, 8, 9 };
    uint64_t end = clock_now() + PATIENCE_NS;

    while (cmos(REGISTER_A) & UPDATING) {
        if (clock_now() > end)
            return false;
        cpu_pause();
    }
    for (unsigned i = 0; i < FIELDS; i++)
        field[i] = cmos(index[i]);
    return true;
}

static uint8_t from_bcd(uint8_t v)
{
    return (uint8_t)((v >> 4) * 10 + (v & 0xf));
}

static void to_binary_24h(uint8_t *field, uint8_t mode)
{
    bool afternoon = field[HOUR] & PM && !(mode & IN_24H);

    if (afternoon)
        field[HOUR] &= (uint8_t)~PM;
    for (unsigned i = 0; i < FIELDS && !(mode & IN_BINARY); i++)
        field[i] = from_bcd(field[i]);
    if (!(mode & IN_24H))
        field[HOUR] = (uint8_t)(field[HOUR] % 12 + (afternoon ? 12 : 0));
}

/* Days since 1970 of a Gregorian date; after H. Hinnant's days_from_civil. */
static uint64_t days_from_civil(unsigned y, unsigned m, unsigned d)
{
    unsigned era, yoe, doy, doe;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3U : 9U)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (uint64_t)era * 146097 + doe - 719468;
}

static bool is_a_time(const uint8_t *f)
{
    return f[SECOND] < 60 && f[MINUTE] < 60 && f[HOUR] < 24 && f[DAY] >= 1 && f[DAY] <= 31 &&
           f[MONTH] >= 1 && f[MONTH] <= 12 && f[YEAR] < 100;
}

bool rtc_read(uint64_t *seconds)
{
    uint8_t f[FIELDS], again[FIELDS];
    unsigned tries = 0;

    do {
        if (tries++ == 4 || !fields_read(f) || !fields_read(again))
            return false;
    } while (memcmp(f, again, FIELDS) != 0);
    to_binary_24h(f, cmos(REGISTER_B));
    if (!is_a_time(f))
        return false;
    *seconds = days_from_civil((f[YEAR] < 70 ? 2000U : 1900U) + f[YEAR], f[MONTH], f[DAY]) * 86400 +
               f[HOUR] * 3600U + f[MINUTE] * 60U + f[SECOND];
    return true;
}

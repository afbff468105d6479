/*
 * The two CPUs take turns: the boot CPU reads its TSC, hands over, and reads again when the other
 * one has read its own in between.  What was read later must not be less.
 */
#include "boot/tsc-check.h"
#include "lib/atomic.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/registers.h"

#define ROUNDS 32
/* A round takes some hundred nanoseconds.  Where the CPUs are an emulator's threads, and take turns
 * on a CPU of its host, it takes a time slice, and is worth nothing: then so long, and one round
 * more. */
#define ENOUGH_NS (10 * 1000 * 1000UL)
#define TURN_NS   (5 * 1000 * 1000 * 1000UL)

/* Odd: the new CPU's turn.  Partners: each side's stores before it are seen by the other's loads
 * after it. */
static uint64_t turn, reading;
static bool here;
static uint64_t adjustment; /* the boot CPU's */
static bool adjust;         /* the CPU being started is to have it, too */
static enum { UNDECIDED, FITS, DIFFERS } verdict;

/* Not earlier than what stands before it in the program. */
static uint64_t tsc_in_order(void)
{
    uint64_t t;

    __asm__ volatile("mfence; lfence" ::: "memory");
    t = tsc_read();
    __asm__ volatile("lfence" ::: "memory");
    return t;
}

void tsc_check_init(void)
{
    if (cpu_features.tsc_adjust)
        adjustment = msr_read(MSR_TSC_ADJUST);
}

void tsc_check_answer(void)
{
    if (adjust && msr_read(MSR_TSC_ADJUST) != adjustment)
        msr_write(MSR_TSC_ADJUST, adjustment);
    atomic_store(&here, true);
    /* The verdict is on this CPU once it has had a turn. */
    for (bool asked = false; !asked || atomic_load(&verdict) == UNDECIDED;) {
        uint64_t mine = atomic_load(&turn);

        if (mine & 1) {
            asked = true;
            reading = tsc_in_order();
            atomic_store(&turn, mine + 1);
        } else {
            cpu_pause();
        }
    }
    while (atomic_load(&verdict) == DIFFERS)
        __asm__ volatile("cli; hlt");
}

void tsc_check_begin(bool adjusted)
{
    adjust = adjusted && cpu_features.tsc_adjust;
    atomic_store(&here, false); /* one that was given up may have come after all */
    atomic_store(&turn, 0);
    atomic_store(&verdict, UNDECIDED);
}

/* The other CPU's turn is over.  False: something happened to it. */
static bool turn_ends(uint64_t theirs)
{
    uint64_t end = clock_now() + TURN_NS;

    while (atomic_load(&turn) == theirs) {
        if (clock_now() > end)
            return false;
        cpu_pause();
    }
    return true;
}

bool tsc_check_ask(uint64_t *cycles_apart)
{
    uint64_t end, theirs = 1;

    *cycles_apart = 0;
    for (unsigned tries = 0; !atomic_load(&here); tries++) {
        if (tries == 1000)
            return false;
        clock_delay(100 * 1000);
    }
    here = false;
    end = clock_now() + ENOUGH_NS;
    do {
        uint64_t before = tsc_in_order(), after;

        atomic_store(&turn, theirs);
        if (!turn_ends(theirs))
            return false;
        after = tsc_in_order();
        *cycles_apart = max(*cycles_apart, tsc_misfit(before, reading, after));
        theirs += 2;
    } while (theirs < 2 * ROUNDS && clock_now() < end);
    return true;
}

void tsc_check_verdict(bool fits)
{
    atomic_store(&verdict, fits ? FITS : DIFFERS);
}

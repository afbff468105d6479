/* See machine-check.h.  Sections are those of the SDM, volume 3, December 2023. */
#include "machine/machine-check.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "limits.h"
#include "machine/cpu-features.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"

#define CAP_BANKS       0xffU
#define BANKS_MAX       32U /* behind them other MSRs begin: appendix B.1 */
#define CAP_CTL         BIT(8)
#define CAP_RECOVERY    BIT(24) /* the status tells S and AR */
#define MCG_RESTART     BIT(0)  /* where it hit can be gone on with */
#define BANK_CTL(i)     (0x400U + 4 * (i))
#define BANK_STATUS(i)  (0x401U + 4 * (i))
#define BANK_ADDRESS(i) (0x402U + 4 * (i))

#define STATUS_VALID       BIT(63)
#define STATUS_UNCORRECTED BIT(61)
#define STATUS_HAS_ADDRESS BIT(58)
#define STATUS_CORRUPT     BIT(57) /* the processor's own state is not to be trusted */
#define STATUS_SIGNALLED   BIT(56)
#define STATUS_ACTION      BIT(55) /* what was about to be used is wrong */

/* The last one of a CPU, written by its exception alone. */
static struct {
    uint64_t status, address;
    unsigned bank, count;
} noted[MAX_CPUS];

static unsigned banks(void)
{
    if (!cpu_features.machine_checks)
        return 0;
    return min((unsigned)(msr_read(MSR_MCG_CAP) & CAP_BANKS), BANKS_MAX);
}

/* 16.3.2.1: the firmware's on old ones. */
static unsigned first_to_arm(void)
{
    uint32_t a = cpuid(1, 0).a, family = a >> 8 & 0xf, model = (a >> 4 & 0xf) | (a >> 12 & 0xf0);

    return !cpu_features.amd && family == 6 && model < 0x1a;
}

static void note(unsigned bank, uint64_t status)
{
    unsigned id = this_cpu()->id;

    noted[id].status = status;
    noted[id].address = status & STATUS_HAS_ADDRESS ? msr_read(BANK_ADDRESS(bank)) : 0;
    noted[id].bank = bank;
    noted[id].count++;
}

static void tell(unsigned id)
{
    unsigned count = noted[id].count;

    if (!count)
        return;
    noted[id].count = 0;
    log_warning("machine check on CPU %u: %u error%s, the last in bank %u: status %lx, address %lx",
                id, count, count > 1 ? "s" : "", noted[id].bank, noted[id].status,
                noted[id].address);
}

void machine_check_tell(void)
{
    tell(this_cpu()->id);
}

void machine_check_tell_all(void)
{
    for (unsigned id = 0; id < MAX_CPUS; id++)
        tell(id);
}

/* Which of a bank's errors are to be told.  AMD's family 0fh counts walks of the graphics aperture
 * that found nothing, which speculation causes: 10 of bank 4 is off (BKDG 32559, 5.6.4.2). */
static uint64_t bank_errors(unsigned bank)
{
    bool k8 = cpu_features.amd && (cpuid(1, 0).a >> 8 & 0xff00f) == 0xf;

    return bank == 4 && k8 ? ~BIT(10) : UINT64_MAX;
}

void machine_check_init(void)
{
    unsigned count = banks();

    if (!count)
        return;
    if (msr_read(MSR_MCG_CAP) & CAP_CTL)
        msr_write(MSR_MCG_CTL, UINT64_MAX);
    for (unsigned i = 0; i < count; i++) {
        uint64_t status = msr_read(BANK_STATUS(i));

        if (status & STATUS_VALID)
            note(i, status);
        msr_write(BANK_STATUS(i), 0);
        if (i >= first_to_arm())
            msr_write(BANK_CTL(i), bank_errors(i));
    }
    if (noted[this_cpu()->id].count)
        log_warning("what follows was found before this boot");
    machine_check_tell();
}

/* Whether this is what the exception is about, or one of those that are. */
static bool is_signalled(uint64_t status)
{
    return (status & STATUS_VALID) && (status & STATUS_SIGNALLED);
}

/*
 * 16.6.3: corrected, or uncorrected, but nobody was about to use it (SRAO).  Those that no
 * exception is made for (UCNA) stay in their banks until another one's comes.
 */
static bool is_survivable(uint64_t status, bool other_signalled)
{
    if (status & STATUS_CORRUPT)
        return false;
    if (!(status & STATUS_UNCORRECTED))
        return true;
    if (!(msr_read(MSR_MCG_CAP) & CAP_RECOVERY))
        return false;
    return is_signalled(status) ? !(status & STATUS_ACTION) : other_signalled;
}

bool machine_check_survived(void)
{
    unsigned count = banks();
    bool survived = count && (msr_read(MSR_MCG_STATUS) & MCG_RESTART), signalled = false;

    for (unsigned i = 0; i < count; i++)
        signalled |= is_signalled(msr_read(BANK_STATUS(i)));
    for (unsigned i = 0; i < count; i++) {
        uint64_t status = msr_read(BANK_STATUS(i));

        if (!(status & STATUS_VALID))
            continue;
        note(i, status);
        /* What ends us stays there, for firmware after the reset; and it is the one to be told. */
        if (!is_survivable(status, signalled))
            return false;
        msr_write(BANK_STATUS(i), 0);
    }
    if (survived)
        msr_write(MSR_MCG_STATUS, 0);
    return survived;
}

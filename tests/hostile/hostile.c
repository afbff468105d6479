/*
 * A guest that does not behave: its command line says how, and for how many milliseconds if not
 * for two seconds.  Run by tests/system/test_hostile.py beside the demo guest, which must not
 * notice, and by test_interrupts_off.py.
 *
 * Each case ends by crashing, by powering off, or not at all (then it is destroyed).
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/rings/console.h"
#include "hypercall-abi/rings/xenstore.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"

#define MILLISECOND_NS 1000000ULL

static uint64_t lasting = 2000 * MILLISECOND_NS;

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Our address of a frame of ours. */
static void *address_of(uint64_t mfn)
{
    for (uint64_t pfn = 0; pfn < frames_total(); pfn++)
        if (frames_pfn_to_mfn(pfn) == mfn)
            return (void *)(pfn * PAGE_SIZE);
    return NULL;
}

static void notify(evtchn_port_t port)
{
    struct evtchn_send send = { .port = port };

    hypercall_event_channel_op(EVTCHNOP_send, HYPERCALL_ARG(&send));
}

/* What it did to its console may keep it from ever saying another word: it goes without one. */
static void go_silently(void)
{
    struct sched_shutdown how = { .reason = SHUTDOWN_poweroff };

    hypercall_sched_op(SCHEDOP_shutdown, HYPERCALL_ARG(&how));
}

/* No handler for anything, then a fault: nowhere to go. */
static void triple_fault(void)
{
    hypercall_set_trap_table(0);
    __asm__ volatile("mov $0x123456, %rsp; ud2");
}

static void write_page_table(void)
{
    *(volatile uint64_t *)start_info->pt_base = 0;
}

static void jump_to_hypervisor(void)
{
    *(volatile uint64_t *)HYPERVISOR_VIRT_START = 1;
    *(volatile uint64_t *)0xffff830000000000UL = 1;
}

/* A table of our own making as the root, and pins of everything there is. */
static void wild_pins(void)
{
    struct mmuext_op op;

    for (uint64_t end = clock_monotonic_ns() + lasting; clock_monotonic_ns() < end;) {
        op.cmd = (uint32_t)(random_word() % 22);
        op.arg1.mfn = random_word() % 4 ? frames_pfn_to_mfn(random_word() % frames_total())
                                        : random_word() >> (random_word() % 64);
        op.arg2.src_mfn = random_word() >> (random_word() % 64);
        if (op.cmd == MMUEXT_NEW_BASEPTR || op.cmd == MMUEXT_NEW_USER_BASEPTR)
            continue; /* would end us early */
        if (op.cmd == MMUEXT_CLEAR_PAGE || op.cmd == MMUEXT_COPY_PAGE)
            op.arg1.mfn |= 1UL << 40; /* not our own code */
        hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, random_word() % 3 ? DOMID_SELF : 0);
    }
}

static uint64_t wild_argument(void)
{
    static uint64_t buffer[512];

    switch (random_word() % 6) {
    case 0:
        return random_word() % 40;
    case 1:
        return (uint64_t)buffer + random_word() % sizeof(buffer);
    case 2:
        return 0xffff830000000000UL + random_word() % (1UL << 30);
    case 3:
        return random_word();
    case 4:
        /* Not where our own code and stack are: what is written there would end us. */
        return random_word() % 2 ? 1UL << (random_word() % 12) : 1UL << (23 + random_word() % 41);
    default:
        for (unsigned int i = 0; i < 8; i++)
            buffer[random_word() % 512] = random_word() >> (random_word() % 64);
        return (uint64_t)buffer;
    }
}

/* Any hypercall with anything, but for those that would merely end us. */
static void wild_hypercalls(void)
{
    /* By count: one of them may take our clock away. */
    for (uint64_t i = 0; i < 50 * (lasting / MILLISECOND_NS); i++) {
        uint64_t number = random_word() % 64;

        switch (number) {
        case HYPERCALL_NR_iret:
        case HYPERCALL_NR_sched_op:
        case HYPERCALL_NR_set_trap_table:
        case HYPERCALL_NR_set_gdt:
        case HYPERCALL_NR_stack_switch:
        case HYPERCALL_NR_set_segment_base:
        case HYPERCALL_NR_set_callbacks:
        case HYPERCALL_NR_callback_op:
        case HYPERCALL_NR_update_va_mapping:
        case HYPERCALL_NR_vm_assist:
        case HYPERCALL_NR_vcpu_op:
            continue;
        default:
            break;
        }
        uint64_t first = number == HYPERCALL_NR_multicall ? 0 : wild_argument();

        hypercall_raw(number, first, wild_argument(), wild_argument(), wild_argument(),
                      wild_argument());
    }
    go_silently();
}

static void event_storm(void)
{
    for (uint64_t end = clock_monotonic_ns() + lasting; clock_monotonic_ns() < end;) {
        notify(start_info->store_evtchn);
        notify(start_info->console.domU.evtchn);
    }
}

/* Requests of random bytes, as fast as they are taken. */
static void store_storm(void)
{
    struct xenstore_domain_interface *ring = address_of(start_info->store_mfn);

    for (uint64_t end = clock_monotonic_ns() + lasting; clock_monotonic_ns() < end;) {
        struct xsd_sockmsg header = { (uint32_t)(random_word() % 24), 1, 0,
                                      (uint32_t)(random_word() % 64) };
        const char *bytes = (const char *)&header;

        if (ring->req_prod - ring->req_cons > XENSTORE_RING_SIZE - 128) {
            ring->rsp_cons = ring->rsp_prod;
            notify(start_info->store_evtchn);
            continue;
        }
        for (size_t i = 0; i < sizeof(header); i++)
            ring->req[ring->req_prod++ % XENSTORE_RING_SIZE] = bytes[i];
        for (uint32_t i = 0; i < header.len; i++)
            ring->req[ring->req_prod++ % XENSTORE_RING_SIZE] = (char)random_word();
        ring->rsp_cons = ring->rsp_prod;
        notify(start_info->store_evtchn);
    }
}

static void wild_rings(void)
{
    struct xenstore_domain_interface *store = address_of(start_info->store_mfn);
    struct xencons_interface *console = address_of(start_info->console.domU.mfn);

    for (uint64_t end = clock_monotonic_ns() + lasting; clock_monotonic_ns() < end;) {
        store->req_prod = (uint32_t)random_word();
        store->rsp_cons = (uint32_t)random_word();
        store->req_cons = (uint32_t)random_word();
        store->connection = (uint32_t)random_word() % 3;
        console->out_prod = (uint32_t)random_word();
        console->in_cons = (uint32_t)random_word();
        console->out_cons = (uint32_t)random_word();
        notify(start_info->store_evtchn);
        notify(start_info->console.domU.evtchn);
    }
    go_silently();
}

static void console_flood(void)
{
    for (uint64_t end = clock_monotonic_ns() + lasting; clock_monotonic_ns() < end;)
        kprintf("flood flood flood flood flood flood flood flood flood flood flood flood\n");
}

static void spin(void)
{
    for (;;)
        __asm__ volatile("pause");
}

/* Whether the command line is for this case. */
static bool is_meant(const char *name, const char *line)
{
    uint64_t milliseconds = 0;

    while (*name && *name == *line)
        name++, line++;
    if (*name || (*line && *line != ' '))
        return false;
    while (*line == ' ')
        line++;
    for (; *line >= '0' && *line <= '9'; line++)
        milliseconds = milliseconds * 10 + (uint64_t)(*line - '0');
    if (milliseconds)
        lasting = milliseconds * MILLISECOND_NS;
    return true;
}

void guest_main(struct start_info *si)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        { "triple-fault", triple_fault },
        { "write-page-table", write_page_table },
        { "jump-to-hypervisor", jump_to_hypervisor },
        { "wild-pins", wild_pins },
        { "wild-hypercalls", wild_hypercalls },
        { "event-storm", event_storm },
        { "store-storm", store_storm },
        { "wild-rings", wild_rings },
        { "console-flood", console_flood },
        { "spin", spin },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (is_meant(cases[i].name, (const char *)si->cmd_line)) {
            kprintf("hostile: %s\n", cases[i].name);
            cases[i].run();
            kprintf("hostile: %s done\n", cases[i].name);
            kernel_shutdown(SHUTDOWN_poweroff);
        }
    kprintf("hostile: no such case\n");
    kernel_shutdown(SHUTDOWN_crash);
}

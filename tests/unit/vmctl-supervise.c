/*
 * Watching over guests: the service sleeps for none of them, goes on without memory, and lets one
 * that dies at once wait longer each time.  Store, hypervisor and clock are fakes.
 *
 * Sources: tools/vmctl/domain/supervise.c tools/vmctl/domain/comeback.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hypercall-abi/sched.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define SECOND 1000000000LL

/* The world: guests by number, which have ended or not. */
static bool ended[100];
static unsigned int starts[100], next_domid; /* starts: by the config's kind */
static int64_t now, stop_at;
static int64_t life; /* that each guest has, from its start; 0: they live on */
static int64_t ends_at[100];
static unsigned int memory_errors;
static unsigned int told_of; /* whom events are about; 0: they do not say */
static jmp_buf over;

static void (*service)(void *);
static struct aside {
    void (*function)(void *);
    void *argument;
} asides[16];
static unsigned int aside_count;
static bool run_asides;

int platform_background(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    (void)argument;
    service = function;
    return 0;
}

int platform_aside(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    if (run_asides)
        function(argument);
    else
        asides[aside_count++] = (struct aside){ function, argument };
    return 0;
}

static void time_passes(int64_t ns)
{
    now += ns;
    for (unsigned int i = 0; i < 100; i++)
        if (ends_at[i] && now >= ends_at[i])
            ended[i] = true;
    if (now >= stop_at)
        longjmp(over, 1);
}

int64_t platform_now_ns(void)
{
    return now;
}

void platform_sleep_ns(uint64_t duration_ns)
{
    time_passes((int64_t)duration_ns);
}

bool platform_interrupted(void)
{
    return false;
}

static char token;

struct xs_client *xs_open(void)
{
    return (struct xs_client *)&token;
}

void xs_close(struct xs_client *client)
{
    (void)client;
}

int xs_watch(struct xs_client *client, const char *path, const char *of)
{
    (void)client;
    (void)path;
    (void)of;
    return 0;
}

/* Events say whom they are about where there is something to say. */
int xs_watch_domains(struct xs_client *client, const char *path, const char *of)
{
    return xs_watch(client, path, of);
}

bool xs_event_domain(const char *path, uint32_t *domid)
{
    if (path[0] == '@')
        *domid = (uint32_t)atoi(path + 1);
    return path[0] == '@';
}

int domain_set_name(struct xs_client *client, uint32_t domid, const char *name)
{
    (void)client;
    (void)domid;
    (void)name;
    return 0;
}

/* An event each 10 ms, some of which find no memory. */
int xs_read(struct xs_client *client, uint32_t tx, const char *path, char **value, size_t *length)
{
    (void)client;
    (void)tx;
    (void)path;
    (void)value;
    (void)length;
    return -ENOENT;
}

int xs_wait_watch(struct xs_client *client, int64_t timeout_ns, char **path, char **of)
{
    (void)client;
    time_passes(timeout_ns >= 0 && timeout_ns < SECOND / 100 ? timeout_ns : SECOND / 100);
    if (memory_errors) {
        memory_errors--;
        return -ENOMEM;
    }
    *path = calloc(1, 16);
    *of = calloc(1, 1);
    if (told_of)
        snprintf(*path, 16, "@%u", told_of);
    return 0;
}

/* The node that says of a guest that it comes back: there from before its end until it is back. */
static bool comes_back;

int xs_printf(struct xs_client *client, uint32_t tx, const char *path, const char *format, ...)
{
    (void)client;
    (void)tx;
    (void)format;
    comes_back |= !strncmp(path, "/local/domain/0/restarting-", 27);
    return 0;
}

int xs_rm(struct xs_client *client, uint32_t tx, const char *path)
{
    (void)client;
    (void)tx;
    assert_true(comes_back && !strncmp(path, "/local/domain/0/restarting-", 27));
    comes_back = false;
    return 0;
}

void devices_nodes_remove(struct xs_client *store, uint32_t domid);

void devices_nodes_remove(struct xs_client *store, uint32_t domid)
{
    (void)store;
    (void)domid;
}

int domain_info(uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->flags = ended[domid] ? XEN_DOMINF_shutdown : 0;
    return 0;
}

uint32_t domain_end_reason(const struct xen_domctl_getdomaininfo *info)
{
    (void)info;
    return SHUTDOWN_reboot;
}

const char *domain_end_reason_name(uint32_t reason)
{
    (void)reason;
    return "";
}

void failure_print(const struct failure *failure, int error, const char *what)
{
    (void)failure;
    (void)error;
    (void)what;
}

int domain_start(struct domain_config *config, struct xs_client *store, uint32_t *domid,
                 struct failure *failure)
{
    (void)store;
    (void)failure;
    *domid = next_domid++;
    assert_true(*domid < 100);
    assert_true(comes_back);
    starts[config->vcpus]++; /* which config it is */
    ends_at[*domid] = life ? now + life : 0;
    return 0;
}

int domain_unpause(uint32_t domid)
{
    (void)domid;
    return 0;
}

int domain_end(struct xs_client *store, uint32_t domid, struct failure *failure)
{
    (void)store;
    (void)domid;
    (void)failure;
    assert_true(comes_back);
    return 0;
}

static void supervise(unsigned int kind, uint32_t domid)
{
    struct domain_config *config = calloc(1, sizeof(*config));

    config->vcpus = kind;
    config->on_reboot = END_RESTART;
    assert_int_equal(domain_supervise_in_background(config, domid), 0);
}

static void service_runs_until(int64_t time)
{
    stop_at = time;
    if (!setjmp(over))
        service(NULL);
}

static int setup(void **state)
{
    (void)state;
    memset(ended, 0, sizeof(ended));
    memset(ends_at, 0, sizeof(ends_at));
    memset(starts, 0, sizeof(starts));
    next_domid = 10;
    life = 0;
    aside_count = memory_errors = told_of = 0;
    comes_back = false;
    run_asides = true;
    return 0;
}

static void one_that_takes_long_delays_no_other(void **state)
{
    (void)state;
    run_asides = false; /* the first one's disk hangs */
    supervise(1, 1);
    supervise(2, 2);
    ended[1] = true;
    service_runs_until(now + SECOND);
    assert_int_equal(aside_count, 1);
    ended[2] = true;
    service_runs_until(now + SECOND);
    assert_int_equal(aside_count, 2);
    asides[1].function(asides[1].argument);
    assert_int_equal(starts[2], 1);
    asides[0].function(asides[0].argument);
    assert_int_equal(starts[1], 1);
}

static void it_goes_on_without_memory(void **state)
{
    (void)state;
    supervise(3, 3);
    memory_errors = 8;
    service_runs_until(now + 2 * SECOND);
    ended[3] = true;
    service_runs_until(now + SECOND);
    assert_int_equal(starts[3], 1);
}

static void who_dies_at_once_waits(void **state)
{
    (void)state;
    life = SECOND / 100;
    supervise(4, 4);
    ended[4] = true;
    service_runs_until(now + 60 * SECOND);
    assert_in_range(starts[4], 5, 20);
}

static void who_lives_is_restarted_at_once(void **state)
{
    (void)state;
    life = SECOND;
    supervise(5, 5);
    ended[5] = true;
    service_runs_until(now + 40 * SECOND);
    assert_in_range(starts[5], 30, 40);
}

/* An event about one guest makes it look at that one, and at those whose end it may have missed. */
static void only_who_is_told_of_is_looked_at(void **state)
{
    (void)state;
    supervise(6, 6);
    supervise(7, 7);
    service_runs_until(now + SECOND);
    told_of = 50;
    ended[6] = ended[7] = true;
    service_runs_until(now + SECOND);
    assert_int_equal(starts[6] + starts[7], 0);
    told_of = 7;
    service_runs_until(now + SECOND);
    assert_int_equal(starts[6], 0);
    assert_int_equal(starts[7], 1);
    told_of = 0;
    service_runs_until(now + SECOND);
    assert_int_equal(starts[6], 1);
    told_of = 50;
    ended[8] = true; /* before it was handed over */
    supervise(8, 8);
    service_runs_until(now + SECOND);
    assert_int_equal(starts[8], 1);
    run_asides = false;
    ended[6] = ended[7] = ended[8] = false;
    supervise(9, 9);
    ended[9] = true;
    service_runs_until(now + SECOND);
    assert_int_equal(aside_count, 1);
    ended[next_domid] = true; /* its next life's end is told while it is being settled */
    service_runs_until(now + SECOND);
    asides[0].function(asides[0].argument);
    run_asides = true;
    ended[next_domid] = false;
    service_runs_until(now + SECOND);
    assert_int_equal(starts[9], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_that_takes_long_delays_no_other, setup),
        cmocka_unit_test_setup(it_goes_on_without_memory, setup),
        cmocka_unit_test_setup(who_dies_at_once_waits, setup),
        cmocka_unit_test_setup(who_lives_is_restarted_at_once, setup),
        cmocka_unit_test_setup(only_who_is_told_of_is_looked_at, setup),
    };

    return cmocka_run_group_tests_name("vmctl-supervise", tests, NULL, NULL);
}

/*
 * vmctl network-list with a guest that writes what it likes into its own nodes: only numbers are
 * shown.
 *
 * Sources: tools/vmctl/commands/network.c tools/vmctl/commands/devices.c tools/vmctl/json.c
 * Sources: tools/vmctl/failure.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake-store.h"
#include "vmctl/command.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"

/* What network-list needs. */

int domain_find(struct xs_client *store, const char *text, uint32_t *domid, struct failure *failure)
{
    (void)store;
    (void)failure;
    *domid = (uint32_t)strtoul(text, NULL, 10);
    return 0;
}

int command_failed(const struct command_context *context, int error, const char *what)
{
    (void)context;
    (void)what;
    return error;
}

/* What it does not. */

int command_usage(const struct command_context *context)
{
    (void)context;
    return STATUS_USAGE;
}

int device_nodes_remove(struct xs_client *store, const char *class, uint32_t domid,
                        uint32_t device_id)
{
    (void)store;
    (void)class;
    (void)domid;
    (void)device_id;
    return -ENOENT;
}

int mac_parse(uint8_t mac[6], const char *text)
{
    (void)mac;
    (void)text;
    return -EINVAL;
}

int vif_config_parse(struct vif_config *vif, const char *text, const char *where, char *ignored,
                     size_t ignored_size, struct failure *failure)
{
    (void)vif;
    (void)text;
    (void)where;
    (void)ignored;
    (void)ignored_size;
    (void)failure;
    return -EINVAL;
}

int vif_settle(struct xs_client *store, struct vif_config *vif, size_t before, const char *guest,
               struct failure *failure)
{
    (void)store;
    (void)vif;
    (void)before;
    (void)guest;
    (void)failure;
    return 0;
}

int vif_nodes_write(struct xs_client *store, uint32_t domid, const struct vif_config *vif)
{
    (void)store;
    (void)domid;
    (void)vif;
    return -EINVAL;
}

int vif_nodes_wait(struct xs_client *store, uint32_t domid, const struct vif_config *vif, char *why,
                   size_t size)
{
    (void)store;
    (void)domid;
    (void)vif;
    (void)why;
    (void)size;
    return -EINVAL;
}

#define BACK  "/local/domain/0/backend/vif/3/0/"
#define FRONT "/local/domain/3/device/vif/0/"

/* What the list says when the guest has written this into each of its nodes; to be freed. */
static char *shown(const char *text, bool split)
{
    char *words[] = { "network-list", "3" }, *print = NULL;
    struct command_context context = { .name = "network-list" };
    FILE *terminal = stdout;
    size_t size;

    memset(nodes, 0, sizeof(nodes));
    node_set(BACK "mac", "00:16:3e:00:00:01");
    node_set(BACK "bridge", "xenbr0");
    node_set(BACK "state", "4");
    node_set(FRONT "tx-ring-ref", text);
    node_set(FRONT "rx-ring-ref", text);
    node_set(split ? FRONT "event-channel-tx" : FRONT "event-channel", text);
    stdout = open_memstream(&print, &size);
    assert_int_equal(command_network_list(&context, 2, words), 0);
    fclose(stdout);
    stdout = terminal;
    return print;
}

static void numbers_are_shown(void **state)
{
    (void)state;
    for (unsigned int split = 0; split < 2; split++) {
        char *print = shown("4711", split);

        assert_non_null(strstr(print, "connected      4711  4711/4711  xenbr0\n"));
        free(print);
    }
}

static void what_is_no_number_is_not(void **state)
{
    static const char *const texts[] = { "\033[2J",  "\033]0;", "8\n9",        "x",
                                         "12\033[H", "-1",      "99999999999", "" };

    (void)state;
    for (unsigned int i = 0; i < 2 * sizeof(texts) / sizeof(*texts); i++) {
        char *print = shown(texts[i / 2], i % 2);

        assert_null(strchr(print, '\033'));
        assert_non_null(strstr(print, "connected         -     -/-     xenbr0\n"));
        free(print);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_shown),
        cmocka_unit_test(what_is_no_number_is_not),
    };

    return cmocka_run_group_tests_name("vmctl-network", tests, NULL, NULL);
}

/*
 * The block backend's conversation about disks that are files: they are opened by their own tasks,
 * and the toolstack may want something else meanwhile.
 *
 * Sources: split-drivers/block/back/connect.c split-drivers/block/back/disk-nodes.c
 * Sources: split-drivers/block/back/queues.c split-drivers/block/back/target.c
 * Sources: split-drivers/handshake/xenbus.c
 * Sources: split-drivers/handshake/backend.c
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c dom0/xenstore/client.c dom0/xenstore/local-client.c
 * Libraries: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=strdup
 */
#include "block-connect-world.h"

static void add_file(unsigned int domid, const char *path, const char *mode)
{
    add_disk(domid);
    say(BACK, domid, "params", path);
    say(BACK, domid, "mode", mode);
}

static bool is_refused(unsigned int domid, const char *why)
{
    char path[100], *value;
    bool is;

    snprintf(path, sizeof(path), BACK, domid, "hotplug-error");
    if (xs_read(client, XS_NO_TX, path, &value, NULL))
        return false;
    is = strstr(value, why);
    free(value);
    return is;
}

/* Its own task opens it: whatever happens meanwhile waits for that, and nobody else does. */
static void a_file_opens_by_itself(void **state)
{
    (void)state;
    images_closed = 0;
    add_file(40, "/data/disk.img", "w");
    backend_runs();
    assert_int_equal(back_state(40), 1);
    assert_int_equal(image_kind, FILE_CLAIM_WRITE);
    connect_one(41);
    frontend_comes(40); /* early */
    backend_runs();
    assert_int_equal(back_state(40), 1);
    image_opened(image_owner, 0);
    backend_runs();
    assert_int_equal(back_state(40), 4);
    say(BACK, 40, "online", "0");
    say(BACK, 40, "state", "5");
    backend_runs();
    assert_int_equal(images_closed, 0);
    disk_answers();
    assert_int_equal(images_closed, 1);
    assert_int_equal(back_state(40), 6);
    remove_disk(40);
    remove_disk(41);
    backend_runs();
    disk_answers();
}

static void a_file_that_goes_while_it_opens(void **state)
{
    (void)state;
    images_closed = 0;
    add_file(42, "/data/disk.img", "r");
    backend_runs();
    assert_int_equal(image_kind, FILE_CLAIM_READ);
    remove_disk(42);
    backend_runs();
    opened = 0;
    add_disk(42); /* another one of its number, which has to wait */
    backend_runs();
    assert_int_equal(opened, 0);
    image_opened(image_owner, 0);
    assert_int_equal(images_closed, 1);
    assert_int_equal(opened, 1);
    remove_disk(42);
    backend_runs();
    add_file(43, "/data/disk.img", "w");
    backend_runs();
    remove_disk(43);
    backend_runs();
    image_opened(image_owner, -EBUSY); /* it is gone itself */
    assert_int_equal(images_closed, 1);
    add_file(44, "/data/disk.img", "w");
    backend_runs();
    say(BACK, 44, "online", "0");
    say(BACK, 44, "state", "5");
    backend_runs();
    assert_int_equal(back_state(44), 5);
    image_opened(image_owner, 0);
    backend_runs();
    assert_int_equal(back_state(44), 6);
    assert_int_equal(images_closed, 2);
    remove_disk(44);
    backend_runs();
}

static void a_file_that_cannot_be_had(void **state)
{
    (void)state;
    images_closed = 0;
    add_file(45, "/data/disk.img", "w!");
    backend_runs();
    assert_int_equal(image_kind, FILE_CLAIM_SHARED);
    image_opened(image_owner, -EBUSY);
    backend_runs();
    assert_true(is_refused(45, strerror(EBUSY)));
    add_file(49, "/data/disk.img", "w");
    backend_runs();
    say(BACK, 49, "state", "5");
    image_opened(image_owner, -EBUSY);
    frontend_comes(49);
    backend_runs();
    assert_int_equal(back_state(49), 5);
    remove_disk(49);
    add_file(46, "/data/disk.img", "w");
    backend_runs();
    image_opened(image_owner, -ENOTSUP);
    assert_true(is_refused(46, "put it on one of dom0's disks"));
    add_file(47, "/data/no-memory", "w");
    backend_runs();
    assert_true(is_refused(47, strerror(ENOMEM)));
    say(BACK, 47, "state", "5");
    say(FRONT, 47, "state", "1");
    backend_runs();
    assert_int_equal(back_state(47), 5); /* what failed is not revived */
    shared = false;
    add_disk(48);
    say(BACK, 48, "mode", "w!");
    backend_runs();
    assert_true(shared);
    assert_int_equal(back_state(48), 2);
    for (unsigned int domid = 45; domid <= 48; domid++)
        remove_disk(domid);
    backend_runs();
    assert_int_equal(images_closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_opens_by_itself),
        cmocka_unit_test(a_file_that_goes_while_it_opens),
        cmocka_unit_test(a_file_that_cannot_be_had),
    };

    return cmocka_run_group_tests_name("block-files", tests, setup, NULL);
}

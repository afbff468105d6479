/*
 * Grant table, format 1: a domain grants a page to itself and maps, pins, copies and unmaps it;
 * references, handles and addresses that are not valid are refused with their own status each.
 */
#include "guest-test.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/paravane.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/own-grants.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/string.h"

static uint64_t *page;
static grant_ref_t ref;
static uint16_t own_id;

static int map_status(struct gnttab_map_grant_ref *map)
{
    int64_t result = hypercall_grant_table_op(GNTTABOP_map_grant_ref, HYPERCALL_ARG(map), 1);

    return result ? (int)result : map->status;
}

static int unmap_status(uint64_t host_addr, uint64_t bus_addr, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref unmap = { .host_addr = host_addr,
                                            .dev_bus_addr = bus_addr,
                                            .handle = handle };
    int64_t result = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, HYPERCALL_ARG(&unmap), 1);

    return result ? (int)result : unmap.status;
}

/* Where a grant can be mapped: an address of ours; for guests in shadow mode a guest frame that we
 * have given back, and an address that leads to it. */
static volatile uint64_t *va;
static uint64_t place, hole;

/* What there is no line for on Xen. */
static void must(bool good)
{
    if (!good)
        check_true("a place for grants", good);
}

static void hole_change(unsigned int op)
{
    struct xen_memory_reservation r = { .extent_start = HYPERCALL_ARG(&hole),
                                        .nr_extents = 1,
                                        .domid = DOMID_SELF };

    must(hypercall_memory_op(op, HYPERCALL_ARG(&r)) == 1);
}

static void place_make(void)
{
    size_t done;

    va = mapping_area_reserve(1);
    place = (uint64_t)va;
    if (!page_tables_translated())
        return;
    hole = frames_virt_to_mfn(frames_alloc(0));
    place = hole << 12;
    hole_change(XENMEM_decrease_reservation);
    must(!page_tables_map((void *)va, &hole, 1, PTE_KERNEL, DOMID_SELF, &done));
}

static void place_end(void)
{
    if (page_tables_translated()) {
        must(!page_tables_unmap((void *)va, 1));
        hole_change(XENMEM_populate_physmap);
    }
    mapping_area_release((void *)va, 1);
}

static void read_there(void)
{
    (void)*va;
}

static void write_there(void)
{
    *va = 44;
}

static void plain_map(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = place, .flags = GNTMAP_host_map, .ref = ref, .dom = DOMID_SELF
    };

    check("map by DOMID_SELF", map_status(&map), GNTST_bad_domain);
    map.dom = own_id;
    check("map", map_status(&map), GNTST_okay);
    page[0] = 42;
    check("seen through the map", (int64_t)*va, 42);
    *va = 43;
    check("written through the map", (int64_t)page[0], 43);
    check_mode("bus address", (int64_t)map.dev_bus_addr, (int64_t)frames_virt_to_machine(page),
               (int64_t)place);
    check("end while mapped", grant_access_end(ref), -XEN_EBUSY);
    check("unmap at the wrong address", unmap_status(place + 4096, 0, map.handle),
          GNTST_general_error);
    check("unmap", unmap_status(place, 0, map.handle), GNTST_okay);
    check("unmap twice", unmap_status(place, 0, map.handle), GNTST_bad_handle);
    check("nothing there", trapped(read_there), 14);
}

static void map_to_read(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = place, .flags = GNTMAP_host_map | GNTMAP_readonly, .ref = ref, .dom = own_id
    };

    page[0] = 45;
    check("map to read", map_status(&map), GNTST_okay);
    check("read", (int64_t)*va, 45);
    check("no writing there", trapped(write_there), 14);
    check("as it was", (int64_t)page[0], 45);
    check("unmap it", unmap_status(place, 0, map.handle), GNTST_okay);
    check("nothing to read", trapped(read_there), 14);
}

/* A guest whose frames are translated is offered no devices. */
static void device_map(void)
{
    struct gnttab_map_grant_ref map = { .flags = GNTMAP_device_map | GNTMAP_readonly,
                                        .ref = ref,
                                        .dom = own_id };
    bool none = page_tables_translated();

    check_mode("device map", map_status(&map), GNTST_okay, GNTST_no_device_space);
    check_mode("its bus address", (int64_t)map.dev_bus_addr, (int64_t)frames_virt_to_machine(page),
               0);
    check("held", none ? -XEN_EBUSY : grant_access_end(ref), -XEN_EBUSY);
    check("device unmap", none ? 0 : unmap_status(0, map.dev_bus_addr, map.handle), GNTST_okay);
}

static void map_refusals(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = place, .flags = GNTMAP_host_map, .ref = ref, .dom = own_id
    };
    grant_ref_t read_only;

    map.ref = 500;
    check("map a free entry", map_status(&map), GNTST_general_error);
    map.ref = 1u << 30;
    check("map beyond the table", map_status(&map), GNTST_bad_gntref);
    map.ref = ref;
    map.dom = 4321;
    check("map nobody's", map_status(&map), GNTST_bad_domain);
    map.dom = own_id;
    map.flags = 0;
    check("map to nowhere", map_status(&map), GNTST_bad_gntref);
    map.flags = GNTMAP_host_map;
    map.host_addr = BAD_POINTER;
    check("map into the hypervisor", map_status(&map), GNTST_general_error);
    check("give read-only", grant_access_give(own_id, frames_virt_to_mfn(page), true, &read_only),
          0);
    map.host_addr = place;
    map.ref = read_only;
    check("map read-only grant writable", map_status(&map), GNTST_general_error);
    check("end read-only", grant_access_end(read_only), 0);
    check("unmap no handle", unmap_status(place, 0, 60000), GNTST_bad_handle);
}

static int copy_status(struct gnttab_copy *copy)
{
    int64_t result = hypercall_grant_table_op(GNTTABOP_copy, HYPERCALL_ARG(copy), 1);

    return result ? (int)result : copy->status;
}

static void copies(void)
{
    uint64_t *to = frames_alloc(0);
    struct gnttab_copy copy = {
        .source = { .u.ref = ref, .domid = DOMID_SELF, .offset = 8 },
        .dest = { .u.gmfn = frames_virt_to_mfn(to), .domid = DOMID_SELF, .offset = 16 },
        .len = 64,
        .flags = GNTCOPY_source_gref
    };

    page[1] = 4711;
    check("copy", copy_status(&copy), GNTST_okay);
    check("copied", (int64_t)to[2], 4711);
    copy.len = 4096;
    check("copy across the page's end", copy_status(&copy), GNTST_bad_copy_arg);
    copy.len = 8;
    copy.source.u.ref = 1u << 30;
    check("copy a wild grant", copy_status(&copy), GNTST_bad_gntref);
    copy.source.u.ref = ref;
    copy.dest.u.gmfn = ~0UL >> 12;
    check("copy to a wild frame", copy_status(&copy), GNTST_bad_page);
    frames_free(to, 0);
}

static void table_facts(void)
{
    struct gnttab_query_size query = { .dom = DOMID_SELF };
    struct gnttab_get_version version = { .dom = DOMID_SELF };
    struct gnttab_set_version set = { .version = 1 };

    check("query", hypercall_grant_table_op(GNTTABOP_query_size, HYPERCALL_ARG(&query), 1), 0);
    check("query's status", query.status, GNTST_okay);
    check_true("room", query.max_nr_frames >= 4);
    check("version", hypercall_grant_table_op(GNTTABOP_get_version, HYPERCALL_ARG(&version), 1), 0);
    check("is 1", version.version, 1);
    check("set 1", hypercall_grant_table_op(GNTTABOP_set_version, HYPERCALL_ARG(&set), 1), 0);
    set.version = 3;
    check("set 3", hypercall_grant_table_op(GNTTABOP_set_version, HYPERCALL_ARG(&set), 1),
          -XEN_EINVAL);
    check("unknown", hypercall_grant_table_op(99, HYPERCALL_ARG(&set), 1), -XEN_ENOSYS);
    check("wild argument", hypercall_grant_table_op(GNTTABOP_query_size, BAD_POINTER, 1),
          -XEN_EFAULT);
}

/* Our own id: a port bound to ourselves names its remote domain. */
static uint16_t find_own_id(void)
{
    struct evtchn_status status = { .dom = DOMID_SELF };
    evtchn_port_t a, b;

    event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &a);
    event_port_bind_interdomain(DOMID_SELF, a, &b);
    status.port = b;
    hypercall_event_channel_op(EVTCHNOP_status, HYPERCALL_ARG(&status));
    event_port_close(b);
    event_port_close(a);
    return status.u.interdomain.dom;
}

/* One handle for an address of ours and for devices: each is undone on its own, in either order,
 * and the grant is in use until both are. */
static void by_halves(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = place, .flags = GNTMAP_host_map | GNTMAP_device_map, .ref = ref, .dom = own_id
    };
    bool none = page_tables_translated();

    for (unsigned int host_first = 0; host_first < 2; host_first++) {
        check_mode("map for both", map_status(&map), GNTST_okay, GNTST_no_device_space);
        check("unmap one",
              none ? 0
                   : unmap_status(host_first ? place : 0, host_first ? 0 : map.dev_bus_addr,
                                  map.handle),
              GNTST_okay);
        check("held", none ? -XEN_EBUSY : grant_access_end(ref), -XEN_EBUSY);
        check("mapped", none ? (host_first ? 14 : -1) : trapped(read_there), host_first ? 14 : -1);
        check("unmap the other",
              none ? 0
                   : unmap_status(host_first ? 0 : place, host_first ? map.dev_bus_addr : 0,
                                  map.handle),
              GNTST_okay);
        check("its handle", none ? GNTST_bad_handle : unmap_status(place, 0, map.handle),
              GNTST_bad_handle);
        check("not mapped", none ? 14 : trapped(read_there), 14);
    }
}

static volatile uint64_t *other;

static void read_other(void)
{
    (void)*other;
}

static int replace_status(uint64_t host_addr, uint64_t new_addr, grant_handle_t handle)
{
    struct gnttab_unmap_and_replace op = { .host_addr = host_addr,
                                           .new_addr = new_addr,
                                           .handle = handle };
    int64_t result = hypercall_grant_table_op(GNTTABOP_unmap_and_replace, HYPERCALL_ARG(&op), 1);

    return result ? (int)result : op.status;
}

/* Another page of ours takes the place of a grant that is unmapped. */
static void replaced(void)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = place, .flags = GNTMAP_host_map, .ref = ref, .dom = own_id
    };
    uint64_t frame;
    bool none = page_tables_translated();
    bool on_xen = hypercall_paravane_op(PARAVANEOP_interface_version, 0) < 0;

    other = frames_alloc(0);
    *other = 77;
    frame = frames_virt_to_mfn((void *)other);
    check("map", map_status(&map), GNTST_okay);
    check("replace by nothing mapped", replace_status(place, UNMAPPED_POINTER, map.handle),
          GNTST_general_error);
    check("replace elsewhere", replace_status(place + PAGE_SIZE, HYPERCALL_ARG(other), map.handle),
          GNTST_general_error);
    page[0] = 46;
    check("still there", (int64_t)*va, 46);
    check_mode("replace", replace_status(place, HYPERCALL_ARG(other), map.handle), GNTST_okay,
               GNTST_general_error);
    /* Xen 4.17 leaves nothing at either. */
    check("the other page", none || on_xen ? 77 : (int64_t)*va, 77);
    check("is not where it was", none ? 14 : trapped(read_other), 14);
    check_mode("its handle", unmap_status(place, 0, map.handle), GNTST_bad_handle, GNTST_okay);
    if (!none) {
        must(!hypercall_update_va_mapping(HYPERCALL_ARG(other), frame << 12 | PTE_KERNEL,
                                          UVMF_INVLPG));
        must(!hypercall_update_va_mapping(HYPERCALL_ARG(va), 0, UVMF_INVLPG));
    }
    check("map again", map_status(&map), GNTST_okay);
    check("replace by none", replace_status(place, 0, map.handle), GNTST_okay);
    check("nothing there", trapped(read_there), 14);
    frames_free((void *)other, 0);
}

void guest_test(void)
{
    page = frames_alloc(0);
    own_id = find_own_id();
    check("give", grant_access_give(own_id, frames_virt_to_mfn(page), false, &ref), 0);
    place_make();
    plain_map();
    map_to_read();
    device_map();
    by_halves();
    replaced();
    map_refusals();
    place_end();
    copies();
    table_facts();
    check("end", grant_access_end(ref), 0);
    frames_free(page, 0);
}

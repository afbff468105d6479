/*
 * NVMe: controllers and their namespaces.
 */
#include "devices/nvme.h"
#include "devices/nvme-parts.h"
#include "devices/pci-names.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What to identify [5.15.1]. */
enum { ID_NAMESPACE = 0, ID_CONTROLLER = 1, ID_NAMESPACES = 2 };
/* Where things are in the answers [5.15.2.1, 5.15.2.2]. */
enum { ID_SERIAL = 4, ID_MODEL = 24, ID_MDTS = 77, ID_ONCS = 520, ID_VWC = 525, ID_SGLS = 536 };
enum {
    NS_SIZE = 0,
    NS_FEATURES = 24,
    NS_FORMATS = 25,
    NS_FORMAT = 26,
    NS_PROTECTION = 29,
    NS_WRITE_GRANULARITY = 64,
    NS_DISCARD_GRANULARITY = 68,
    NS_FORMAT_0 = 128
};
#define ONCS_DISCARD       4u
#define ONCS_ZEROES        8u
#define NSFEAT_GRANULARITY 16u
#define BLOCKS_MAX         65536u /* of a command, as it counts from 0 in 16 bits */

struct namespace
{
    uint64_t sectors; /* of 512 bytes; 0: none that can be used */
    unsigned int shift;
    uint32_t physical, discard; /* granularities in bytes */
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* Text without the spaces around it; what a name may not have becomes an underscore. */
static void text_get(char *to, const uint8_t *from, size_t size)
{
    size_t used = 0;

    while (size && (from[size - 1] == ' ' || !from[size - 1]))
        size--;
    for (size_t i = 0; i < size; i++)
        if (used || from[i] != ' ')
            to[used++] =
                from[i] <= ' ' || from[i] > '~' || strchr("/\\", from[i]) ? '_' : (char)from[i];
    to[used] = '\0';
}

static void namespace_get(struct namespace *ns, const uint8_t *answer)
{
    unsigned int format = answer[NS_FORMAT] & 0xf, shift, granularity;
    uint32_t word = get32(answer + NS_FORMAT_0 + format * 4);
    uint64_t blocks = get64(answer + NS_SIZE);

    *ns = (struct namespace){ .sectors = 0 };
    shift = word >> 16 & 0xff;
    /* Metadata between or beside blocks, or protection of them: not for anything here. */
    if (format > answer[NS_FORMATS] || word & 0xffff || answer[NS_PROTECTION] & 7 || shift < 9 ||
        shift > 12 || blocks > UINT64_MAX >> 12)
        return;
    ns->shift = shift;
    ns->sectors = blocks << (shift - 9);
    granularity = answer[NS_FEATURES] & NSFEAT_GRANULARITY;
    ns->physical = (granularity ? get16(answer + NS_WRITE_GRANULARITY) + 1u : 1u) << shift;
    ns->discard = (granularity ? get16(answer + NS_DISCARD_GRANULARITY) + 1u : 1u) << shift;
    if (ns->physical & (ns->physical - 1))
        ns->physical = 1u << shift;
}

static int namespace_ask(struct nvme *nvme, uint32_t id, struct namespace *ns)
{
    uint8_t *page = frames_alloc(0);
    int error;

    if (!page)
        return -ENOMEM;
    error = nvme_identify(nvme, ID_NAMESPACE, id, page);
    if (error == -ETIMEDOUT)
        return error; /* it may write there still: the page is not given back */
    if (!error)
        namespace_get(ns, page);
    frames_free(page, 0);
    return error;
}

int nvme_same_disks(struct nvme *nvme)
{
    int error = 0;

    for (unsigned int i = 0; i < nvme->disk_count && !error; i++) {
        struct namespace ns;

        error = namespace_ask(nvme, nvme->disks[i]->namespace_id, &ns);
        if (!error &&
            (ns.shift != nvme->disks[i]->shift || ns.sectors != nvme->disks[i]->disk.block.sectors))
            error = -ENODEV; /* it is not what its users were told any more */
    }
    return error;
}

static void controller_get(struct nvme *nvme, const uint8_t *answer)
{
    unsigned int mdts = answer[ID_MDTS], page_shift = 12 + (nvme->capabilities >> 48 & 0xf);

    text_get(nvme->serial, answer + ID_SERIAL, sizeof(nvme->serial) - 1);
    text_get(nvme->model, answer + ID_MODEL, sizeof(nvme->model) - 1);
    nvme->bytes_max = NVME_BYTES_MAX;
    if (mdts && mdts + page_shift < 20)
        nvme->bytes_max = 1u << (mdts + page_shift);
    nvme->discard = get16(answer + ID_ONCS) & ONCS_DISCARD;
    nvme->zeroes = get16(answer + ID_ONCS) & ONCS_ZEROES;
    nvme->flush = answer[ID_VWC] & 1;
    nvme->sgl = get32(answer + ID_SGLS) & 3;
}

static void limits_set(const struct nvme *nvme, const struct namespace *ns,
                       struct block_limits *limits)
{
    uint64_t most = (uint64_t)BLOCKS_MAX << (ns->shift - 9);

    *limits = (struct block_limits){ .sector_size = 1u << ns->shift,
                                     .physical_sector_size = ns->physical,
                                     .bytes = nvme->bytes_max,
                                     .segments = BLOCK_MAX_SEGMENTS,
                                     .boundary = nvme->sgl ? 0 : PAGE_SIZE,
                                     .flush = nvme->flush,
                                     .fua = true,
                                     .discard_granularity = ns->discard };
    /* A range may be longer, but how long one takes nobody says. */
    limits->discard_sectors = nvme->discard ? 1u << 21 : 0;
    limits->zeroes_sectors = nvme->zeroes ? most : 0;
}

static void names_set(struct nvme *nvme, uint32_t id, bool several, struct block_device *block)
{
    char place[PCI_PLACE_BYTES], suffix[12] = "";

    pci_place(nvme->pci, place);
    if (several)
        snprintf(suffix, sizeof(suffix), "_%u", (unsigned int)id);
    snprintf(block->name, sizeof(block->name), "%sn%u", nvme->name, (unsigned int)id);
    snprintf(block->place, sizeof(block->place), "%s-nvme-%u", place, (unsigned int)id);
    snprintf(block->model, sizeof(block->model), "%s", nvme->model);
    if (nvme->serial[0])
        snprintf(block->id, sizeof(block->id), "nvme-%s_%s%s", nvme->model, nvme->serial, suffix);
}

static void tags_lead_to(struct nvme *nvme, const struct disk *disk, struct nvme_disk *there)
{
    for (unsigned int i = 0; i < disk->slots; i++)
        nvme->by_tag[disk->slot_base + i] = there;
}

static int disk_add(struct nvme *nvme, uint32_t id, unsigned int slots, bool several)
{
    struct nvme_disk *disk = calloc(1, sizeof(*disk));
    struct namespace ns;
    int error = disk ? namespace_ask(nvme, id, &ns) : -ENOMEM;

    if (!error && !ns.sectors)
        error = -EINVAL;
    if (error) {
        free(disk);
        return error;
    }
    disk->nvme = nvme;
    disk->namespace_id = id;
    disk->shift = ns.shift;
    disk->disk.block.sectors = ns.sectors;
    disk->disk.slots = slots;
    disk->disk.slot_base = nvme->disk_count * slots;
    limits_set(nvme, &ns, &disk->disk.block.limits);
    names_set(nvme, id, several, &disk->disk.block);
    nvme->disks[nvme->disk_count++] = disk;
    tags_lead_to(nvme, &disk->disk, disk);
    error = disk_register(&disk->disk, &nvme->controller);
    if (error) {
        tags_lead_to(nvme, &disk->disk, NULL);
        nvme->disk_count--;
        free(disk);
    }
    return error;
}

/* Each gets an equal part of the commands at once, so that none waits for another. */
static int disks_add(struct nvme *nvme)
{
    uint32_t *ids = frames_alloc(0);
    unsigned int count = 0;
    int error = ids ? nvme_identify(nvme, ID_NAMESPACES, 0, ids) : -ENOMEM;

    while (!error && count < PAGE_SIZE / sizeof(*ids) && ids[count])
        count++;
    if (count > NVME_DISKS_MAX)
        printf("%s: %u namespaces; the first %u are used\n", nvme->name, count, NVME_DISKS_MAX);
    if (count > NVME_DISKS_MAX)
        count = NVME_DISKS_MAX;
    for (unsigned int i = 0; i < count; i++) {
        int refused = disk_add(nvme, ids[i], nvme->tags / count, count > 1);

        if (refused)
            printf("%sn%u: %s\n", nvme->name, (unsigned int)ids[i],
                   refused == -EINVAL ? "its format cannot be used (blocks of 512 to 4096 bytes "
                                        "without metadata can)"
                                      : strerror(-refused));
    }
    if (ids && error != -ETIMEDOUT)
        frames_free(ids, 0);
    return error;
}

static int controller_ask(struct nvme *nvme)
{
    uint8_t *page = frames_alloc(0);
    int error = page ? nvme_identify(nvme, ID_CONTROLLER, 0, page) : -ENOMEM;

    if (!error)
        controller_get(nvme, page);
    if (page && error != -ETIMEDOUT)
        frames_free(page, 0);
    return error;
}

static int lists_make(struct nvme *nvme)
{
    unsigned int each = nvme->queues[0].entries - 1u;

    nvme->tags = each * nvme->queue_count;
    if (nvme->tags > NVME_TAGS_MAX)
        nvme->tags = NVME_TAGS_MAX;
    for (unsigned int i = 0; i < nvme->tags; i++)
        if (!(nvme->lists[i] = frames_alloc(0)))
            return -ENOMEM;
    return 0;
}

static void interrupt(evtchn_port_t port, void *arg)
{
    (void)port;
    disk_controller_wake(arg);
}

static int set_up(struct nvme *nvme, uint32_t port)
{
    int error;

    event_port_set_handler(port, interrupt, &nvme->controller);
    error = nvme_disable(nvme);
    if (!error && nvme->capabilities >> 48 & 0xf)
        error = -ENODEV; /* it has no pages of 4 KiB (CAP.MPSMIN) */
    if (!error)
        error = nvme_enable(nvme);
    if (!error)
        error = controller_ask(nvme);
    if (!error)
        error = nvme_queues_create(nvme);
    if (!error)
        error = lists_make(nvme);
    if (!error)
        error = disk_controller_start(&nvme->controller);
    return error;
}

static int controller_start(struct pci_device *pci, const char *name)
{
    struct nvme *nvme = calloc(1, sizeof(*nvme));
    void *registers;
    uint32_t port;
    int error;

    if (!nvme)
        return -ENOMEM;
    pci_enable(pci);
    error = pci_map_bar(pci, 0, &registers);
    if (!error)
        error = pci_bind_msix(pci, 0, &port);
    if (error) {
        free(nvme);
        return error;
    }
    nvme->pci = pci;
    nvme->registers = registers;
    snprintf(nvme->name, sizeof(nvme->name), "%s", name);
    nvme->capabilities = nvme_read(nvme, NVME_CAP) | (uint64_t)nvme_read(nvme, NVME_CAP + 4) << 32;
    nvme->controller =
        (struct disk_controller){ .name = nvme->name, .driver = &nvme_driver, .state = nvme };
    error = set_up(nvme, port);
    if (error) {
        nvme_disable(nvme);
        return error; /* an interrupt may name it still: it is not given back */
    }
    pci->driver = "nvme";
    return disks_add(nvme);
}

/* A controller's number is its place among those of the machine, whether they start or not. */
void nvme_start(void)
{
    unsigned int index = 0;
    char name[12], place[PCI_PLACE_BYTES];

    for (struct pci_device *pci = pci_devices_first(); pci; pci = pci->next) {
        int error;

        if (pci->class_code != 1 || pci->subclass != 8 || pci->interface != 2)
            continue;
        snprintf(name, sizeof(name), "nvme%u", index++ % 1000);
        error = controller_start(pci, name);
        if (!error)
            continue;
        pci_short_place(pci, place);
        printf("%s: NVMe controller %s does not start: %s\n", name, place, strerror(-error));
    }
}

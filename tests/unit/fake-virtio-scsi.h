/*
 * Two virtio-scsi controllers (virtio 1.1, 5.6) with targets as SPC-4 and SBC-3 have them, behind
 * the functions of virtio-pci.c: requests are taken from the rings when the devices run.
 */
#ifndef TESTS_UNIT_FAKE_VIRTIO_SCSI_H
#define TESTS_UNIT_FAKE_VIRTIO_SCSI_H

#include "drive-world.h"
#include "devices/virtio-scsi-parts.h"

#define TARGETS 7u
#define BLOCKS  64u /* of a disk */
#define LOG     64u

enum { IS_NOTHING, IS_DISK, IS_CD, IS_SILENT, IS_LIAR };

struct fake_target {
    int kind;
    uint32_t block_size;
    bool thin, cache;
    const char *serial;
    /* The test's wishes. */
    bool holds;
    unsigned int attentions, busy; /* so many commands are answered like that */
    bool aborts_bare, short_answers;
    uint64_t bad_block; /* BLOCKS: none */
    /* What it has seen. */
    uint8_t seen[LOG][16];
    unsigned int seen_count;
    char storage[BLOCKS * 4096];
};

struct fake_device {
    struct pci_device pci;
    struct virtio_common_registers common;
    uint8_t config[36] __attribute__((aligned(4)));
    struct fake_target targets[TARGETS];
    struct virtqueue *queue;
    uint16_t ring[4096];
    unsigned int added, published, finished;
    bool done[4096];
    uint16_t used[4096];
    unsigned int used_count, used_taken;
    unsigned int resets;
    bool indirect, needs_reset, works;
    event_handler_t handler;
    void *handler_arg;
};

static struct fake_device devices[2] = {
    { .pci = { .vendor = 0x1af4, .device = 0x1048, .slot = 5 },
      .indirect = true,
      .targets = { { IS_DISK, .block_size = 512, .serial = "one" },
                   { IS_DISK, .block_size = 4096, .thin = true, .cache = true, .serial = "a b" },
                   { IS_CD, .block_size = 2048 },
                   { IS_LIAR, .block_size = 512, .serial = "liar" },
                   { IS_SILENT, .block_size = 512 },
                   { IS_DISK, .block_size = 520, .serial = "odd" } } },
    { .pci = { .vendor = 0x1af4, .device = 0x1004, .slot = 6 },
      .targets = { [3] = { IS_CD, .block_size = 2048 } } },
};
static struct fake_device *opened;

struct pci_device *pci_devices_first(void)
{
    devices[0].pci.next = &devices[1].pci;
    return &devices[0].pci;
}

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    assert_int_equal(entry, 0);
    *port = device == &devices[0].pci ? 1 : 2;
    return 0;
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    devices[port - 1].handler = handler;
    devices[port - 1].handler_arg = arg;
}

static struct fake_device *device_of(const struct virtio_device *device)
{
    return (struct fake_device *)device->pci;
}

static struct fake_device *device_with(const struct virtqueue *queue)
{
    struct fake_device *device = queue == devices[0].queue ? &devices[0] : &devices[1];

    assert_ptr_equal(device->queue, queue);
    return device;
}

int virtio_open(struct virtio_device *device, struct pci_device *pci)
{
    static const uint32_t words[] = { 1, 126, 0xffff, 8, 16, 96, 32, (TARGETS - 1) << 16, 16383 };

    opened = (struct fake_device *)pci;
    *device =
        (struct virtio_device){ .pci = pci, .common = &opened->common, .config = opened->config };
    memcpy(opened->config, words, sizeof(words));
    opened->works = true;
    return 0;
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t *agreed)
{
    *agreed = device_of(device)->indirect ? wanted & 1ULL << VIRTIO_F_INDIRECT : 0;
    return 0;
}

int virtio_queue_setup(struct virtio_device *device, struct virtqueue *queue, uint16_t number,
                       uint16_t vector)
{
    struct fake_device *of = device_of(device);

    assert_int_equal(number, 2);
    assert_int_equal(vector, 0);
    of->queue = queue;
    queue->size = 256;
    if (!queue->descriptors)
        queue->descriptors = frames_alloc(0);
    return 0;
}

void virtio_ready(struct virtio_device *device)
{
    device_of(device)->needs_reset = false;
}

void virtio_fail(struct virtio_device *device)
{
    device_of(device)->works = false;
}

bool virtio_needs_reset(const struct virtio_device *device)
{
    return device_of(device)->needs_reset;
}

int virtio_reset(struct virtio_device *device)
{
    struct fake_device *of = device_of(device);

    of->resets++;
    of->added = of->published = of->used_count = of->used_taken = of->finished = 0;
    memset(of->done, 0, sizeof(of->done));
    return 0;
}

void virtqueue_add(struct virtqueue *queue, uint16_t head)
{
    struct fake_device *of = device_with(queue);

    assert_true(of->added < 4096);
    of->ring[of->added++] = head;
}

void virtqueue_publish(struct virtqueue *queue)
{
    device_with(queue)->published = device_with(queue)->added;
}

void virtqueue_ring(struct virtqueue *queue)
{
    (void)queue;
}

bool virtqueue_take(struct virtqueue *queue, uint16_t *head)
{
    struct fake_device *of = device_with(queue);

    if (of->used_taken == of->used_count)
        return false;
    *head = of->used[of->used_taken++];
    return true;
}

void virtqueue_interrupts_off(struct virtqueue *queue)
{
    (void)queue;
}

bool virtqueue_interrupts_on(struct virtqueue *queue)
{
    return device_with(queue)->used_taken != device_with(queue)->used_count;
}

/* A request as the device sees it. */
struct seen_request {
    struct virtio_scsi_request header;
    struct virtio_scsi_response *response;
    char out[16384], *in[16];
    uint32_t out_bytes, in_bytes[16];
    unsigned int in_count;
};

static void piece_take(struct seen_request *seen, const struct virtq_descriptor *piece)
{
    void *at = memory_at(piece->address, piece->length);

    if (!(piece->flags & VIRTQ_WRITE)) {
        assert_true(seen->out_bytes + piece->length <= sizeof(seen->out));
        memcpy(seen->out + seen->out_bytes, at, piece->length);
        seen->out_bytes += piece->length;
    } else if (!seen->response) {
        assert_int_equal(piece->length, 108);
        seen->response = at;
    } else {
        assert_true(seen->in_count < 16);
        seen->in[seen->in_count] = at;
        seen->in_bytes[seen->in_count++] = piece->length;
    }
}

static void request_see(const struct fake_device *of, uint16_t head, struct seen_request *seen)
{
    const struct virtq_descriptor *table =
        (const struct virtq_descriptor *)(uintptr_t)of->queue->descriptors;
    unsigned int at = head, pieces = 0;

    memset(seen, 0, sizeof(*seen));
    if (table[head].flags & VIRTQ_INDIRECT) {
        assert_true(of->indirect);
        table = memory_at(table[head].address, table[head].length);
        at = 0;
    }
    for (;; at = table[at].next) {
        assert_true(pieces++ < 128);
        piece_take(seen, &table[at]);
        if (!(table[at].flags & VIRTQ_NEXT))
            break;
    }
    assert_true(seen->out_bytes >= 51 && seen->response);
    memcpy(&seen->header, seen->out, 51);
    seen->out_bytes -= 51;
    memmove(seen->out, seen->out + 51, seen->out_bytes);
}

static uint64_t big(const uint8_t *at, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void put_big(uint8_t *at, unsigned int bytes, uint64_t value)
{
    for (; bytes--; value >>= 8)
        at[bytes] = (uint8_t)value;
}

static void in_put(const struct seen_request *seen, const void *data, size_t bytes)
{
    for (unsigned int i = 0; i < seen->in_count && bytes; i++) {
        size_t part = bytes < seen->in_bytes[i] ? bytes : seen->in_bytes[i];

        memcpy(seen->in[i], data, part);
        data = (const char *)data + part;
        bytes -= part;
    }
}

static void sense_put(struct seen_request *seen, uint8_t key, uint8_t code)
{
    seen->response->status = 2;
    seen->response->sense_bytes = 0x12345678; /* more than there is room for */
    memset(seen->response->sense, 0, 96);
    seen->response->sense[0] = 0x70;
    seen->response->sense[2] = key;
    seen->response->sense[12] = code;
}

static void inquiry_answer(const struct fake_target *target, struct seen_request *seen)
{
    uint8_t answer[256] = { target->kind == IS_CD ? 5 : 0 };
    uint8_t page = seen->header.cdb[2];

    if (!(seen->header.cdb[1] & 1)) {
        memcpy(answer + 8, "FAKE    SOME DISK       ", 24);
    } else {
        answer[1] = page;
        put_big(answer + 2, 2, 60);
        switch (page) {
        case SCSI_PAGE_SERIAL:
            answer[3] = 3;
            memcpy(answer + 4, "SER", 3);
            break;
        case SCSI_PAGE_IDS:
            if (target->kind == IS_LIAR)
                memset(answer + 2, 0xff, 2); /* longer than any answer, of empty descriptors */
            else {
                answer[3] = (uint8_t)(4 + strlen(target->serial));
                answer[4] = 2;
                answer[7] = (uint8_t)strlen(target->serial);
                memcpy(answer + 8, target->serial, strlen(target->serial));
            }
            break;
        case SCSI_PAGE_LIMITS:
            put_big(answer + 20, 4, 1000);
            put_big(answer + 24, 4, 1);
            put_big(answer + 28, 4, target->kind == IS_LIAR ? 0xffffffff : 2);
            break;
        case SCSI_PAGE_THIN:
            answer[5] = 0xe0;
            break;
        }
    }
    in_put(seen, answer, sizeof(answer));
}

static void luns_answer(const struct fake_target *target, struct seen_request *seen)
{
    uint8_t answer[64] = { 0 };

    put_big(answer, 4, 8);
    if (target->kind == IS_LIAR) {
        put_big(answer, 4, 0xfffffff8);
        answer[8 + 1] = 0;
        answer[16] = 0x40;                           /* LUN 0 again, as a flat address */
        put_big(answer + 24, 8, 0x0001000200000000); /* behind a bridge */
        put_big(answer + 32, 8, 0xc101000000000000); /* a well-known one */
        put_big(answer + 40, 2, 2);
        put_big(answer + 48, 2, 2);
    }
    in_put(seen, answer, sizeof(answer));
}

static void capacity_answer(const struct fake_target *target, struct seen_request *seen)
{
    uint8_t answer[32] = { 0 };
    bool second = seen->header.lun[3] == 2;

    put_big(answer, 8, second ? UINT64_MAX : BLOCKS - 1);
    put_big(answer + 8, 4, target->block_size);
    answer[13] = target->block_size == 512 ? 3 : 0;
    answer[14] = target->thin ? 0x80 : 0;
    in_put(seen, answer, sizeof(answer));
}

static void caching_answer(const struct fake_target *target, struct seen_request *seen)
{
    uint8_t answer[64] = { 0, 30, 0, 0x10, 0, 0, 0, 8 };

    answer[16] = 8;
    answer[17] = 0x12;
    answer[18] = target->cache ? 4 : 0;
    if (target->kind == IS_LIAR)
        put_big(answer + 6, 2, 0xffff);
    in_put(seen, answer, sizeof(answer));
}

static void data_move(struct fake_target *target, struct seen_request *seen)
{
    const uint8_t *cdb = seen->header.cdb;
    uint64_t block = big(cdb + 2, 8), blocks = big(cdb + 10, 4);
    uint32_t own = target->block_size;

    assert_true(block + blocks <= BLOCKS);
    if (target->bad_block >= block && target->bad_block < block + blocks) {
        sense_put(seen, 3, 0x11);
        return;
    }
    if (cdb[0] == 0x88)
        in_put(seen, target->storage + block * own, blocks * own);
    else if (cdb[0] == 0x8a) {
        assert_int_equal(seen->out_bytes, blocks * own);
        memcpy(target->storage + block * own, seen->out, blocks * own);
    } else {
        assert_int_equal(seen->out_bytes, own);
        for (uint64_t i = 0; i < blocks; i++)
            memcpy(target->storage + (block + i) * own, seen->out, own);
    }
    seen->response->residual = target->short_answers;
}

static void unmap(struct fake_target *target, struct seen_request *seen)
{
    const uint8_t *list = (const uint8_t *)seen->out;
    uint64_t block = big(list + 8, 8), blocks = big(list + 16, 4);

    assert_int_equal(seen->out_bytes, 24);
    assert_int_equal(big(list, 2), 22);
    assert_int_equal(big(list + 2, 2), 16);
    assert_true(block + blocks <= BLOCKS);
    memset(target->storage + block * target->block_size, 0, blocks * target->block_size);
}

static void command_run(struct fake_target *target, struct seen_request *seen)
{
    const uint8_t *cdb = seen->header.cdb;

    switch (cdb[0]) {
    case 0x12:
        inquiry_answer(target, seen);
        break;
    case 0xa0:
        luns_answer(target, seen);
        break;
    case 0x9e:
        capacity_answer(target, seen);
        break;
    case 0x5a:
        caching_answer(target, seen);
        break;
    case 0x88:
    case 0x8a:
        data_move(target, seen);
        break;
    case 0x93:
    case 0x42:
        if (target->aborts_bare)
            sense_put(seen, 5, 0x20);
        else if (cdb[0] == 0x93)
            data_move(target, seen);
        else
            unmap(target, seen);
        break;
    case 0x00:
    case 0x35:
        break;
    default:
        fail();
    }
}

/* False: it stays on the ring. */
static bool request_run(struct fake_device *of, uint16_t head)
{
    static struct seen_request seen;
    struct fake_target *target;

    request_see(of, head, &seen);
    assert_int_equal(seen.header.lun[0], 1);
    assert_true(seen.header.lun[1] < TARGETS);
    target = &of->targets[seen.header.lun[1]];
    if (target->holds || (target->kind == IS_SILENT && seen.header.cdb[0] == 0x12))
        return false;
    memset(seen.response, 0, sizeof(*seen.response));
    memcpy(target->seen[target->seen_count++ % LOG], seen.header.cdb, 16);
    if (target->kind == IS_NOTHING)
        seen.response->response = VIRTIO_SCSI_BAD_TARGET;
    else if (target->attentions && target->attentions--)
        sense_put(&seen, 6, 0x29);
    else if (target->busy && target->busy--)
        seen.response->status = 0x28;
    else
        command_run(target, &seen);
    return true;
}

static void devices_run(void)
{
    for (unsigned int n = 0; n < 2; n++) {
        struct fake_device *of = &devices[n];

        for (unsigned int i = 0; i < of->published; i++)
            if (!of->done[i] && request_run(of, of->ring[i])) {
                of->done[i] = true;
                of->used[of->used_count++] = of->ring[i];
            }
        if (of->used_count != of->used_taken && of->handler)
            of->handler(n + 1, of->handler_arg);
    }
}

#endif

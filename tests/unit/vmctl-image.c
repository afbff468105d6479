/*
 * Kernel files as vmctl takes them: ELF notes, bzImages, all seven packings; and what a hostile
 * file may do, which is nothing.
 *
 * Sources: tools/vmctl/image/elf.c tools/vmctl/image/image.c tools/vmctl/image/unpack.c
 * Sources: tools/vmctl/image/unpack-gzip.c tools/vmctl/image/unpack-xz.c
 * Sources: tools/vmctl/image/unpack-zstd.c tools/vmctl/image/unpack-bzip2.c
 * Sources: tools/vmctl/image/unpack-lz4.c tools/vmctl/image/unpack-lzo.c
 * Sources: tools/vmctl/failure.c
 * Libraries: -lz -llzma -lzstd -llz4 -lbz2 -llzo2
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

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "vmctl/image/image.h"
#include "vmctl/image/unpack.h"
#include "vmctl/platform/platform.h"

int platform_file_open(const char *path, struct platform_file *file)
{
    (void)path;
    (void)file;
    return -ENOENT;
}

void platform_file_close(struct platform_file *file)
{
    (void)file;
}

#define KERNEL_SIZE 8192

static uint8_t kernel[KERNEL_SIZE];
static struct kernel_image image;
static struct failure failure;

static void put(size_t offset, const void *data, size_t size)
{
    memcpy(kernel + offset, data, size);
}

static void put16(size_t offset, uint16_t value)
{
    put(offset, &value, 2);
}

static void put32(size_t offset, uint32_t value)
{
    put(offset, &value, 4);
}

static void put64(size_t offset, uint64_t value)
{
    put(offset, &value, 8);
}

#define NOTES 0x200
static size_t notes_end;

static void note(uint32_t type, const void *data, uint32_t size)
{
    put32(notes_end, 4);
    put32(notes_end + 4, size);
    put32(notes_end + 8, type);
    put(notes_end + 12, "Xen", 4);
    put(notes_end + 16, data, size);
    notes_end += 16 + ((size + 3) & ~3u);
    put64(0x40 + 56 + 32, notes_end - NOTES); /* the PT_NOTE's size */
}

static void note64(uint32_t type, uint64_t value)
{
    note(type, &value, 8);
}

/* A PV kernel of one segment, as the linker would make it. */
static int make_kernel(void **state)
{
    (void)state;
    memset(kernel, 0, sizeof(kernel));
    memset(&failure, 0, sizeof(failure));
    put(0, "\177ELF\2\1\1", 7);
    put16(16, 2);
    put16(18, 62);
    put64(24, 0xffffffff81000100);
    put64(32, 0x40); /* program headers */
    put16(54, 56);
    put16(56, 2);
    put32(0x40, 1); /* PT_LOAD: file 0x1000+0x800 -> 1 MiB + 0x2000 */
    put64(0x40 + 8, 0x1000);
    put64(0x40 + 24, 0x1000000);
    put64(0x40 + 32, 0x800);
    put64(0x40 + 40, 0x2000);
    put32(0x40 + 56, 4); /* PT_NOTE */
    put64(0x40 + 56 + 8, NOTES);
    notes_end = NOTES;
    note(5, "xen-3.0", 8);
    note(6, "linux", 6);
    note64(1, 0xffffffff81000100);
    note64(3, 0xffffffff80000000);
    note64(15, 0x8000000000);
    note(16, "\1\0\0\0", 4);
    return 0;
}

static int load(const void *data, size_t size)
{
    failure.text[0] = '\0';
    return kernel_image_from_memory(&image, "k", data, size, &failure);
}

static void expect_refusal(const char *message)
{
    assert_int_not_equal(load(kernel, sizeof(kernel)), 0);
    if (!strstr(failure.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, failure.text);
}

static void an_elf_kernel_is_understood(void **state)
{
    (void)state;
    assert_int_equal(load(kernel, sizeof(kernel)), 0);
    assert_int_equal(image.elf.segment_count, 1);
    assert_int_equal(image.elf.start, 0x1000000);
    assert_int_equal(image.elf.end, 0x1002000);
    assert_true(image.elf.entry == 0xffffffff81000100);
    assert_true(image.elf.virt_base == 0xffffffff80000000);
    assert_true(image.elf.has_init_p2m && image.elf.mod_start_pfn);
    assert_false(image.elf.has_hypercall_page);
    assert_string_equal(image.elf.guest_os, "linux");
    kernel_image_close(&image);
}

static void bad_elf_files_are_told_apart(void **state)
{
    (void)state;
    kernel[4] = 1;
    expect_refusal("32-bit kernel");
    make_kernel(NULL);
    put16(18, 183);
    expect_refusal("not for x86-64");
    make_kernel(NULL);
    put32(0x40 + 56, 0);
    expect_refusal("no Xen notes");
    make_kernel(NULL);
    put64(0x40 + 32, 0x8000);
    put64(0x40 + 40, 0x8000);
    expect_refusal("a segment is not in the file");
    make_kernel(NULL);
    put64(32, 0x7fffffffffffffff);
    expect_refusal("bad program headers");
    make_kernel(NULL);
    put64(0x40 + 24, 0xfffffffffffff000);
    expect_refusal("absurd");
    make_kernel(NULL);
    note64(1, 0x1234);
    expect_refusal("entry point is outside");
    make_kernel(NULL);
    note(5, "xen-9.9", 8);
    expect_refusal("another Xen interface");
    make_kernel(NULL);
    note64(2, 0xffffffff81000123);
    expect_refusal("hypercall page");
    memset(kernel, 'x', sizeof(kernel));
    expect_refusal("neither ELF nor bzImage");
    assert_int_not_equal(load("", 0), 0);
    assert_non_null(strstr(failure.text, "empty"));
}

#define SECTIONS 0x400
#define STRINGS  0x600

static void section(unsigned int index, uint32_t name, uint32_t type, uint64_t offset,
                    uint64_t size)
{
    size_t at = SECTIONS + index * 64;

    put32(at, name);
    put32(at + 4, type);
    put64(at + 24, offset);
    put64(at + 32, size);
}

/* No notes, but the section that was there before them, with this in it. */
static void with_guest_string(const char *text)
{
    make_kernel(NULL);
    put32(0x40 + 56, 0); /* no PT_NOTE */
    put64(40, SECTIONS);
    put16(58, 64); /* their size, number, and which has the names */
    put16(60, 3);
    put16(62, 1);
    put(STRINGS, "\0.names\0__xen_guest", 20);
    section(1, 1, 3, STRINGS, 20);
    section(2, 8, 1, STRINGS + 32, strlen(text) + 1);
    put(STRINGS + 32, text, strlen(text) + 1);
}

static void a_kernel_without_an_entry_note_starts_as_elf_says(void **state)
{
    (void)state;
    put32(NOTES + 24 + 24 + 8, 0x7fffffff); /* ENTRY becomes one that nobody knows */
    assert_int_equal(load(kernel, sizeof(kernel)), 0);
    assert_true(image.elf.entry == 0xffffffff81000100);
    kernel_image_close(&image);
    put64(24, 0xffffffff81002000);
    expect_refusal("entry point is outside");
    put32(NOTES + 8, 18); /* PHYS32_ENTRY in the place of XEN_VERSION */
    expect_refusal("a PVH kernel");
}

static void a_guest_string_is_understood(void **state)
{
    (void)state;
    with_guest_string(
        "GUEST_OS=Mini,XEN_VER=xen-3.0,VIRT_BASE=0x1000000,ELF_PADDR_OFFSET=0x1000000,"
        "HYPERCALL_PAGE=0x1,LOADER=generic,PAE=yes");
    put64(24, 0x1000100);
    assert_int_equal(load(kernel, sizeof(kernel)), 0);
    assert_true(image.elf.entry == 0x1000100);
    assert_true(image.elf.virt_base == 0x1000000 && image.elf.paddr_offset == 0x1000000);
    assert_true(image.elf.has_hypercall_page && image.elf.hypercall_page == 0x1001000);
    kernel_image_close(&image);
    with_guest_string("XEN_VER=xen-3.0,VIRT_BASE=0x800000,VIRT_ENTRY=0x1000200,LOADER=generic");
    assert_int_equal(load(kernel, sizeof(kernel)), 0);
    assert_true(image.elf.entry == 0x1000200 && image.elf.paddr_offset == 0x800000);
    kernel_image_close(&image);
    with_guest_string("XEN_VER=xen-2.0");
    expect_refusal("another Xen interface");
    section(2, 9, 1, STRINGS + 32, 10); /* xen_guest */
    expect_refusal("no Xen notes");
    section(2, 8, 1, KERNEL_SIZE - 4, 10);
    expect_refusal("no Xen notes");
}

static void notes_with_odd_addresses_are_refused(void **state)
{
    (void)state;
    note64(3, 0xffffffff80000100);
    expect_refusal("not a page's address");
    make_kernel(NULL);
    note64(4, 0x800);
    expect_refusal("not a page's address");
    make_kernel(NULL);
    note64(4, 0x2000000);
    expect_refusal("below its own base");
    make_kernel(NULL);
    note64(3, 0xfffffffffffff000); /* it wraps before the kernel begins */
    note64(1, 0xfff100);
    expect_refusal("entry point is outside");
}

/* What would be read, or cleared, again and again. */
static void repetitions_are_refused(void **state)
{
    static uint8_t large[1 << 20];

    (void)state;
    put16(56, 3);
    memcpy(kernel + 0x40 + 112, kernel + 0x40, 56); /* the same segment once more */
    expect_refusal("segments overlap");
    put64(0x40 + 112 + 24, 0x1001fff);
    expect_refusal("segments overlap");
    put64(0x40 + 112 + 24, 0x1002000);
    assert_int_equal(load(kernel, sizeof(kernel)), 0);
    kernel_image_close(&image);
    make_kernel(NULL);
    memcpy(large, kernel, sizeof(kernel));
    memset(large + sizeof(kernel), 0, sizeof(large) - sizeof(kernel));
    uint64_t size = sizeof(large) - NOTES; /* zeroes: notes of twelve bytes */

    memcpy(large + 0x40 + 56 + 32, &size, 8);
    assert_int_not_equal(load(large, sizeof(large)), 0);
    assert_non_null(strstr(failure.text, "too many notes"));
}

static uint8_t packed[4 * KERNEL_SIZE];

static size_t pack_gzip(void)
{
    z_stream stream = {
        .next_in = kernel, .avail_in = KERNEL_SIZE, .next_out = packed, .avail_out = sizeof(packed)
    };

    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

static size_t pack_xz(void)
{
    size_t size = 0;

    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, kernel, KERNEL_SIZE, packed,
                                             &size, sizeof(packed)),
                     LZMA_OK);
    return size;
}

static size_t pack_lzma(void)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_options_lzma options;

    lzma_lzma_preset(&options, 6);
    assert_int_equal(lzma_alone_encoder(&stream, &options), LZMA_OK);
    stream.next_in = kernel;
    stream.avail_in = KERNEL_SIZE;
    stream.next_out = packed;
    stream.avail_out = sizeof(packed);
    assert_int_equal(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
    lzma_end(&stream);
    return stream.total_out;
}

static size_t pack_zstd(void)
{
    return ZSTD_compress(packed, sizeof(packed), kernel, KERNEL_SIZE, 3);
}

static size_t pack_bzip2(void)
{
    unsigned int size = sizeof(packed);

    assert_int_equal(
        BZ2_bzBuffToBuffCompress((char *)packed, &size, (char *)kernel, KERNEL_SIZE, 9, 0, 0),
        BZ_OK);
    return size;
}

static size_t pack_lz4(void)
{
    uint32_t magic = 0x184c2102,
             size = (uint32_t)LZ4_compress_default((char *)kernel, (char *)packed + 8, KERNEL_SIZE,
                                                   (int)sizeof(packed) - 8);

    memcpy(packed, &magic, 4);
    memcpy(packed + 4, &size, 4);
    return 8 + size;
}

static void big(size_t *at, uint32_t value, size_t bytes)
{
    while (bytes--)
        packed[(*at)++] = (uint8_t)(value >> (8 * bytes));
}

static size_t pack_lzo(void)
{
    static uint8_t work[LZO1X_1_MEM_COMPRESS] __attribute__((aligned(16)));
    lzo_uint size = 0;
    size_t at = 9, sizes;

    memcpy(packed, "\x89LZO\0\r\n\x1a\n", 9);
    big(&at, 0x1030, 2);
    big(&at, 0x2080, 2);
    big(&at, 0x0940, 2);
    big(&at, 1, 1); /* method, level */
    big(&at, 5, 1);
    big(&at, 1, 4); /* flags: a checksum of the unpacked data */
    big(&at, 0, 4); /* mode, time, time */
    big(&at, 0, 4);
    big(&at, 0, 4);
    big(&at, 0, 1); /* no name */
    big(&at, 0, 4); /* header checksum */
    sizes = at;
    at += 12;
    lzo1x_1_compress(kernel, KERNEL_SIZE, packed + at, &size, work);
    big(&sizes, KERNEL_SIZE, 4);
    big(&sizes, (uint32_t)size, 4);
    big(&sizes, 0, 4);
    at += size;
    big(&at, 0, 4);
    return at;
}

static size_t (*const packers[])(void) = { pack_gzip,  pack_xz,  pack_lzma, pack_zstd,
                                           pack_bzip2, pack_lz4, pack_lzo };

#define PACKERS (sizeof(packers) / sizeof(packers[0]))

/* A bzImage around what is in `packed`, with the unpacked size behind it as Linux does. */
static size_t make_bzimage(uint8_t *to, size_t size)
{
    uint32_t offset = 0x100, length = (uint32_t)size + 4, unpacked = KERNEL_SIZE;

    memset(to, 0, 3 * 512);
    to[0x1f1] = 1;
    memcpy(to + 0x202, "HdrS\x0f\x02", 6);
    memcpy(to + 0x248, &offset, 4);
    memcpy(to + 0x24c, &length, 4);
    memcpy(to + 1024 + offset, packed, size);
    memcpy(to + 1024 + offset + size, &unpacked, 4);
    return 1024 + offset + length;
}

static void every_packing_is_unpacked(void **state)
{
    static uint8_t bzimage[sizeof(packed) + 4096];

    (void)state;
    for (size_t i = 0; i < PACKERS; i++) {
        kernel[0x1000] = (uint8_t)i; /* another content, so that the cache does not answer */
        size_t size = packers[i]();

        assert_int_equal(load(packed, size), 0);
        assert_int_equal(image.size, KERNEL_SIZE);
        assert_memory_equal(image.data, kernel, KERNEL_SIZE);
        kernel_image_close(&image);
        kernel[0x1000] = (uint8_t)(i + 100);
        size = packers[i]();
        if (load(bzimage, make_bzimage(bzimage, size)))
            fail_msg("packer %zu: %s", i, failure.text);
        assert_memory_equal(image.data, kernel, KERNEL_SIZE);
        kernel_image_close(&image);
    }
}

static void truncated_and_corrupt_data_is_refused(void **state)
{
    unsigned int seed = 3;

    (void)state;
    for (size_t i = 0; i < PACKERS; i++) {
        size_t size = packers[i]();

        for (size_t cut = 1; cut < size; cut += 1 + size / 50) {
            assert_int_not_equal(load(packed, size - cut), 0);
            assert_true(failure.text[0]);
        }
        for (int round = 0; round < 300; round++) {
            size = packers[i]();
            for (int flips = 0; flips < 3; flips++)
                packed[(size_t)rand_r(&seed) % size] ^= (uint8_t)(1 << rand_r(&seed) % 8);
            if (!load(packed, size))
                kernel_image_close(&image);
        }
    }
}

static void bombs_are_bounded(void **state)
{
    static uint8_t zeros[1 << 20];
    z_stream stream = { .next_in = zeros };
    size_t room = 2 << 20;
    uint8_t *bomb = malloc(room);

    (void)state;
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_out = bomb;
    stream.avail_out = (uInt)room;
    for (int i = 0; i < 300; i++) {
        stream.next_in = zeros;
        stream.avail_in = sizeof(zeros);
        deflate(&stream, i == 299 ? Z_FINISH : Z_NO_FLUSH);
    }
    deflateEnd(&stream);
    assert_int_equal(load(bomb, stream.total_out), -EFBIG);
    free(bomb);
}

static void unpacked_images_are_kept(void **state)
{
    const uint8_t *first;

    (void)state;
    kernel[0x1001] = 0x77;
    size_t size = pack_gzip();

    assert_int_equal(load(packed, size), 0);
    first = image.data;
    kernel_image_close(&image);
    assert_int_equal(load(packed, size), 0);
    assert_ptr_equal(image.data, first);
    kernel_image_close(&image);
}

/* The bound holds where sizes have passed it, and a packed file's claim is not paid for. */
static void bounds_of_unpacking(void **state)
{
    struct unpacked out = { NULL, UNPACKED_MAX + 1, 2 * (size_t)UNPACKED_MAX };

    (void)state;
    assert_int_equal(unpacked_reserve(&out, 1), -EFBIG);
    out.size = UNPACKED_MAX - 10;
    assert_int_equal(unpacked_window(&out), 10);
    assert_int_equal(unpacked_reserve(&out, 11), -EFBIG);
    out = (struct unpacked){ NULL, 0, 0 };
    unpacked_expect(&out, UNPACKED_MAX, 1000);
    assert_null(out.data);
    unpacked_expect(&out, 16000, 1000);
    assert_non_null(out.data);
    free(out.data);
}

/* What images were once kept by: every step can be undone. */
#define MULTIPLIER 0x9e3779b97f4a7c15ULL

static uint64_t hash_words(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325ULL, word;

    for (; size; data += 8, size -= 8) {
        memcpy(&word, data, 8);
        hash = (hash ^ word) * MULTIPLIER;
        hash ^= hash >> 29;
    }
    return hash;
}

/* The last word with which a hash that stands at `before` becomes `after`. */
static uint64_t word_for(uint64_t before, uint64_t after)
{
    uint64_t inverse = MULTIPLIER, x = after ^ after >> 29 ^ after >> 58;

    for (int i = 0; i < 6; i++)
        inverse *= 2 - MULTIPLIER * inverse;
    return before ^ x * inverse;
}

static void a_kernel_never_starts_as_another(void **state)
{
    static uint8_t first[sizeof(packed)], second[sizeof(packed)];
    size_t size = 2 * KERNEL_SIZE;
    uint64_t word;

    (void)state;
    kernel[0x1002] = 1;
    size_t length = pack_gzip();

    memcpy(first, packed, length);
    kernel[0x1002] = 2;
    length = pack_gzip();
    memcpy(second, packed, length);
    word = word_for(hash_words(second, size - 8), hash_words(first, size));
    memcpy(second + size - 8, &word, 8); /* behind the packed data: nobody's business */
    assert_true(hash_words(first, size) == hash_words(second, size));
    assert_int_equal(load(first, size), 0);
    assert_int_equal(image.data[0x1002], 1);
    kernel_image_close(&image);
    assert_int_equal(load(second, size), 0);
    assert_int_equal(image.data[0x1002], 2);
    kernel_image_close(&image);
}

static void random_elf_files_do_no_harm(void **state)
{
    unsigned int seed = 5;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        make_kernel(NULL);
        for (int flips = rand_r(&seed) % 8; flips >= 0; flips--)
            kernel[(size_t)rand_r(&seed) % (NOTES + 0x100)] = (uint8_t)rand_r(&seed);
        size_t size = rand_r(&seed) % 4 ? sizeof(kernel) : (size_t)rand_r(&seed) % sizeof(kernel);

        if (!load(kernel, size)) {
            for (size_t s = 0; s < image.elf.segment_count; s++)
                assert_true(image.elf.segments[s].offset + image.elf.segments[s].file_size <=
                            image.size);
            kernel_image_close(&image);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_elf_kernel_is_understood, make_kernel),
        cmocka_unit_test_setup(bad_elf_files_are_told_apart, make_kernel),
        cmocka_unit_test_setup(every_packing_is_unpacked, make_kernel),
        cmocka_unit_test_setup(truncated_and_corrupt_data_is_refused, make_kernel),
        cmocka_unit_test_setup(bombs_are_bounded, make_kernel),
        cmocka_unit_test_setup(unpacked_images_are_kept, make_kernel),
        cmocka_unit_test_setup(a_kernel_without_an_entry_note_starts_as_elf_says, make_kernel),
        cmocka_unit_test_setup(a_guest_string_is_understood, make_kernel),
        cmocka_unit_test_setup(notes_with_odd_addresses_are_refused, make_kernel),
        cmocka_unit_test_setup(repetitions_are_refused, make_kernel),
        cmocka_unit_test_setup(bounds_of_unpacking, make_kernel),
        cmocka_unit_test_setup(a_kernel_never_starts_as_another, make_kernel),
        cmocka_unit_test_setup(random_elf_files_do_no_harm, make_kernel),
    };

    return cmocka_run_group_tests_name("vmctl-image", tests, NULL, NULL);
}

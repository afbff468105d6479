/*
 * vmctl on a Linux dom0: hypercalls and foreign memory through /dev/xen/privcmd, the rest
 * through the C library.  Consoles are console.c, xenstore xenstore.c beside it.
 */
#include "vmctl/platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Linux's include/uapi/xen/privcmd.h. */
struct privcmd_hypercall {
    uint64_t op;
    uint64_t arg[5];
};
struct privcmd_mmapbatch_v2 {
    unsigned int num;
    uint16_t dom;
    uint64_t addr;
    const uint64_t *arr;
    int *err;
};
#define IOCTL_PRIVCMD_HYPERCALL    _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define IOCTL_PRIVCMD_MMAPBATCH_V2 _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))

#define PAGE 4096u

static int privcmd = -1;

int platform_open(void)
{
    if (privcmd >= 0)
        return 0;
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (privcmd < 0)
        privcmd = open("/proc/xen/privcmd", O_RDWR | O_CLOEXEC);
    return privcmd < 0 ? -errno : 0;
}

/* Debian's grub-xen-host. */
const char *platform_pvgrub(void)
{
    return "/usr/lib/grub-xen/grub-x86_64-xen.bin";
}

bool platform_makes_all_guests(void)
{
    return false;
}

long platform_hypercall(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                        uint64_t a5)
{
    struct privcmd_hypercall call = { number, { a1, a2, a3, a4, a5 } };
    int result = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

    return result < 0 ? -errno : result;
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

void *platform_buffer_alloc(size_t bytes)
{
    void *buffer = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

    return buffer == MAP_FAILED ? NULL : buffer;
}

void platform_buffer_free(void *buffer, size_t bytes)
{
    if (buffer)
        munmap(buffer, whole_pages(bytes));
}

int platform_foreign_map(uint32_t domid, const uint64_t *gfns, size_t count, void **address)
{
    int *errors = calloc(count, sizeof(*errors)), result = 0;
    void *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);
    struct privcmd_mmapbatch_v2 batch = { (unsigned int)count, (uint16_t)domid,
                                          (uint64_t)(uintptr_t)at, gfns, errors };

    if (!errors || at == MAP_FAILED)
        result = -ENOMEM;
    else if (ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) < 0)
        result = -errno;
    for (size_t i = 0; !result && i < count; i++)
        result = errors[i];
    free(errors);
    if (result && at != MAP_FAILED)
        munmap(at, count * PAGE);
    *address = at;
    return result;
}

void platform_foreign_unmap(void *address, size_t count)
{
    munmap(address, count * PAGE);
}

static int read_whole(int fd, char *to, size_t size, size_t *length)
{
    for (*length = 0; *length < size;) {
        ssize_t got = read(fd, to + *length, size - *length);

        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    return 0;
}

int platform_file_open(const char *path, struct platform_file *file)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

    memset(file, 0, sizeof(*file));
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status))
        error = -errno;
    else if (!S_ISREG(status.st_mode))
        error = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    char *copy = error ? NULL : malloc((size_t)status.st_size + 1);

    if (!error)
        error = copy ? read_whole(fd, copy, (size_t)status.st_size, &file->size) : -ENOMEM;
    close(fd);
    if (error)
        free(copy);
    else
        file->data = file->handle = copy;
    return error;
}

void platform_file_close(struct platform_file *file)
{
    free(file->handle);
    memset(file, 0, sizeof(*file));
}

int64_t platform_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t platform_wall_seconds(void)
{
    return time(NULL);
}

void platform_sleep_ns(uint64_t duration_ns)
{
    struct timespec rest = { (time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000) };

    nanosleep(&rest, NULL);
}

/* Processes are not asked. */
void platform_yield(void)
{
}

int platform_background(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    fflush(stdout);
    pid_t child = fork();

    if (child < 0)
        return -errno;
    if (child)
        return 0;
    setsid();
    int null = open("/dev/null", O_RDWR);

    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
    }
    function(argument);
    _exit(0);
}

int platform_aside(const char *name, void (*function)(void *), void *argument)
{
    (void)name;
    function(argument);
    return 0;
}

/* A number in a file of a device's folder in /sys; 0 if there is none. */
static uint64_t sys_number(const char *folder, const char *file)
{
    unsigned long long number = 0;
    char path[256];

    snprintf(path, sizeof(path), "%.200s/%s", folder, file);
    FILE *in = fopen(path, "re");

    if (!in)
        return 0;
    if (fscanf(in, "%llu", &number) != 1)
        number = 0;
    fclose(in);
    return number;
}

/* The disk's name: of a partition, that of the folder its own lies in. */
static void find_disk_name(struct platform_disk *disk)
{
    char link[64], folder[PATH_MAX], *name;

    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", (unsigned int)disk->major,
             (unsigned int)disk->minor);
    snprintf(disk->disk, sizeof(disk->disk), "%u:%u", (unsigned int)disk->major,
             (unsigned int)disk->minor);
    if (!realpath(link, folder))
        return;
    if (sys_number(folder, "partition")) {
        disk->first = sys_number(folder, "start");
        *strrchr(folder, '/') = '\0';
    }
    name = strrchr(folder, '/');
    if (name)
        snprintf(disk->disk, sizeof(disk->disk), "%.31s", name + 1);
}

/* udev's links say what PARTLABEL= and PARTUUID= mean. */
static int device_path(const char *name, char *path, size_t size)
{
    char link[320], whole[PATH_MAX];

    if (!strncmp(name, "PARTLABEL=", 10))
        snprintf(link, sizeof(link), "/dev/disk/by-partlabel/%.256s", name + 10);
    else if (!strncmp(name, "PARTUUID=", 9))
        snprintf(link, sizeof(link), "/dev/disk/by-partuuid/%.256s", name + 9);
    else
        snprintf(link, sizeof(link), "%s%.256s", name[0] == '/' ? "" : "/dev/", name);
    if (!realpath(link, whole))
        return -errno;
    return snprintf(path, size, "%s", whole) < (int)size ? 0 : -ENAMETOOLONG;
}

int platform_disk_find(const char *name, struct platform_disk *disk)
{
    struct stat status;
    uint64_t bytes = 0;
    int fd, read_only = 0, error;

    memset(disk, 0, sizeof(*disk));
    error = device_path(name, disk->path, sizeof(disk->path));
    if (error)
        return error;
    if (stat(disk->path, &status))
        return -errno;
    if (!S_ISBLK(status.st_mode))
        return -ENOTBLK;
    fd = open(disk->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ioctl(fd, _IOR(0x12, 114, size_t), &bytes); /* BLKGETSIZE64 */
    ioctl(fd, _IO(0x12, 94), &read_only);       /* BLKROGET */
    close(fd);
    disk->sectors = bytes / 512;
    disk->read_only = read_only != 0;
    disk->major = major(status.st_rdev);
    disk->minor = minor(status.st_rdev);
    find_disk_name(disk);
    return 0;
}

void platform_terminal_write(const char *data, size_t length)
{
    fwrite(data, 1, length, stdout);
    fflush(stdout);
}

bool platform_is_attended(void)
{
    return isatty(STDOUT_FILENO);
}

/* SIGINT does what it always does. */
bool platform_interrupted(void)
{
    return false;
}

int platform_keyboard_raw(bool on)
{
    static struct termios before;
    static bool raw;
    struct termios settings;

    if (on == raw)
        return 0;
    if (on && tcgetattr(0, &before))
        return -errno;
    settings = before;
    if (on)
        cfmakeraw(&settings);
    raw = on;
    return tcsetattr(0, on ? TCSANOW : TCSAFLUSH, &settings) ? -errno : 0;
}

int platform_keyboard_read(char *byte, int64_t timeout_ns)
{
    struct pollfd keyboard = { 0, POLLIN, 0 };
    int ready = poll(&keyboard, 1, timeout_ns < 0 ? -1 : (int)(timeout_ns / 1000000));

    if (ready == 0)
        return -ETIMEDOUT;
    if (ready < 0)
        return -errno;
    ssize_t got = read(0, byte, 1);

    return got == 1 ? 0 : got == 0 ? -EPIPE : -errno;
}

void platform_random(void *buffer, size_t size)
{
    if (getrandom(buffer, size, 0) < 0)
        memset(buffer, 0x5a, size);
}

/*
 * guest-bench: what the kernel's basic services cost inside a machine, one line each:
 *     bench NAME NANOSECONDS
 * Fixed counts; under QEMU's -icount shift=0 a nanosecond is an instruction.  Runs as init of an
 * initramfs (natively or as a guest) or as a program.  Each figure is the median of five.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB   (1UL << 20)
#define PAGES 1024

static char *self;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void need(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static char *anonymous(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    need(p != MAP_FAILED, "mmap");
    madvise(p, bytes, MADV_NOHUGEPAGE);
    return p;
}

static void touch(char *p, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 4096)
        ((volatile char *)p)[at] = 1;
}

static uint64_t bench_getppid(long n)
{
    uint64_t start = now();

    while (n--)
        syscall(SYS_getppid);
    return now() - start;
}

static uint64_t bench_clock(long n)
{
    uint64_t start = now();

    while (n--)
        now();
    return now() - start;
}

static void echo(int in, int out)
{
    char c;

    while (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
        ;
    _exit(0);
}

static uint64_t bench_pipe(long n)
{
    int there[2], back[2];
    uint64_t start = 0;
    char c = 0;
    pid_t child;

    need(!pipe(there) && !pipe(back), "pipe");
    child = fork();
    if (!child) {
        close(there[1]);
        echo(there[0], back[1]);
    }
    for (long i = -8; i < n; i++) {
        if (!i)
            start = now();
        need(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1, "round trip");
    }
    start = now() - start;
    close(there[0]);
    close(there[1]);
    close(back[0]);
    close(back[1]);
    waitpid(child, NULL, 0);
    return start;
}

static uint64_t bench_fork(long n)
{
    uint64_t start = now();

    while (n--) {
        pid_t child = fork();

        if (!child)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    return now() - start;
}

static uint64_t bench_exec(long n)
{
    uint64_t start = now();

    while (n--) {
        pid_t child = fork();
        int status;

        if (!child) {
            execl(self, self, "true", NULL);
            _exit(1);
        }
        waitpid(child, &status, 0);
        need(!status, "exec");
    }
    return now() - start;
}

static uint64_t bench_fault(long n)
{
    uint64_t total = 0;

    for (long done = 0; done < n; done += PAGES) {
        char *p = anonymous(PAGES * 4096);
        uint64_t start = now();

        touch(p, PAGES * 4096);
        total += now() - start;
        munmap(p, PAGES * 4096);
    }
    return total;
}

static uint64_t bench_map_anonymous(long n)
{
    uint64_t start = now();

    while (n--) {
        char *p = anonymous(MIB);

        touch(p, MIB);
        munmap(p, MIB);
    }
    return now() - start;
}

static uint64_t bench_map_file(long n)
{
    static int fd = -1;
    uint64_t start;
    int sum = 0;

    if (fd < 0) {
        fd = memfd_create("bench", 0);
        need(fd >= 0 && !ftruncate(fd, MIB), "memfd");
        touch(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MIB);
    }
    start = now();
    while (n--) {
        char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);

        for (size_t at = 0; at < MIB; at += 4096)
            sum += ((volatile char *)p)[at];
        munmap(p, MIB);
    }
    need(sum != 0, "file");
    return now() - start;
}

static uint64_t bench_mprotect(long n)
{
    char *p = anonymous(4096);
    uint64_t start;

    touch(p, 4096);
    start = now();
    while (n--)
        mprotect(p, 4096, n & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
    start = now() - start;
    munmap(p, 4096);
    return start;
}

static void on_signal(int number)
{
    (void)number;
}

static uint64_t bench_signal(long n)
{
    uint64_t start;

    signal(SIGUSR1, on_signal);
    start = now();
    while (n--)
        kill(getpid(), SIGUSR1);
    return now() - start;
}

static char *guarded;

static void on_fault(int number)
{
    (void)number;
    mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

static uint64_t bench_segv(long n)
{
    uint64_t start;

    guarded = anonymous(4096);
    signal(SIGSEGV, on_fault);
    start = now();
    while (n--) {
        mprotect(guarded, 4096, PROT_READ);
        *(volatile char *)guarded = 1;
    }
    start = now() - start;
    signal(SIGSEGV, SIG_DFL);
    munmap(guarded, 4096);
    return start;
}

static const struct bench {
    const char *name;
    uint64_t (*run)(long n);
    long count;
} benches[] = {
    { "getppid", bench_getppid, 20000 },
    { "clock_gettime", bench_clock, 20000 },
    { "pipe-round-trip", bench_pipe, 1000 },
    { "fork-exit-wait", bench_fork, 30 },
    { "fork-exec-wait", bench_exec, 20 },
    { "page-fault", bench_fault, 4 * PAGES },
    { "mmap-1m-anonymous", bench_map_anonymous, 20 },
    { "mmap-1m-file", bench_map_file, 20 },
    { "mprotect", bench_mprotect, 2000 },
    { "signal", bench_signal, 2000 },
    { "segv-fix-return", bench_segv, 1000 },
};

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure(const struct bench *bench)
{
    uint64_t results[5];

    bench->run(bench->count / 10 + 1);
    for (int i = 0; i < 5; i++)
        results[i] = bench->run(bench->count);
    qsort(results, 5, sizeof(*results), compare);
    printf("bench %s %.0f\n", bench->name, (double)results[2] / (double)bench->count);
    fflush(stdout);
}

/* Sequential and random access to a raw disk, in MB/s and operations a second. */
static void measure_disk(const char *path)
{
    int fd = open(path, O_RDWR | O_DIRECT);
    char *buffer = anonymous(MIB);
    uint64_t start;
    uint32_t seed = 1;

    if (fd < 0)
        return;
    touch(buffer, MIB);
    start = now();
    for (off_t at = 0; at < 48; at++)
        need(pwrite(fd, buffer, MIB, at * (off_t)MIB) == (ssize_t)MIB, "write");
    need(!fsync(fd), "fsync");
    printf("bench disk-sequential-write %.0f\n", 48e9 * 1.048576 / (double)(now() - start));
    start = now();
    for (off_t at = 0; at < 48; at++)
        need(pread(fd, buffer, MIB, at * (off_t)MIB) == (ssize_t)MIB, "read");
    printf("bench disk-sequential-read %.0f\n", 48e9 * 1.048576 / (double)(now() - start));
    start = now();
    for (int i = 0; i < 1000; i++) {
        seed = seed * 1664525 + 1013904223;
        need(pread(fd, buffer, 4096, (off_t)(seed >> 8) % 12288 * 4096) == 4096, "read");
    }
    printf("bench disk-random-read-4k %.0f\n", 1000e9 / (double)(now() - start));
    close(fd);
}

/* A part of a kernel is built, all of its files; make and the compiler come with the initramfs of
 * some runs.  The first time brings everything into memory. */
static void measure_build(void)
{
    uint64_t start = 0;

    if (access("/build/Makefile", F_OK))
        return;
    for (int i = 0; i < 2; i++) {
        pid_t child = vfork();
        int status;

        if (!child) {
            execl("/usr/bin/make", "make", "-s", "-B", "-C", "/build", NULL);
            _exit(127);
        }
        need(waitpid(child, &status, 0) == child && !status, "make");
        start = i ? now() - start : now();
    }
    printf("bench kernel-build %lu\n", start);
}

static void load_modules(void)
{
    FILE *order = fopen("/modules/order", "r");
    char name[128], path[160];

    while (order && fscanf(order, "%127s", name) == 1) {
        int fd;

        snprintf(path, sizeof(path), "/modules/%s", name);
        fd = open(path, O_RDONLY);
        if (fd >= 0)
            syscall(SYS_finit_module, fd, "", 0);
        close(fd);
    }
    if (order)
        fclose(order);
}

static void as_init(void)
{
    int console;

    setenv("PATH", "/usr/bin", 1);
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    console = open("/dev/console", O_RDWR);
    dup2(console, 0);
    dup2(console, 1);
    dup2(console, 2);
    load_modules();
}

int main(int argc, char **argv)
{
    const char *disks[] = { "/dev/xvda", "/dev/vda" };

    if (argc > 1 && !strcmp(argv[1], "true"))
        return 0;
    self = argv[0];
    if (getpid() == 1)
        as_init();
    for (int wait = 0; wait < 30 && access(disks[0], F_OK) && access(disks[1], F_OK); wait++)
        usleep(100000);
    printf("bench-start\n");
    for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++)
        measure(&benches[i]);
    for (int i = 0; i < 2; i++)
        measure_disk(disks[i]);
    measure_build();
    printf("bench-end\n");
    fflush(stdout);
    if (getpid() == 1) {
        sync();
        reboot(RB_POWER_OFF);
    }
    return 0;
}

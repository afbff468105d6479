/* Page tables as programs change them: regions written, protected, shared with a child by fork,
 * copied on write, moved, dropped; every page is compared with what it has to hold. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 800UL
#define PAGE  4096UL
#define FROM  (PAGES / 4) /* what both sides may write */
#define TO    (3 * PAGES / 4)

static void fail(const char *what)
{
    printf("user-pages: %s\n", what);
    fflush(stdout);
    _exit(1);
}

static unsigned long *word(char *area, unsigned long page)
{
    return (unsigned long *)(area + page * PAGE);
}

static void protect(char *area, unsigned long from, unsigned long to, int protection)
{
    if (mprotect(area + from * PAGE, (to - from) * PAGE, protection))
        fail("mprotect");
}

/* add: what has been added to the pages FROM..TO whose number has all bits of mask. */
static void check(char *area, unsigned long base, unsigned long add, unsigned long mask,
                  const char *what)
{
    for (unsigned long i = 0; i < PAGES; i++) {
        unsigned long here = i >= FROM && i < TO && (i & mask) == mask ? add : 0;

        if (*word(area, i) != base + i + here)
            fail(what);
    }
}

static void child(char *area, unsigned long base)
{
    char *moved;

    for (unsigned long i = FROM; i < TO; i++)
        *word(area, i) += 1000;
    check(area, base, 1000, 0, "child: wrong contents");
    protect(area, 0, PAGES, PROT_READ | PROT_WRITE);
    check(area, base, 1000, 0, "child: wrong contents after mprotect");
    moved = mremap(word(area, FROM), (TO - FROM) * PAGE, 2 * (TO - FROM) * PAGE, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED)
        fail("mremap");
    for (unsigned long i = FROM; i < TO; i++)
        if (*word(moved, i - FROM) != base + i + 1000)
            fail("child: wrong contents after mremap");
    _exit(0);
}

static void one_round(unsigned long base)
{
    char *area =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    pid_t pid;

    if (area == MAP_FAILED)
        fail("mmap");
    for (unsigned long i = 0; i < PAGES; i++)
        *word(area, i) = base + i;
    protect(area, 0, PAGES, PROT_READ);
    protect(area, FROM, TO, PROT_READ | PROT_WRITE);
    pid = fork();
    if (pid < 0)
        fail("fork");
    if (!pid)
        child(area, base);
    for (unsigned long i = FROM; i < TO; i++)
        if (i & 1)
            *word(area, i) += 1;
    if (waitpid(pid, &status, 0) != pid || status)
        fail("the child failed");
    check(area, base, 1, 1, "parent: wrong contents");
    munmap(area, PAGES * PAGE);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;

    for (unsigned long i = 0; i < rounds; i++)
        one_round(i << 20);
    printf("user-pages: %lu rounds, ok\n", rounds);
    return 0;
}

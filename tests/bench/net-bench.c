/*
 * TCP and UDP between two machines: how much a second, how long a round trip.  A static program for
 * guests, for a Linux dom0 and for the machine outside.
 *
 *     net-bench serve PORT                 answers for ever, TCP and UDP
 *     net-bench send|receive|rtt|packets HOST PORT SECONDS
 *
 * A TCP client's first byte says what is wanted: 's' the server only reads, 'r' it only writes, 't'
 * it sends back each byte.  UDP: the server counts datagrams; one that starts with '?' is answered
 * with how many came since the last.  Output: "net-bench KIND FIGURE".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DATAGRAM 64

static char buffer[128 << 10];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listener(int type, int port)
{
    int s = socket(AF_INET, type, 0), on = 1;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(s, (struct sockaddr *)&address, sizeof(address)))
        die("bind");
    if (type == SOCK_STREAM && listen(s, 16))
        die("listen");
    return s;
}

static void no_delay(int s)
{
    int on = 1;

    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void serve_one(int s)
{
    ssize_t n;
    char kind;

    no_delay(s);
    if (read(s, &kind, 1) != 1)
        exit(1);
    if (kind == 'r')
        while (write(s, buffer, sizeof(buffer)) > 0)
            ;
    else
        while ((n = read(s, buffer, kind == 't' ? 1 : sizeof(buffer))) > 0)
            if (kind == 't' && write(s, buffer, 1) != 1)
                break;
    exit(0);
}

static void serve_datagrams(int s)
{
    struct sockaddr_in from;
    uint32_t count = 0;

    for (;;) {
        socklen_t length = sizeof(from);
        ssize_t n = recvfrom(s, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

        if (n < 1)
            continue;
        if (buffer[0] != '?') {
            count++;
            continue;
        }
        sendto(s, &count, sizeof(count), 0, (struct sockaddr *)&from, length);
        count = 0;
    }
}

static void serve(int port)
{
    int tcp = listener(SOCK_STREAM, port), udp = listener(SOCK_DGRAM, port);

    if (!fork())
        serve_datagrams(udp);
    for (;;) {
        int s = accept(tcp, NULL, NULL);

        if (s < 0)
            continue;
        if (!fork())
            serve_one(s);
        close(s);
    }
}

static int reach(int type, const char *host, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int s;

    inet_aton(host, &address.sin_addr);
    for (int i = 0; i < 100; i++) {
        s = socket(AF_INET, type, 0);
        if (!connect(s, (struct sockaddr *)&address, sizeof(address)))
            return s;
        close(s);
        usleep(200000);
    }
    die("connect");
    return -1;
}

static void measure_stream(int s, bool sends, double seconds)
{
    double start = now(), took, bytes = 0;
    ssize_t n = 1;

    while ((took = now() - start) < seconds && n > 0) {
        n = sends ? write(s, buffer, sizeof(buffer)) : read(s, buffer, sizeof(buffer));
        if (n > 0)
            bytes += (double)n;
    }
    printf("net-bench %s %.1f Mbit/s\n", sends ? "send" : "receive", bytes * 8 / took / 1e6);
}

static void measure_rtt(int s, double seconds)
{
    double start = now(), took;
    long trips = 0;

    while ((took = now() - start) < seconds && write(s, buffer, 1) == 1 && read(s, buffer, 1) == 1)
        trips++;
    printf("net-bench rtt %.1f us\n", took * 1e6 / (double)(trips ? trips : 1));
}

static uint32_t ask(int s)
{
    struct pollfd ready = { s, POLLIN, 0 };
    uint32_t count = 0;

    for (int i = 0; i < 20; i++) {
        if (send(s, "?", 1, 0) == 1 && poll(&ready, 1, 500) == 1 &&
            recv(s, &count, sizeof(count), 0) == sizeof(count))
            return count;
    }
    die("no answer");
    return 0;
}

static void measure_packets(int s, double seconds)
{
    double start, took;

    ask(s);
    start = now();
    while ((took = now() - start) < seconds)
        for (int i = 0; i < 64; i++)
            send(s, buffer, DATAGRAM, 0);
    usleep(300000);
    printf("net-bench packets %.0f a second\n", (double)ask(s) / took);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    double seconds;
    int s;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 3 && !strcmp(kind, "serve"))
        serve(atoi(argv[2]));
    if (argc != 5)
        return 2;
    seconds = atof(argv[4]);
    s = reach(strcmp(kind, "packets") ? SOCK_STREAM : SOCK_DGRAM, argv[2], atoi(argv[3]));
    no_delay(s);
    if (!strcmp(kind, "packets")) {
        measure_packets(s, seconds);
        return 0;
    }
    if (write(s, *kind == 'r' && kind[1] == 'e' ? "r" : *kind == 's' ? "s" : "t", 1) != 1)
        die("write");
    if (!strcmp(kind, "rtt"))
        measure_rtt(s, seconds);
    else
        measure_stream(s, *kind == 's', seconds);
    return 0;
}

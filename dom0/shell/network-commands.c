/*
 * ip ping nslookup fetch nc: their rows, what they say when something fails, and nslookup.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lwip/dns.h"
#include "lwip/err.h"

#include "network/connection.h"
#include "network/host-names.h"
#include "shell/commands.h"
#include "shell/network.h"
#include "shell/shell.h"

int network_error(int error)
{
    return connection_error(error);
}

/* Errors that mean something particular here, and what to do about them. */
static const struct {
    int error;
    const char *why, *what_to_do;
} reasons[] = {
    { -ENOENT, "no such name, or no DNS server knows it", "`nslookup NAME` names the servers" },
    { -ENETUNREACH, "no DNS server is known", "`ip dhcp renew`, or ip=ADDRESS/N,GATEWAY,DNS" },
    { -EHOSTUNREACH, "no route there", "`ip addr` and `ip route` show what there is" },
    { -ECONNREFUSED, "refused", "nobody listens on that port" },
    { -ECONNRESET, "the other side broke the connection off", "try again" },
    { -ETIMEDOUT, "no answer", "`ping` the machine and its gateway" },
    { -EINTR, "interrupted", "Ctrl-C" },
    { -ENOMEM, "out of memory", "`free` shows dom0's" },
    { -EAFNOSUPPORT, "an address of the other family", "leave -4 or -6 out" },
    { -EADDRINUSE, "the port is in use", "take another" },
};

int network_failed(const char *command, const char *what, int error)
{
    fflush(stdout);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].error == error) {
            fprintf(stderr, "%s: %s: %s (%s)\n", command, what, reasons[i].why,
                    reasons[i].what_to_do);
            return 1;
        }
    fprintf(stderr, "%s: %s: %s\n", command, what, strerror(-error));
    return 1;
}

static const char *lowered(char *text)
{
    for (char *at = text; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return text;
}

const char *network_text(const ip_addr_t *address)
{
    return lowered(ipaddr_ntoa(address));
}

const char *network_text6(const ip6_addr_t *address)
{
    return lowered(ip6addr_ntoa(address));
}

static int lookup(const char *name, enum host_family family)
{
    struct patience patience = patience_ms(NETWORK_PATIENCE_MS);
    ip_addr_t address;
    int error = host_name_resolve(name, family, &patience, &address);

    if (!error)
        printf("%s %s\n", family == HOST_IP4 ? "A   " : "AAAA", network_text(&address));
    return error;
}

int nslookup_command(int argc, char **argv)
{
    int error4, error6;

    if (argc != 2)
        return shell_usage("nslookup NAME");
    error4 = lookup(argv[1], HOST_IP4);
    error6 = error4 == -EINTR ? error4 : lookup(argv[1], HOST_IP6);
    for (unsigned int i = 0; i < DNS_MAX_SERVERS; i++)
        if (!ip_addr_isany(dns_getserver((u8_t)i)))
            printf("server %s\n", network_text(dns_getserver((u8_t)i)));
    return error4 && error6 ? network_failed("nslookup", argv[1], error4) : 0;
}

int shell_network_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "ip", ip_command, "addr|link|route|neigh|dhcp [...]: dom0's addresses and routes" },
        { "ping", ping_command, "[-c COUNT] [-4|-6] HOST: ask a machine for echoes" },
        { "nslookup", nslookup_command, "NAME: a machine's addresses" },
        { "fetch", fetch_command, "URL [FILE]: get a file by HTTP; --put FILE URL: send one" },
        { "nc", nc_command, "[-l] [-u] [-w SECONDS] [-f FILE] [HOST] PORT: a connection by hand" },
        { "net-bench", net_bench_command, "serve PORT: the other end of a guest's net-bench" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}

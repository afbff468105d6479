/*
 * fetch: gets a file by HTTP, or sends one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sha2.h>

#include "libc/files.h"
#include "pv-kernel/clock.h"
#include "shell/commands.h"
#include "shell/http-exchange.h"
#include "shell/network.h"
#include "tasks/task.h"

#define REDIRECTS_MAX 5
#define STRETCH       (32u << 10) /* hashed before others get a turn */
#define USAGE         "fetch [-c] [--sha256 HEX] [--discard] URL [FILE|-], fetch --put FILE URL"

struct fetch {
    const char *url_text, *file, *sha256, *put;
    bool go_on, discard;
    struct http_exchange exchange;
    uint64_t had, got; /* bytes that were there; that came */
    int descriptor;    /* -1: none is open */
    bool stored;       /* there is a file */
    bool to_stdout;
    SHA2_CTX hash;
    uint64_t began; /* when, in ns */
    char name[256]; /* of the file, if the URL says it */
};

static int complain(const char *what, const char *why, const char *what_to_do)
{
    fflush(stdout);
    fprintf(stderr, "fetch: %s: %s (%s)\n", what, why, what_to_do);
    return 1;
}

static int failed(const struct fetch *fetch, int error)
{
    static const struct {
        int error;
        const char *why, *what_to_do;
    } reasons[] = {
        { -EPROTONOSUPPORT, "only http:// is spoken here",
          "dom0 has no TLS: check what came with --sha256" },
        { -EINVAL, "no URL", "http://HOST[:PORT]/PATH" },
        { -EBADMSG, "what came is no HTTP", "check the port" },
        { -E2BIG, "a head that is too large", "take a shorter URL, or another server" },
        { -EPIPE, "the server ended in the middle", "fetch -c goes on" },
        { -ENOSPC, "no room in dom0's memory", "`free`; or --discard, or give dom0 more memory" },
        { -ELOOP, "it is always somewhere else", "too many redirections" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].error == error)
            return complain(fetch->url_text, reasons[i].why, reasons[i].what_to_do);
    return network_failed("fetch", fetch->url_text, error);
}

static void result(const struct fetch *fetch, const char *what)
{
    double seconds = (double)(clock_monotonic_ns() - fetch->began) / 1e9;
    FILE *to = fetch->to_stdout ? stderr : stdout;

    fprintf(to, "%s: %llu bytes in %.2f s, %.1f MiB/s\n", what, (unsigned long long)fetch->got,
            seconds, seconds > 0 ? (double)fetch->got / seconds / (1 << 20) : 0);
}

static int status_failed(const struct fetch *fetch)
{
    char why[64];

    snprintf(why, sizeof(why), "the server answered %d", fetch->exchange.head.status);
    return complain(fetch->url_text, why,
                    fetch->exchange.head.status >= 500 ? "ask its operator" : "check the address");
}

static int keep(void *argument, const uint8_t *data, size_t bytes)
{
    struct fetch *fetch = argument;

    fetch->got += bytes;
    SHA256Update(&fetch->hash, data, bytes);
    if (fetch->to_stdout)
        return fwrite(data, 1, bytes, stdout) == bytes ? 0 : -EIO;
    if (fetch->descriptor < 0)
        return 0;
    errno = ENOSPC;
    return write(fetch->descriptor, data, bytes) == (int)bytes ? 0 : -errno;
}

/* Hashes what of the file is there already. */
static int hash_file(struct fetch *fetch)
{
    struct file_pin pin;
    int error = files_pin(fetch->file, &pin);

    if (error)
        return error;
    for (size_t at = 0; at < pin.size; at += STRETCH) {
        SHA256Update(&fetch->hash, (const uint8_t *)pin.data + at,
                     pin.size - at < STRETCH ? pin.size - at : STRETCH);
        task_yield();
    }
    files_unpin(&pin);
    return 0;
}

/* A -c that finds part of the file asks for the rest. */
static void look_for_part(struct fetch *fetch)
{
    struct stat status;

    if (fetch->go_on && fetch->file && !stat(fetch->file, &status))
        fetch->had = (uint64_t)status.st_size;
}

static int open_file(struct fetch *fetch)
{
    int error = 0;

    fetch->descriptor = -1;
    SHA256Init(&fetch->hash);
    if (fetch->exchange.head.status != 206)
        fetch->had = 0;
    else if (!fetch->exchange.head.has_range || fetch->exchange.head.range_first != fetch->had)
        return -EBADMSG;
    if (!fetch->file || fetch->to_stdout)
        return 0;
    if (fetch->had)
        error = hash_file(fetch);
    if (error)
        return error;
    fetch->descriptor =
        open(fetch->file, O_WRONLY | O_CREAT | (fetch->had ? O_APPEND : O_TRUNC), 0644);
    fetch->stored = fetch->descriptor >= 0;
    return fetch->stored ? 0 : -errno;
}

/* Does the hash agree?  Prints it if none was given. */
static int check_hash(struct fetch *fetch)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[2 * SHA256_DIGEST_LENGTH + 1], why[160];

    SHA256Final(digest, &fetch->hash);
    for (unsigned int i = 0; i < sizeof(digest); i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (!fetch->sha256) {
        fprintf(fetch->to_stdout ? stderr : stdout, "SHA-256 %s\n", text);
        return 0;
    }
    if (!strcasecmp(text, fetch->sha256))
        return 0;
    if (fetch->stored)
        unlink(fetch->file);
    snprintf(why, sizeof(why), "SHA-256 is %s, not what was expected", text);
    return complain(fetch->file ? fetch->file : fetch->url_text, why,
                    fetch->stored ? "the file is removed" : "it is another file");
}

/* Asks, and asks again where it is sent to. */
static int begin(struct fetch *fetch, struct http_request *request)
{
    int error = http_url_parse(fetch->url_text, &fetch->exchange.url);

    for (int i = 0; !error; i++) {
        const struct http_head *head = &fetch->exchange.head;
        struct http_url next;

        error = http_exchange_begin(&fetch->exchange, request);
        if (error || head->status / 100 != 3 || !*head->location)
            return error;
        error = i == REDIRECTS_MAX ? -ELOOP
                                   : http_url_follow(&fetch->exchange.url, head->location, &next);
        if (!error)
            fetch->exchange.url = next;
        http_exchange_close(&fetch->exchange);
    }
    return error;
}

static bool is_complete(const struct fetch *fetch)
{
    const struct http_head *head = &fetch->exchange.head;

    return head->status == 416 && fetch->had && head->has_total && head->range_total == fetch->had;
}

static int get_opened(struct fetch *fetch)
{
    int error = http_exchange_body(&fetch->exchange, keep, fetch);

    fflush(stdout);
    if (fetch->descriptor >= 0)
        close(fetch->descriptor);
    if (error)
        return failed(fetch, error);
    result(fetch, fetch->to_stdout || !fetch->file ? fetch->url_text : fetch->file);
    return check_hash(fetch);
}

static int get(struct fetch *fetch)
{
    struct http_request request = { .method = "GET" };
    int error;

    look_for_part(fetch);
    request.range_from = fetch->had;
    error = begin(fetch, &request);
    if (error)
        return failed(fetch, error);
    if (is_complete(fetch)) {
        SHA256Init(&fetch->hash);
        error = hash_file(fetch);
        fetch->stored = true;
        return error ? failed(fetch, error) : check_hash(fetch);
    }
    if (fetch->exchange.head.status != 200 && (fetch->exchange.head.status != 206 || !fetch->had))
        return status_failed(fetch);
    error = open_file(fetch);
    if (error && error != -EBADMSG)
        return complain(fetch->file, strerror(-error), "name another file");
    return error ? failed(fetch, error) : get_opened(fetch);
}

static int put(struct fetch *fetch)
{
    struct http_request request = { .method = "PUT" };
    struct file_pin pin;
    int error = files_pin(fetch->put, &pin);

    if (error)
        return complain(fetch->put, strerror(-error), "`ls` shows what there is");
    request.upload = pin.data ? pin.data : (const void *)"";
    request.upload_bytes = pin.size;
    error = begin(fetch, &request);
    files_unpin(&pin);
    if (error)
        return failed(fetch, error);
    if (fetch->exchange.head.status / 100 != 2)
        return status_failed(fetch);
    fetch->got = request.upload_bytes;
    result(fetch, fetch->put);
    return 0;
}

/* The URL's last part. */
static const char *name_in(struct fetch *fetch)
{
    const char *path = strstr(fetch->url_text, "://"), *slash;
    size_t length;

    path = path ? path + 3 : fetch->url_text;
    path = strchr(path, '/');
    slash = path;
    length = path ? strcspn(path, "?#") : 0;
    for (size_t i = 0; i < length; i++)
        if (path[i] == '/')
            slash = path + i;
    if (!path || slash + 1 == path + length)
        return "index.html";
    snprintf(fetch->name, sizeof(fetch->name), "%.*s", (int)(path + length - slash - 1), slash + 1);
    return fetch->name;
}

static bool option(struct fetch *fetch, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char **value = !strcmp(word, "--sha256")                       ? &fetch->sha256
                         : !strcmp(word, "--put") || !strcmp(word, "-T") ? &fetch->put
                                                                         : NULL;

    if (value && *at + 1 < argc) {
        *value = argv[++*at];
        return true;
    }
    if (!strcmp(word, "-c") || !strcmp(word, "--continue"))
        return fetch->go_on = true;
    return !strcmp(word, "--discard") && (fetch->discard = true);
}

static bool parse(struct fetch *fetch, int argc, char **argv)
{
    const char *words[2] = { NULL, NULL };
    unsigned int count = 0;

    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1]) {
            if (!option(fetch, argc, argv, &i))
                return false;
        } else if (count == 2) {
            return false;
        } else {
            words[count++] = argv[i];
        }
    fetch->url_text = words[0];
    fetch->file = words[1];
    if (fetch->file && !strcmp(fetch->file, "-"))
        fetch->to_stdout = true;
    if (!fetch->url_text || (fetch->put && count == 2) || (fetch->discard && fetch->file) ||
        (fetch->go_on && fetch->to_stdout) ||
        (fetch->sha256 && strlen(fetch->sha256) != 2 * SHA256_DIGEST_LENGTH))
        return false;
    if (!fetch->file && !fetch->discard && !fetch->put && (!fetch->sha256 || fetch->go_on))
        fetch->file = name_in(fetch);
    return true;
}

int fetch_command(int argc, char **argv)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    int status;

    if (!fetch)
        return shell_failed("fetch", -ENOMEM);
    fetch->descriptor = -1;
    fetch->began = clock_monotonic_ns();
    if (!parse(fetch, argc, argv))
        status = shell_usage(USAGE);
    else
        status = fetch->put ? put(fetch) : get(fetch);
    http_exchange_close(&fetch->exchange);
    free(fetch);
    return status;
}

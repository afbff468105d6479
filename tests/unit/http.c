/*
 * HTTP's messages: URLs, heads and bodies as servers send them, and as they should not.
 *
 * Sources: dom0/network/http.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "network/http.h"

static void urls(void **state)
{
    static const struct {
        const char *text, *host, *path;
        uint16_t port;
        int error;
    } rows[] = {
        { "http://a", "a", "/", 80, 0 },
        { "HTTP://a.b:8080/c/d?e=f#g", "a.b", "/c/d?e=f", 8080, 0 },
        { "http://[fe80::1%eth0]:81/x", "fe80::1%eth0", "/x", 81, 0 },
        { "http://a?q", "a", "/?q", 80, 0 },
        { "https://a/", 0, 0, 0, -EPROTONOSUPPORT },
        { "a/b", 0, 0, 0, -EINVAL },
        { "http://", 0, 0, 0, -EINVAL },
        { "http://:80/", 0, 0, 0, -EINVAL },
        { "http://a:0/", 0, 0, 0, -EINVAL },
        { "http://a:65536/", 0, 0, 0, -EINVAL },
        { "http://a:/", 0, 0, 0, -EINVAL },
        { "http://u@a/", 0, 0, 0, -EINVAL },
        { "http://[a/", 0, 0, 0, -EINVAL },
        { "http://a/b c", 0, 0, 0, -EINVAL },
        { "http://a/b\r\nHost: c", 0, 0, 0, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_url url;

        assert_int_equal(http_url_parse(rows[i].text, &url), rows[i].error);
        if (rows[i].error)
            continue;
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.path, rows[i].path);
        assert_int_equal(url.port, rows[i].port);
    }
}

static void expect_follow(const char *location, int error, const char *host, const char *path)
{
    struct http_url from, to;

    assert_int_equal(http_url_parse("http://h:81/a/b?x/y", &from), 0);
    assert_int_equal(http_url_follow(&from, location, &to), error);
    if (error)
        return;
    assert_string_equal(to.host, host);
    assert_string_equal(to.path, path);
}

static void redirections(void **state)
{
    (void)state;
    expect_follow("/c", 0, "h", "/c");
    expect_follow("c?d", 0, "h", "/a/c?d");
    expect_follow("http://i/j", 0, "i", "/j");
    expect_follow("https://i/j", -EPROTONOSUPPORT, 0, 0);
    expect_follow("//i/j", -EINVAL, 0, 0);
    expect_follow("", -EINVAL, 0, 0);
    expect_follow("a\tb", -EINVAL, 0, 0);
}

/* Reads an answer in pieces of so many bytes; the body is put into `out`. */
static int answer(const char *text, size_t size, size_t stretch, struct http_head *head, char *out,
                  bool *whole)
{
    struct http_body body = { 0 };
    int error = 0;

    memset(head, 0, sizeof(*head));
    *out = 0;
    for (size_t at = 0, used; at < size && !error; at += used) {
        size_t left = size - at < stretch ? size - at : stretch, bytes = 0;
        const uint8_t *data = (const uint8_t *)text + at, *piece;

        if (!head->done) {
            error = http_head_take(head, data, left, &used);
            if (!error && head->done)
                http_body_begin(&body, head);
            continue;
        }
        if (body.state == BODY_DONE)
            break;
        error = http_body_take(&body, data, left, &used, &piece, &bytes);
        if (!error)
            strncat(out, (const char *)piece, bytes);
    }
    *whole = head->done && http_body_may_end(&body);
    return error;
}

static void expect(const char *text, int error, bool whole, int status, const char *body)
{
    static const size_t stretches[] = { 1, 2, 3, 7, 64, 4096 };

    for (size_t i = 0; i < sizeof(stretches) / sizeof(stretches[0]); i++) {
        struct http_head head;
        char out[256];
        bool ended;

        assert_int_equal(answer(text, strlen(text), stretches[i], &head, out, &ended), error);
        if (error)
            continue;
        assert_int_equal(ended, whole);
        assert_int_equal(head.status, status);
        assert_string_equal(out, body);
    }
}

static void bodies(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello there", 0, true, 200, "hello");
    expect("HTTP/1.0 200 \nX: y\n\nto the end", 0, true, 200, "to the end");
    expect("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 0, false, 200, "hello");
    expect("HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n", 0, true, 204, "");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5;a=\"b\"\r\nhello\r\nA \r\n, wide wor\r\n2\r\nld\r\n0\r\nT: u\r\n\r\nmore",
           0, true, 200, "hello, wide world");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, false, 200,
           "hello");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
           "3\r\n\r\n1\r\na\r\n0\r\n\r\n",
           0, true, 200, "a");
}

static void what_is_no_http(void **state)
{
    (void)state;
    expect("SSH-2.0-OpenSSH\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 20 OK\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 2000 OK\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nno colon\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", -EBADMSG, 0, 0, 0);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1111111111111111\r\n", -EBADMSG, 0,
           0, 0);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", -EBADMSG, 0, 0, 0);
}

static void ranges(void **state)
{
    struct http_head head;
    char out[64];
    bool whole;
    const char *some =
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 10-19/40\r\nContent-Length: 0\r\n\r\n";
    const char *none = "HTTP/1.1 416 No\r\nContent-Range: bytes */40\r\nContent-Length: 0\r\n\r\n";
    const char *wrong =
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 19-10/40\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    assert_int_equal(answer(some, strlen(some), 5, &head, out, &whole), 0);
    assert_true(head.has_range && head.has_total);
    assert_int_equal(head.range_first, 10);
    assert_int_equal(head.range_total, 40);
    assert_int_equal(answer(none, strlen(none), 5, &head, out, &whole), 0);
    assert_true(!head.has_range && head.has_total && head.range_total == 40);
    assert_int_equal(answer(wrong, strlen(wrong), 5, &head, out, &whole), 0);
    assert_true(!head.has_range);
}

static void heads_have_an_end(void **state)
{
    struct http_head head;
    char *text = malloc(2 * HTTP_HEAD_MAX), out[64];
    bool whole;

    (void)state;
    memset(text, 'a', 2 * HTTP_HEAD_MAX);
    memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
    assert_int_equal(answer(text, 2 * HTTP_HEAD_MAX, 1000, &head, out, &whole), -E2BIG);
    for (size_t at = 17; at + 4 < 2 * HTTP_HEAD_MAX; at += 4)
        memcpy(text + at, "a:b\n", 4);
    assert_int_equal(answer(text, 2 * HTTP_HEAD_MAX, 1000, &head, out, &whole), -E2BIG);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),   cmocka_unit_test(redirections),
        cmocka_unit_test(bodies), cmocka_unit_test(what_is_no_http),
        cmocka_unit_test(ranges), cmocka_unit_test(heads_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * HTTP/1.1.  See http.h.
 */
#include "network/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_DEFAULT 80u
#define DIGITS_MAX   15u /* of a chunk's size: fits into 64 bits */

/* Decimal digits up to something else; false: none, or too many. */
static bool number(const char **text, uint64_t *value)
{
    const char *at = *text;

    *value = 0;
    for (; isdigit((unsigned char)*at); at++) {
        if (*value > (UINT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text)
        return false;
    *text = at;
    return true;
}

/* What may stand in a request: no spaces, nothing that ends a line. */
static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 127)
            return false;
    return true;
}

/* The host, and where the port or the path begins. */
static const char *parse_host(const char *text, struct http_url *url)
{
    const char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":/?#");
    const char *begin = *text == '[' ? text + 1 : text;

    if (!end || end == begin || (size_t)(end - begin) >= sizeof(url->host))
        return NULL;
    memcpy(url->host, begin, (size_t)(end - begin));
    url->host[end - begin] = 0;
    return *end == ']' ? end + 1 : end;
}

int http_url_parse(const char *text, struct http_url *url)
{
    uint64_t port = PORT_DEFAULT;
    int length;

    memset(url, 0, sizeof(*url));
    if (strncasecmp(text, "http://", 7) != 0)
        return strstr(text, "://") ? -EPROTONOSUPPORT : -EINVAL;
    text = parse_host(text + 7, url);
    if (!text || !is_clean(url->host) || !is_clean(text) || strchr(url->host, '@'))
        return -EINVAL;
    if (*text == ':') {
        text++;
        if (!number(&text, &port) || !port || port > UINT16_MAX)
            return -EINVAL;
    }
    if (*text && !strchr("/?#", *text))
        return -EINVAL;
    url->port = (uint16_t)port;
    length = snprintf(url->path, sizeof(url->path), "%s%.*s", *text == '/' ? "" : "/",
                      (int)strcspn(text, "#"), text);
    return (size_t)length < sizeof(url->path) ? 0 : -EINVAL;
}

int http_url_follow(const struct http_url *from, const char *location, struct http_url *url)
{
    size_t folder = strcspn(from->path, "?");
    int length;

    if (strstr(location, "://"))
        return http_url_parse(location, url);
    if (!*location || !is_clean(location) || !strncmp(location, "//", 2))
        return -EINVAL;
    while (from->path[folder] != '/')
        folder--;
    *url = *from;
    length =
        snprintf(url->path, sizeof(url->path), "%.*s%.*s", *location == '/' ? 0 : (int)folder + 1,
                 from->path, (int)strcspn(location, "#"), location);
    return (size_t)length < sizeof(url->path) ? 0 : -EINVAL;
}

void http_url_authority(const struct http_url *url, char *text, size_t size)
{
    bool is_ip6 = strchr(url->host, ':');
    char port[8] = "";

    if (url->port != PORT_DEFAULT)
        snprintf(port, sizeof(port), ":%u", url->port);
    snprintf(text, size, "%s%s%s%s", is_ip6 ? "[" : "", url->host, is_ip6 ? "]" : "", port);
}

/* "HTTP/1.1 200 OK" */
static int status_line(struct http_head *head)
{
    const char *line = head->line;

    if (strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ' ||
        !isdigit((unsigned char)line[9]) || !isdigit((unsigned char)line[10]) ||
        !isdigit((unsigned char)line[11]) || isdigit((unsigned char)line[12]))
        return -EBADMSG;
    head->status = atoi(line + 9);
    head->have_status = true;
    return 0;
}

static int content_length(struct http_head *head, const char *value)
{
    uint64_t length;

    if (!number(&value, &length) || *value || (head->has_length && head->length != length))
        return -EBADMSG;
    head->length = length;
    head->has_length = true;
    return 0;
}

/* What is not understood is as if it were not there. */
static void content_range(struct http_head *head, const char *value)
{
    uint64_t last;

    if (strncasecmp(value, "bytes ", 6) != 0)
        return;
    value += 6;
    if (*value == '*')
        value++;
    else if (number(&value, &head->range_first) && *value++ == '-' && number(&value, &last) &&
             last >= head->range_first)
        head->has_range = true;
    else
        return;
    if (*value++ == '/' && number(&value, &head->range_total))
        head->has_total = true;
}

/* "Name: value" */
static int field(struct http_head *head)
{
    char *colon = strchr(head->line, ':'), *value, *end;

    if (!colon || colon == head->line)
        return -EBADMSG;
    *colon = 0;
    value = colon + 1 + strspn(colon + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = 0;
    if (!strcasecmp(head->line, "Content-Length"))
        return content_length(head, value);
    if (!strcasecmp(head->line, "Content-Range"))
        content_range(head, value);
    if (!strcasecmp(head->line, "Location"))
        snprintf(head->location, sizeof(head->location), "%s", value);
    if (strcasecmp(head->line, "Transfer-Encoding") != 0)
        return 0;
    head->chunked = true;
    return strcasecmp(value, "chunked") != 0 ? -EBADMSG : 0; /* we asked for no other */
}

static int line_ends(struct http_head *head)
{
    size_t length = head->line_bytes;

    head->line_bytes = 0;
    if (length && head->line[length - 1] == '\r')
        length--;
    head->line[length] = 0;
    if (strlen(head->line) != length)
        return -EBADMSG;
    if (!head->have_status)
        return status_line(head);
    head->done = !length;
    return length ? field(head) : 0;
}

int http_head_take(struct http_head *head, const uint8_t *data, size_t bytes, size_t *used)
{
    int error = 0;

    for (*used = 0; *used < bytes && !head->done && !error;) {
        char c = (char)data[(*used)++];

        if (++head->bytes > HTTP_HEAD_MAX)
            return -E2BIG;
        if (c == '\n')
            error = line_ends(head);
        else if (head->line_bytes == HTTP_LINE_MAX - 1)
            error = -E2BIG;
        else
            head->line[head->line_bytes++] = c;
    }
    return error;
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

void http_body_begin(struct http_body *body, const struct http_head *head)
{
    memset(body, 0, sizeof(*body));
    if (has_no_body(head->status)) {
        body->state = BODY_DONE;
    } else if (head->chunked) {
        body->state = CHUNK_SIZE;
    } else if (head->has_length) {
        body->state = head->length ? BODY_LENGTH : BODY_DONE;
        body->left = head->length;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of "1F2;name=value\r\n". */
static int chunk_size(struct http_body *body, char c)
{
    int digit = hex_digit(c);

    if (++body->line_bytes > HTTP_LINE_MAX)
        return -EBADMSG;
    if (c == '\n') {
        if (!body->digits)
            return -EBADMSG;
        body->state = body->left ? CHUNK_DATA : CHUNK_TRAILER;
        body->digits = body->line_bytes = 0;
        body->extension = false;
    } else if (digit >= 0 && !body->extension) {
        if (++body->digits > DIGITS_MAX)
            return -EBADMSG;
        body->left = body->left << 4 | (unsigned int)digit;
    } else if (c == ';' || c == '\r' || c == ' ' || c == '\t' || body->extension) {
        body->extension = true;
    } else {
        return -EBADMSG;
    }
    return 0;
}

/* One byte of the lines behind the last chunk, up to an empty one. */
static int trailer(struct http_body *body, char c)
{
    if (++body->trailer_bytes > HTTP_HEAD_MAX)
        return -EBADMSG;
    if (c == '\n' && !body->line_bytes)
        body->state = BODY_DONE;
    else if (c == '\n')
        body->line_bytes = 0;
    else if (c != '\r')
        body->line_bytes = 1;
    return 0;
}

static int framing(struct http_body *body, char c)
{
    if (body->state == CHUNK_SIZE)
        return chunk_size(body, c);
    if (body->state == CHUNK_TRAILER)
        return trailer(body, c);
    if (c == '\n')
        body->state = CHUNK_SIZE;
    return c == '\n' || c == '\r' ? 0 : -EBADMSG;
}

static bool is_framing(const struct http_body *body)
{
    return body->state == CHUNK_SIZE || body->state == CHUNK_END || body->state == CHUNK_TRAILER;
}

int http_body_take(struct http_body *body, const uint8_t *data, size_t bytes, size_t *used,
                   const uint8_t **piece, size_t *piece_bytes)
{
    int error = 0;

    *used = *piece_bytes = 0;
    *piece = data;
    while (*used < bytes && !error && is_framing(body))
        error = framing(body, (char)data[(*used)++]);
    if (error || body->state == BODY_DONE || is_framing(body))
        return error;
    *piece = data + *used;
    *piece_bytes = bytes - *used;
    if (body->state != BODY_TO_END) {
        if (*piece_bytes > body->left)
            *piece_bytes = (size_t)body->left;
        body->left -= *piece_bytes;
        if (!body->left)
            body->state = body->state == CHUNK_DATA ? CHUNK_END : BODY_DONE;
    }
    *used += *piece_bytes;
    return 0;
}

bool http_body_may_end(const struct http_body *body)
{
    return body->state == BODY_TO_END || body->state == BODY_DONE;
}

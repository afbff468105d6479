/*
 * Regular expressions, small.  See expression.h.
 *
 * Compiled to a program for the simplest of machines (Thompson's): all places in the program
 * that the text so far can have led to are kept as a set, so matching takes time in proportion
 * to text times program, whatever the expression.
 */
#include "vmctl/expression.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CODE_MAX 1024

enum opcode { OP_CHAR, OP_ANY, OP_SET, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct instruction {
    enum opcode op;
    int first, second; /* OP_SPLIT, OP_JUMP: where to; OP_CHAR: the character */
    uint32_t set[8];   /* OP_SET: a bit per character */
};

struct expression {
    int length;
    struct instruction code[CODE_MAX];
};

struct compiler {
    struct expression *out;
    const char *at;
    bool failed;
};

static int emit(struct compiler *compiler, enum opcode op, int first, int second)
{
    struct expression *out = compiler->out;

    if (out->length >= CODE_MAX - 1) {
        compiler->failed = true;
        return 0;
    }
    out->code[out->length] = (struct instruction){ op, first, second, { 0 } };
    return out->length++;
}

/* Makes room for one instruction before `where`. */
static void insert_before(struct compiler *compiler, int where)
{
    struct expression *out = compiler->out;

    emit(compiler, OP_MATCH, 0, 0);
    if (compiler->failed)
        return;
    memmove(&out->code[where + 1], &out->code[where],
            (size_t)(out->length - 1 - where) * sizeof(out->code[0]));
    for (int i = where + 1; i < out->length; i++) {
        struct instruction *code = &out->code[i];

        if (code->op == OP_SPLIT || code->op == OP_JUMP) {
            code->first += code->first >= where;
            code->second += code->second >= where;
        }
    }
}

static void set_add(uint32_t *set, unsigned int low, unsigned int high)
{
    for (unsigned int c = low; c <= high && c < 256; c++)
        set[c / 32] |= 1u << (c % 32);
}

/* \d, \w, \s; false: the letter means itself. */
static bool set_class(uint32_t *set, char letter)
{
    if (letter == 'd' || letter == 'w')
        set_add(set, '0', '9');
    if (letter == 'w') {
        set_add(set, 'a', 'z');
        set_add(set, 'A', 'Z');
        set_add(set, '_', '_');
    }
    if (letter == 's') {
        set_add(set, '\t', '\r');
        set_add(set, ' ', ' ');
    }
    return letter == 'd' || letter == 'w' || letter == 's';
}

static int unescape(char c)
{
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : (unsigned char)c;
}

static void compile_set(struct compiler *compiler)
{
    int index = emit(compiler, OP_SET, 0, 0);
    uint32_t *set = compiler->out->code[index].set;
    bool invert = *compiler->at == '^', first = true;

    compiler->at += invert;
    while (*compiler->at && (*compiler->at != ']' || first)) {
        unsigned int low = (unsigned char)*compiler->at++, high = low;

        first = false;
        if (low == '\\' && *compiler->at) {
            low = high = (unsigned char)*compiler->at++;
            if (set_class(set, (char)low))
                continue;
        }
        if (compiler->at[0] == '-' && compiler->at[1] && compiler->at[1] != ']') {
            high = (unsigned char)compiler->at[1];
            compiler->at += 2;
        }
        set_add(set, low, high);
    }
    compiler->failed |= !*compiler->at;
    compiler->at += *compiler->at == ']';
    for (int i = 0; invert && i < 8; i++)
        set[i] = ~set[i];
}

static void compile_alternatives(struct compiler *compiler, int depth);

static void compile_one(struct compiler *compiler, int depth)
{
    char c = *compiler->at++;

    switch (c) {
    case '.':
        emit(compiler, OP_ANY, 0, 0);
        break;
    case '^':
        emit(compiler, OP_BEGIN, 0, 0);
        break;
    case '$':
        emit(compiler, OP_END, 0, 0);
        break;
    case '[':
        compile_set(compiler);
        break;
    case '(':
        compile_alternatives(compiler, depth + 1);
        compiler->failed |= *compiler->at != ')';
        compiler->at += *compiler->at == ')';
        break;
    case '\\': {
        int index = emit(compiler, OP_SET, 0, 0);

        c = *compiler->at;
        compiler->failed |= !c;
        compiler->at += c != '\0';
        if (!set_class(compiler->out->code[index].set, c))
            compiler->out->code[index] = (struct instruction){ OP_CHAR, unescape(c), 0, { 0 } };
        break;
    }
    case '*':
    case '+':
    case '?':
        compiler->failed = true;
        break;
    default:
        emit(compiler, OP_CHAR, (unsigned char)c, 0);
    }
}

/* One piece and the * + ? behind it. */
static void compile_repeated(struct compiler *compiler, int depth)
{
    int start = compiler->out->length;

    compile_one(compiler, depth);
    while (!compiler->failed &&
           (*compiler->at == '*' || *compiler->at == '+' || *compiler->at == '?')) {
        char how = *compiler->at++;

        if (how == '+') {
            emit(compiler, OP_SPLIT, start, compiler->out->length + 1);
            continue;
        }
        insert_before(compiler, start);
        if (how == '*')
            emit(compiler, OP_JUMP, start, start);
        compiler->out->code[start] =
            (struct instruction){ OP_SPLIT, start + 1, compiler->out->length, { 0 } };
    }
}

static void compile_alternatives(struct compiler *compiler, int depth)
{
    int start = compiler->out->length;

    compiler->failed |= depth > 20;
    while (!compiler->failed && *compiler->at && *compiler->at != '|' && *compiler->at != ')')
        compile_repeated(compiler, depth);
    if (*compiler->at != '|' || compiler->failed)
        return;
    compiler->at++;
    insert_before(compiler, start);
    int jump = emit(compiler, OP_JUMP, 0, 0);

    compiler->out->code[start] =
        (struct instruction){ OP_SPLIT, start + 1, compiler->out->length, { 0 } };
    compile_alternatives(compiler, depth + 1);
    compiler->out->code[jump].first = compiler->out->code[jump].second = compiler->out->length;
}

struct expression *expression_compile(const char *text)
{
    struct compiler compiler = { calloc(1, sizeof(struct expression)), text, false };

    if (!compiler.out)
        return NULL;
    compile_alternatives(&compiler, 0);
    if (compiler.failed || *compiler.at) {
        free(compiler.out);
        return NULL;
    }
    compiler.out->code[compiler.out->length++].op = OP_MATCH;
    return compiler.out;
}

void expression_free(struct expression *expression)
{
    free(expression);
}

/* The set of places, and the text around the one at hand. */
struct threads {
    const struct expression *expression;
    uint8_t now[CODE_MAX], next[CODE_MAX];
    const char *text, *at;
    bool matched;
};

/* Adds a place and all that can be reached from it without a character. */
static void follow(struct threads *threads, uint8_t *set, int place, const char *at)
{
    while (!set[place]) {
        const struct instruction *code = &threads->expression->code[place];

        set[place] = 1;
        switch (code->op) {
        case OP_MATCH:
            threads->matched = true;
            return;
        case OP_SPLIT:
            follow(threads, set, code->second, at);
            place = code->first;
            break;
        case OP_JUMP:
            place = code->first;
            break;
        case OP_BEGIN:
            if (at != threads->text && at[-1] != '\n')
                return;
            place++;
            break;
        case OP_END:
            if (*at && *at != '\n' && *at != '\r')
                return;
            place++;
            break;
        default:
            return;
        }
    }
}

static bool takes(const struct instruction *code, unsigned char c)
{
    switch (code->op) {
    case OP_CHAR:
        return code->first == c;
    case OP_ANY:
        return c != '\n';
    case OP_SET:
        return code->set[c / 32] >> (c % 32) & 1;
    default:
        return false;
    }
}

bool expression_matches(const struct expression *expression, const char *text)
{
    struct threads *threads = calloc(1, sizeof(*threads));
    bool matched;

    if (!threads)
        return false;
    threads->expression = expression;
    threads->text = text;
    for (const char *at = text;; at++) {
        follow(threads, threads->now, 0, at);
        if (threads->matched || !*at)
            break;
        memset(threads->next, 0, sizeof(threads->next));
        for (int place = 0; place < expression->length; place++)
            if (threads->now[place] && takes(&expression->code[place], (unsigned char)*at))
                follow(threads, threads->next, place + 1, at + 1);
        memcpy(threads->now, threads->next, sizeof(threads->now));
        if (threads->matched)
            break;
    }
    matched = threads->matched;
    free(threads);
    return matched;
}

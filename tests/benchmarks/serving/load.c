/* Load over HTTP/1.1 with keep-alive, one thread on epoll, every answer checked.
 *
 *   load PORT REQUESTS CONNECTIONS SECONDS [RATE [SEED]]
 *
 * REQUESTS is a file of entries, taken round and round: two little-endian uint32 (bytes of the request, bytes of what its answer
 * must hold, 0 for anything), the request as it goes over the wire, and that part of the answer.
 *
 * MARK in a request is overwritten with a number that no other request of the run has.
 *
 * Without RATE each connection sends its next request when it has its answer (closed loop). With RATE, in requests a second,
 * requests fall due at random moments (a Poisson process) that don't depend on the answers; one that finds no connection free waits
 * for one, and its time counts from when it was due, so a server that stalls is charged for all whom it kept waiting.
 *
 * Prints one JSON object. Latencies are in microseconds, from a histogram with a resolution of 1/128.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 262144
#define MARK "@@@@@@@@@@@@"
#define DRAIN 3000000000ull /* ns that answers may still take after the last request */

typedef struct { const char *request, *part; uint32_t size, part_size; long mark; } Entry; /* mark: where it is, or -1 */
typedef struct {
    int fd, busy;
    uint64_t due;       /* when the request in flight should have gone out */
    Entry *entry;
    uint32_t sent;
    size_t have, need;  /* bytes read; size of the whole answer once known, 0 before */
    int status, chunked, closing;
    const char *request; /* the entry's, or a copy with its number */
    char *buffer, *copy;
} Connection;

static Entry *entries;
static size_t entry_count, next_entry;
static Connection *connections;
static int connection_count, epoll, port;
static uint64_t histogram[64 * 128], answered, refused, wrong, broken, scheduled, slowest;
static uint64_t first_answer, last_answer;
static uint64_t *waiting; /* due times of requests that found no connection free: a ring */
static size_t waiting_from, waiting_count, waiting_room = 1 << 20;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void record(uint64_t ns) {
    int e = ns < 128 ? 7 : 63 - __builtin_clzll(ns);
    histogram[e * 128 + ((ns >> (e - 7)) & 127)]++;
    if (ns > slowest) slowest = ns;
}

static double quantile(double q) {
    uint64_t want = (uint64_t)ceil(q * (double)answered), seen = 0;
    for (int i = 0; i < 64 * 128; i++) {
        seen += histogram[i];
        if (seen >= want && seen) return ldexp(128 + i % 128 + 0.5, i / 128 - 7) / 1e3;
    }
    return 0;
}

static void open_connection(Connection *c) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0) die("connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
    c->busy = 0;
}

static void reopen(Connection *c) {
    close(c->fd);
    open_connection(c);
}

static void wait_for(Connection *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* 0: the connection broke */
static int push(Connection *c) {
    while (c->sent < c->entry->size) {
        ssize_t n = send(c->fd, c->request + c->sent, c->entry->size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { wait_for(c, EPOLLIN | EPOLLOUT); return 1; }
        if (n < 0) return 0;
        c->sent += (uint32_t)n;
    }
    return 1;
}

static void start(Connection *c, uint64_t due) {
    c->due = due;
    c->entry = &entries[next_entry++ % entry_count];
    c->request = c->entry->request;
    if (c->entry->mark >= 0) {
        char number[sizeof MARK];
        snprintf(number, sizeof number, "%0*zu", (int)sizeof MARK - 1, next_entry % (size_t)1000000000000);
        c->request = memcpy(c->copy, c->entry->request, c->entry->size);
        memcpy(c->copy + c->entry->mark, number, sizeof MARK - 1);
    }
    c->busy = 1;
    c->sent = 0;
    c->have = c->need = 0;
    c->status = c->chunked = c->closing = 0;
    if (!push(c)) { broken++; reopen(c); }
}

static int head(Connection *c) {
    char *end = memmem(c->buffer, c->have, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t size = (size_t)(end - c->buffer) + 4;
    c->status = atoi(c->buffer + 9);
    c->need = size;
    for (char *line = memmem(c->buffer, size, "\r\n", 2); line && line < end; line = memmem(line, (size_t)(end + 2 - line), "\r\n", 2)) {
        line += 2;
        if (!strncasecmp(line, "content-length:", 15)) c->need = size + strtoul(line + 15, NULL, 10);
        if (!strncasecmp(line, "transfer-encoding: chunked", 26)) c->chunked = 1;
        if (!strncasecmp(line, "connection: close", 17)) c->closing = 1;
    }
    if (c->need >= BUFFER) { fprintf(stderr, "load: an answer of %zu bytes is too long\n", c->need); exit(1); }
    return 1;
}

/* 1: the answer is whole, 0: not yet, -1: the connection broke */
static int pull(Connection *c) {
    for (;;) {
        ssize_t n = recv(c->fd, c->buffer + c->have, BUFFER - c->have, 0);
        if (n < 0 && errno == EAGAIN) return 0;
        if (n <= 0) return -1;
        if (!c->busy) return -1; /* bytes that nobody asked for */
        c->have += (size_t)n;
        if (!c->need && !head(c)) continue;
        if (c->chunked ? c->have >= 5 && !memcmp(c->buffer + c->have - 5, "0\r\n\r\n", 5) : c->have >= c->need) return 1;
    }
}

static void finish(Connection *c, uint64_t at) {
    Entry *e = c->entry;
    record(at > c->due ? at - c->due : 0);
    answered++;
    if (!first_answer) first_answer = at;
    last_answer = at;
    if (c->status != 200) refused++;
    else if (e->part_size && !memmem(c->buffer, c->have, e->part, e->part_size)) wrong++;
    c->busy = 0;
    if (c->closing) reopen(c);
}

static void read_entries(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *data = malloc((size_t)size);
    if (fread(data, 1, (size_t)size, file) != (size_t)size) die(path);
    fclose(file);
    for (long at = 0; at < size; entry_count++) {
        if (entry_count % 1024 == 0) entries = realloc(entries, (entry_count + 1024) * sizeof *entries);
        Entry *e = &entries[entry_count];
        memcpy(&e->size, data + at, 4);
        memcpy(&e->part_size, data + at + 4, 4);
        e->request = data + at + 8;
        e->part = e->request + e->size;
        char *mark = memmem(e->request, e->size, MARK, sizeof MARK - 1);
        e->mark = mark ? mark - e->request : -1;
        if (mark && e->size > BUFFER) { fprintf(stderr, "load: a request with a number has more than %d bytes\n", BUFFER); exit(1); }
        at += 8 + (long)e->size + (long)e->part_size;
    }
    if (!entry_count) { fprintf(stderr, "load: %s holds no request\n", path); exit(1); }
}

static double random_unit(void) { /* (0, 1), xorshift64* */
    static uint64_t state;
    if (!state) state = scheduled * 0x9e3779b97f4a7c15ull | 1;
    state ^= state >> 12; state ^= state << 25; state ^= state >> 27;
    return ((double)((state * 0x2545f4914f6cdd1dull) >> 11) + 0.5) / 9007199254740992.0;
}

static void send_due(uint64_t *next, uint64_t at, uint64_t end, double gap) {
    while (*next <= at && *next < end) { /* what falls due joins the queue */
        if (waiting_count == waiting_room) { fprintf(stderr, "load: over a million requests wait\n"); exit(1); }
        waiting[(waiting_from + waiting_count++) % waiting_room] = *next;
        *next += (uint64_t)(-log(random_unit()) * gap);
        scheduled++;
    }
    for (int i = 0; i < connection_count && waiting_count; i++)
        if (!connections[i].busy) {
            start(&connections[i], waiting[waiting_from]);
            waiting_from = (waiting_from + 1) % waiting_room;
            waiting_count--;
        }
}

int main(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "usage: load PORT REQUESTS CONNECTIONS SECONDS [RATE [SEED]]\n"); return 2; }
    port = atoi(argv[1]);
    read_entries(argv[2]);
    connection_count = atoi(argv[3]);
    double seconds = atof(argv[4]), rate = argc > 5 ? atof(argv[5]) : 0;
    scheduled = argc > 6 ? strtoull(argv[6], NULL, 10) : 1;
    random_unit();
    scheduled = 0;
    next_entry = rate > 0 ? 0 : (size_t)connection_count * 7;
    waiting = malloc(waiting_room * sizeof *waiting);
    connections = calloc((size_t)connection_count, sizeof *connections);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connection_count; i++) {
        connections[i].buffer = malloc(BUFFER);
        connections[i].copy = malloc(BUFFER);
        open_connection(&connections[i]);
    }
    uint64_t begin = now(), end = begin + (uint64_t)(seconds * 1e9), next = rate > 0 ? begin : UINT64_MAX, at = begin;
    if (rate <= 0)
        for (int i = 0; i < connection_count; i++, scheduled++) start(&connections[i], at);
    struct epoll_event events[256];
    for (;;) {
        int busy = 0;
        for (int i = 0; i < connection_count; i++) busy += connections[i].busy;
        if (at >= end && ((!busy && !waiting_count) || at >= end + DRAIN)) break;
        uint64_t until = at >= end ? end + DRAIN : next < end ? next : end;
        uint64_t pause = until > at ? until - at : 0;
        struct timespec timeout = {.tv_sec = (time_t)(pause / 1000000000ull), .tv_nsec = (long)(pause % 1000000000ull)};
        int count = epoll_pwait2(epoll, events, 256, &timeout, NULL);
        at = now();
        for (int i = 0; i < count; i++) {
            Connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                wait_for(c, EPOLLIN);
                if (c->busy && !push(c)) { broken++; reopen(c); continue; }
            }
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            int done = pull(c);
            if (done < 0) {
                if (c->busy) broken++;
                reopen(c);
            } else if (done) finish(c, now());
        }
        if (rate <= 0 && at < end)
            for (int i = 0; i < connection_count; i++)
                if (!connections[i].busy) { start(&connections[i], now()); scheduled++; }
        if (rate > 0) send_due(&next, at, end, 1e9 / rate);
    }
    uint64_t unanswered = waiting_count;
    for (int i = 0; i < connection_count; i++) unanswered += (uint64_t)connections[i].busy;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    double took = (double)((last_answer > begin ? last_answer : at) - begin) / 1e9;
    printf("{\"sent\": %lu, \"answered\": %lu, \"refused\": %lu, \"wrong\": %lu, \"broken\": %lu, \"unanswered\": %lu, \"seconds\": %.6f, "
           "\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"slowest\": %.1f, \"cpu\": %.6f}\n",
           scheduled, answered, refused, wrong, broken, unanswered, took, quantile(.5), quantile(.9), quantile(.99), quantile(.999),
           (double)slowest / 1e3, cpu);
    return 0;
}

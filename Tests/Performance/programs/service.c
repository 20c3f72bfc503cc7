// The web service behind everything that is measured: as cheap as it can be, so that on a small machine the proxies are the
// load and not this. One thread, epoll, HTTP/1.1 with kept-alive connections, no pipelining; trusts its clients.
//
//     GET  /small        128 bytes of JSON
//     GET  /bytes/N      N bytes that do not compress, by sendfile
//     GET  /events       the head of an event stream and one event, then silence for ever
//     POST anything      reads the whole body (of a length, or chunked) and responds with its count
//
// Prints its port on 127.0.0.1 and runs until it is killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, HEAD_MAX = 8192 };
enum body { NONE, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, LAST_LINE };

struct client {
    int fd;
    enum body body;
    uint64_t left, seen;       // of the length or the chunk; of the whole body
    int line;                  // characters of the present trailer line
    char *head;                // of a request that came in several reads
    size_t head_count;
    char out[256];
    size_t out_count, out_done;
    uint64_t file_left;
    off_t file_at;
};

static int poller, block;
static char input[1 << 18];

static void drop(struct client *c) { close(c->fd); free(c->head); free(c); }

static void watch(struct client *c, int op, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, op, c->fd, &event);
}

static void respond(struct client *c, const char *type, long long length, const char *body) {
    c->out_done = 0;
    c->out_count = snprintf(c->out, sizeof c->out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", type);
    if (length >= 0)
        c->out_count += snprintf(c->out + c->out_count, sizeof c->out - c->out_count, "Content-Length: %lld\r\n", length);
    c->out_count += snprintf(c->out + c->out_count, sizeof c->out - c->out_count, "\r\n%s", body);
}

static void respond_with_count(struct client *c) {
    char text[64];
    int count = snprintf(text, sizeof text, "{\"bytes\":%llu}\n", (unsigned long long)c->seen);
    respond(c, "application/json", count, text);
}

// 1: all is out, 0: the socket is full, -1: the client is gone.
static int flush(struct client *c) {
    while (c->out_done < c->out_count) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_count - c->out_done, MSG_NOSIGNAL | (c->file_left ? MSG_MORE : 0));
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->out_done += n;
    }
    while (c->file_left) {
        if (c->file_at == BLOCK) c->file_at = 0;
        size_t room = BLOCK - c->file_at;
        ssize_t n = sendfile(c->fd, block, &c->file_at, room < c->file_left ? room : c->file_left);
        if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
        c->file_left -= n;
    }
    return 1;
}

static void request(struct client *c, char *head, size_t count) {
    static const char pad[] = "{\"ok\":true,\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                              "xxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n";
    head[count - 1] = 0;
    char *path = strchr(head, ' ');
    c->seen = 0;
    if (*head != 'G') {
        char *length = strcasestr(head, "\r\ncontent-length:");
        c->body = strcasestr(head, "\r\ntransfer-encoding:") ? CHUNK_SIZE : length ? LENGTH : NONE;
        c->left = c->body == LENGTH ? strtoull(length + 17, 0, 10) : 0;
        if (c->body == NONE || (c->body == LENGTH && !c->left)) { c->body = NONE; respond_with_count(c); }
    } else if (path && !strncmp(path + 1, "/bytes/", 7)) {
        c->file_left = strtoull(path + 8, 0, 10);
        c->file_at = 0;
        respond(c, "application/octet-stream", c->file_left, "");
    } else if (path && !strncmp(path + 1, "/events", 7)) {
        respond(c, "text/event-stream", -1, "data: 1\n\n");
    } else {
        respond(c, "application/json", sizeof pad - 1, pad);
    }
}

// Takes bytes of a body; how many there were.
static size_t take(struct client *c, const char *bytes, size_t count) {
    size_t at = 0;
    while (at < count && c->body != NONE) {
        char byte = bytes[at];
        if (c->body == LENGTH || c->body == CHUNK_DATA) {
            size_t n = count - at < c->left ? count - at : c->left;
            at += n, c->left -= n, c->seen += n;
            if (!c->left) c->body = c->body == LENGTH ? NONE : CHUNK_END;
        } else if (c->body == CHUNK_SIZE) {
            at++;
            if (byte == '\n') c->line = 0, c->body = c->left ? CHUNK_DATA : LAST_LINE;
            else if (byte != '\r') c->left = c->left * 16 + (byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
        } else if (c->body == CHUNK_END) {
            at++;
            if (byte == '\n') c->body = CHUNK_SIZE;
        } else {
            at++;
            if (byte == '\n' && !c->line) c->body = NONE;
            c->line = byte == '\n' ? 0 : c->line + (byte != '\r');
        }
    }
    if (c->body == NONE) respond_with_count(c);
    return at;
}

// -1: the client is gone.
static int feed(struct client *c, char *bytes, size_t count) {
    while (count) {
        size_t used = count;
        if (c->body != NONE) {
            used = take(c, bytes, count);
        } else {
            char *end = c->head_count ? 0 : memmem(bytes, count, "\r\n\r\n", 4);
            if (end) {
                used = end + 4 - bytes;
                request(c, bytes, used);
            } else {
                if (!c->head && !(c->head = malloc(HEAD_MAX))) return -1;
                if (c->head_count == HEAD_MAX) return -1;
                c->head[c->head_count++] = *bytes;
                used = 1;
                if (c->head_count > 3 && !memcmp(c->head + c->head_count - 4, "\r\n\r\n", 4)) {
                    request(c, c->head, c->head_count);
                    c->head_count = 0;
                }
            }
        }
        bytes += used, count -= used;
        if (c->out_count) {
            int done = flush(c);
            if (done < 0) return -1;
            if (!done) { watch(c, EPOLL_CTL_MOD, EPOLLOUT); return 0; }
            c->out_count = 0;
        }
    }
    return 0;
}

static void serve(struct client *c, uint32_t events) {
    if (events & EPOLLOUT) {
        int done = flush(c);
        if (done < 0) return drop(c);
        if (done) { c->out_count = 0; watch(c, EPOLL_CTL_MOD, EPOLLIN); }
        return;
    }
    ssize_t count = recv(c->fd, input, sizeof input, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0 || feed(c, input, count)) drop(c);
}

static void admit(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct client *c = calloc(1, sizeof *c);
        if (!c) { close(fd); continue; }
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (void *)&address, length) || listen(listener, 4096)) { perror("listen"); return 1; }
    getsockname(listener, (void *)&address, &length);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(EPOLL_CLOEXEC);
    block = memfd_create("block", MFD_CLOEXEC);
    for (int i = 0; i < BLOCK / 256; i++) {
        char piece[256];
        if (getrandom(piece, sizeof piece, 0) != sizeof piece || write(block, piece, sizeof piece) != sizeof piece) return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = 0}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr, events[i].events);
            else admit(listener);
        }
    }
}

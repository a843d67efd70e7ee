/*
 * load REQUESTS CONNECTIONS PORT: sends the requests of a file on so many connections to 127.0.0.1.
 *
 * The requests are ready: each is its length in four bytes of this machine, and its bytes. Every
 * connection sends the next one as soon as it has the response to its last one, which must be 200.
 * It prints the seconds that all of them took.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char **requests;
static size_t count;
static atomic_size_t next;
static struct sockaddr_in address;

static void stop(const char *why, const char *detail)
{
    fprintf(stderr, "load: %s: %s\n", why, detail);
    exit(1);
}

static void read_requests(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint32_t length;
    if (file == NULL) stop("cannot read", path);
    while (fread(&length, sizeof length, 1, file) == 1) {
        char *request = malloc(sizeof length + length);
        requests = realloc(requests, (count + 1) * sizeof *requests);
        if (request == NULL || requests == NULL) stop("no memory for", path);
        memcpy(request, &length, sizeof length);
        if (fread(request + sizeof length, 1, length, file) != length) stop("too short", path);
        requests[count++] = request;
    }
    fclose(file);
}

static int open_connection(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        stop("cannot connect", "is it running?");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Sends a request and reads its response. Returns whether the connection stays open. */
static int exchange(int fd, const char *request)
{
    static const char name[] = "\ncontent-length:";
    char received[16384], *end = NULL, *line;
    size_t got = 0, whole, sent = 0;
    uint32_t length;
    memcpy(&length, request, sizeof length);
    while (sent < length) {
        ssize_t wrote = send(fd, request + sizeof length + sent, length - sent, MSG_NOSIGNAL);
        if (wrote <= 0) stop("cannot send", "the server closed the connection");
        sent += (size_t)wrote;
    }
    while (end == NULL) {
        ssize_t more = recv(fd, received + got, sizeof received - 1 - got, 0);
        if (more <= 0) stop("no response", "the server closed the connection");
        received[got += (size_t)more] = '\0';
        end = strstr(received, "\r\n\r\n");
    }
    if (strncmp(received, "HTTP/1.1 200 ", 13) != 0) stop("not 200", received);
    *end = '\0';
    line = strcasestr(received, name);
    if (line == NULL) stop("no Content-Length", received);
    whole = (size_t)(end - received) + 4 + strtoul(line + sizeof name - 1, NULL, 10);
    while (got < whole) {
        char rest[16384];
        ssize_t more = recv(fd, rest, sizeof rest, 0);
        if (more <= 0) stop("half a response", "the server closed the connection");
        got += (size_t)more;
    }
    return strcasestr(received, "\nconnection: close") == NULL;
}

static void *run(void *unused)
{
    int fd = -1;
    for (size_t index; (index = atomic_fetch_add(&next, 1)) < count;) {
        if (fd < 0) fd = open_connection();
        if (exchange(fd, requests[index])) continue;
        close(fd);
        fd = -1;
    }
    if (fd >= 0) close(fd);
    return unused;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    pthread_t threads[1024];
    size_t connections;
    if (argc != 4) stop("usage", "load REQUESTS CONNECTIONS PORT");
    read_requests(argv[1]);
    connections = strtoul(argv[2], NULL, 10);
    if (connections == 0 || connections > 1024) stop("not 1 to 1024", argv[2]);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(argv[3]));
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (size_t at = 0; at < connections; at++)
        if (pthread_create(&threads[at], NULL, run, NULL) != 0) stop("cannot start", "a thread");
    for (size_t at = 0; at < connections; at++) pthread_join(threads[at], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f\n", (double)(end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9);
    return 0;
}

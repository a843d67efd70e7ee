/*
 * Preloaded into a program, puts it into a world of its own, and lets it reach nothing outside of this machine:
 *
 * - Every name is 127.0.0.1. Port 80 there, and the metadata service's address, is the port of ELSEWHERE_HTTP; port
 *   443 is that of ELSEWHERE_HTTPS. Other loopback addresses are themselves, and no network leads anywhere else.
 * - The time of day is the real one and as many seconds more as stand in the file that ELSEWHERE_CLOCK names.
 * - With ELSEWHERE_NO_STORE, the system has no CA certificates.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) __typeof__(&name) real; *(void **)&real = dlsym(RTLD_NEXT, #name)

/* Names and addresses. */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    REAL(getaddrinfo);
    struct in_addr address;
    int looked_up = name != NULL && (hints == NULL || !(hints->ai_flags & AI_NUMERICHOST));
    if (looked_up && strchr(name, ':') == NULL && !inet_aton(name, &address))
        name = "127.0.0.1";
    return real(name, service, hints, found);
}

static int unreachable(void)
{
    errno = ENETUNREACH;
    return -1;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    REAL(connect);
    struct sockaddr_in to;
    int family = address->sa_family, metadata, here;
    const char *port = NULL;

    if (family == AF_INET6 && length >= sizeof(struct sockaddr_in6)
        && !IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr))
        return unreachable();
    if (family != AF_INET || length < sizeof to)
        return real(fd, address, length);
    memcpy(&to, address, sizeof to);
    metadata = to.sin_addr.s_addr == inet_addr("100.100.100.200") && to.sin_port == htons(80);
    here = to.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    if (metadata || (here && to.sin_port == htons(80)))
        port = getenv("ELSEWHERE_HTTP");
    else if (here && to.sin_port == htons(443))
        port = getenv("ELSEWHERE_HTTPS");
    if (port != NULL) {
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(atoi(port));
    }
    if (ntohl(to.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        return unreachable();
    return real(fd, (const struct sockaddr *)&to, sizeof to);
}

/* The time of day, by system calls alone: anybody may ask for it, and at any moment. */

static time_t ahead(void)
{
    const char *path = getenv("ELSEWHERE_CLOCK");
    int before = errno;
    char text[32];
    long fd = path == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long length = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof text - 1);

    if (fd >= 0)
        syscall(SYS_close, fd);
    errno = before;
    text[length > 0 ? length : 0] = '\0';
    return atoll(text);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead();
    return result;
}

time_t time(time_t *copy)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (copy != NULL)
        *copy = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = syscall(SYS_gettimeofday, now, zone);
    if (result == 0)
        now->tv_sec += ahead();
    return result;
}

/* Files. */

/* Whether this is of a CA store that is not to be there. noipa: glibc promises the compiler a path, but Rust gives
 * statx none to find out whether there is a statx. */
__attribute__((noipa)) static int hidden(const char *path)
{
    static const char *const stores[] = {
        "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/lib/ssl", "/usr/local/ssl", "/usr/local/share/certs",
        "/usr/share/ca-certificates", "/var/lib/ca-certificates",
    };
    size_t i, length;

    if (path == NULL || getenv("ELSEWHERE_NO_STORE") == NULL)
        return 0;
    for (i = 0; i < sizeof stores / sizeof *stores; i++) {
        length = strlen(stores[i]);
        if (strncmp(path, stores[i], length) == 0 && (path[length] == '/' || path[length] == '\0')) {
            errno = ENOENT;
            return 1;
        }
    }
    return 0;
}

/* The argument that is there only where a file may be made. */
#define MODE(flags)                                 \
    mode_t mode = 0;                                \
    if ((flags) & (O_CREAT | O_TMPFILE)) {          \
        va_list rest;                               \
        va_start(rest, flags);                      \
        mode = va_arg(rest, mode_t);                \
        va_end(rest);                               \
    }

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...)                      \
    {                                                               \
        REAL(name);                                                 \
        MODE(flags)                                                 \
        return hidden(path) ? -1 : real(path, flags, mode);         \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int at, const char *path, int flags, ...)                  \
    {                                                                   \
        REAL(name);                                                     \
        MODE(flags)                                                     \
        return hidden(path) ? -1 : real(at, path, flags, mode);         \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                             \
    FILE *name(const char *path, const char *mode)              \
    {                                                           \
        REAL(name);                                             \
        return hidden(path) ? NULL : real(path, mode);          \
    }
FOPEN(fopen)
FOPEN(fopen64)

DIR *opendir(const char *path)
{
    REAL(opendir);
    return hidden(path) ? NULL : real(path);
}

#define STAT(name, type)                                        \
    int name(const char *path, struct type *found)              \
    {                                                           \
        REAL(name);                                             \
        return hidden(path) ? -1 : real(path, found);           \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

#define FSTATAT(name, type)                                             \
    int name(int at, const char *path, struct type *found, int flags)   \
    {                                                                   \
        REAL(name);                                                     \
        return hidden(path) ? -1 : real(at, path, found, flags);        \
    }
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, stat64)

int statx(int at, const char *path, int flags, unsigned int mask, struct statx *found)
{
    REAL(statx);
    return hidden(path) ? -1 : real(at, path, flags, mask, found);
}

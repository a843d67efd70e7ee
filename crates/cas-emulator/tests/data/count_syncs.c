/*
 * Preloaded into a program, appends a byte to the file that COUNT_SYNCS names for each of its calls
 * of fsync and fdatasync, and makes each take SYNC_DELAY_US microseconds longer, as on a disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void)
{
    const char *path = getenv("COUNT_SYNCS"), *delay = getenv("SYNC_DELAY_US");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (fd < 0 || write(fd, "x", 1) != 1)
        abort();
    close(fd);
    if (delay) usleep((useconds_t)atoi(delay));
}

#define SYNC(name)                                                                                 \
    int name(int fd)                                                                               \
    {                                                                                              \
        int (*real)(int);                                                                          \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                                 \
        count();                                                                                   \
        return real(fd);                                                                           \
    }

SYNC(fsync)
SYNC(fdatasync)

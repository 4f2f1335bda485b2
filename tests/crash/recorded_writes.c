/* Records what a process writes to one file, and when it is synced, for tests: preload it into the process.
 *
 * RECORDED_FILE names the file, RECORDED_LOG where the record goes. Each entry begins with two 64-bit numbers, the
 * kind and a number: a write has its offset there, and its length and bytes follow; a sync has 0; a mark has what the
 * process says with recorded_mark.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, MARK = 3 };

typedef ssize_t (*pwrite_function)(int, const void *, size_t, off_t);

static ssize_t real_pwrite(int fd, const void *data, size_t length, off_t offset)
{
    static pwrite_function function;
    if (function == NULL) {
        function = (pwrite_function)dlsym(RTLD_NEXT, "pwrite64");
    }
    return function(fd, data, length, offset);
}

static void put(const void *data, size_t length)
{
    static int log = -1;
    if (log < 0) {
        log = open(getenv("RECORDED_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (log < 0 || write(log, data, length) != (ssize_t)length) {
        abort();
    }
}

static void put_entry(uint64_t kind, uint64_t number)
{
    uint64_t head[2] = {kind, number};
    put(head, sizeof head);
}

static int is_recorded(int fd)
{
    struct stat wanted, there;
    const char *path = getenv("RECORDED_FILE");
    return path != NULL && stat(path, &wanted) == 0 && fstat(fd, &there) == 0 && wanted.st_dev == there.st_dev &&
           wanted.st_ino == there.st_ino;
}

static void put_write(int fd, const void *data, uint64_t length, off_t offset)
{
    if (!is_recorded(fd)) {
        return;
    }
    put_entry(WRITE, (uint64_t)offset);
    put(&length, sizeof length);
    put(data, length);
    if (fcntl(fd, F_GETFL) & O_DSYNC) {
        put_entry(SYNC, 0);
    }
}

void recorded_mark(uint64_t number)
{
    put_entry(MARK, number);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset)
{
    ssize_t written = real_pwrite(fd, data, length, offset);
    if (written > 0) {
        put_write(fd, data, (uint64_t)written, offset);
    }
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return pwrite64(fd, data, length, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t (*function)(int, const struct iovec *, int) =
        (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    ssize_t written = function(fd, parts, count);
    ssize_t left = written;
    for (int part = 0; part < count && left > 0; part++) {
        size_t length = parts[part].iov_len < (size_t)left ? parts[part].iov_len : (size_t)left;
        put_write(fd, parts[part].iov_base, length, offset);
        offset += (off_t)length;
        left -= (ssize_t)length;
    }
    return written;
}

static int synced(int fd, const char *name)
{
    int (*function)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = function(fd);
    if (result == 0 && is_recorded(fd)) {
        put_entry(SYNC, 0);
    }
    return result;
}

int fdatasync(int fd)
{
    return synced(fd, "fdatasync");
}

int fsync(int fd)
{
    return synced(fd, "fsync");
}

/* Preloaded into a process, makes one of its changes to files fail: the one that FAIL_AT counts to, below FAIL_UNDER.
 *
 * A change is an open for writing, a write, an fsync, a truncation, a rename, a link, an unlink, a mkdir or a chmod.
 * FAIL_WITH is the errno; with FAIL_ON every later change fails too. FAIL_TOLD is a file that gets a line for each
 * change that failed, and at the end the count of all. Only the process that has these variables is concerned. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 4096

static int count = 0;
static char below[MOST];
static char of_descriptor[MOST];

static const char *setting(const char *name) {
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

static void tell(const char *text) {
    const char *path = setting("FAIL_TOLD");
    int told = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (told >= 0) {
        syscall(SYS_write, told, text, strlen(text));
        syscall(SYS_close, told);
    }
}

static int is_below(const char *path) {
    const char *root = setting("FAIL_UNDER");
    char real[MOST];
    if (!root || !path)
        return 0;
    if (path[0] != '/') {
        char here[MOST / 2];
        if (!getcwd(here, sizeof here))
            return 0;
        snprintf(real, sizeof real, "%s/%s", here, path);
        path = real;
    }
    return strncmp(path, root, strlen(root)) == 0;
}

static int fails(const char *what, const char *path) {
    int at = setting("FAIL_AT") ? atoi(setting("FAIL_AT")) : 0;
    count++;
    if (!at || !(count == at || (count > at && setting("FAIL_ON"))))
        return 0;
    char line[MOST + 64];
    snprintf(line, sizeof line, "%d %s %s\n", count, what, path);
    tell(line);
    errno = setting("FAIL_WITH") ? atoi(setting("FAIL_WITH")) : EIO;
    return 1;
}

static int fails_at_path(const char *what, const char *path) { return is_below(path) && fails(what, path); }

static int fails_at(const char *what, int descriptor) {
    if (descriptor < 0 || descriptor >= MOST || !of_descriptor[descriptor])
        return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, below, sizeof below - 1);
    below[length > 0 ? length : 0] = 0;
    return fails(what, below);
}

static int opened(int descriptor, const char *path) {
    if (descriptor >= 0 && descriptor < MOST)
        of_descriptor[descriptor] = (char)is_below(path);
    return descriptor;
}

__attribute__((destructor)) static void end(void) {
    char line[64];
    snprintf(line, sizeof line, "%d in all\n", count);
    if (setting("FAIL_UNDER"))
        tell(line);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))

#define MODE_OF(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                       \
        MODE_OF(flags)                                                                                                 \
        if (WRITES(flags) && fails_at_path("open", path))                                                              \
            return -1;                                                                                                 \
        return opened(REAL(name)(path, flags, mode), path);                                                            \
    }
#define OPENS_AT(name)                                                                                                 \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        MODE_OF(flags)                                                                                                 \
        if (folder == AT_FDCWD && WRITES(flags) && fails_at_path("open", path))                                        \
            return -1;                                                                                                 \
        return opened(REAL(name)(folder, path, flags, mode), path);                                                    \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

#define OF_DESCRIPTOR(result, name, parameters, ...)                                                                   \
    result name parameters {                                                                                           \
        if (fails_at(#name, descriptor))                                                                               \
            return -1;                                                                                                 \
        return REAL(name)(__VA_ARGS__);                                                                                \
    }
OF_DESCRIPTOR(ssize_t, write, (int descriptor, const void *data, size_t size), descriptor, data, size)
OF_DESCRIPTOR(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), descriptor, data, size, at)
OF_DESCRIPTOR(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off64_t at), descriptor, data, size, at)
OF_DESCRIPTOR(int, fsync, (int descriptor), descriptor)
OF_DESCRIPTOR(int, fdatasync, (int descriptor), descriptor)
OF_DESCRIPTOR(int, ftruncate, (int descriptor, off_t size), descriptor, size)
OF_DESCRIPTOR(int, ftruncate64, (int descriptor, off64_t size), descriptor, size)
OF_DESCRIPTOR(int, fchmod, (int descriptor, mode_t mode), descriptor, mode)

#define OF_PATH(name, parameters, ...)                                                                                 \
    int name parameters {                                                                                              \
        if (fails_at_path(#name, path))                                                                                \
            return -1;                                                                                                 \
        return REAL(name)(__VA_ARGS__);                                                                                \
    }
OF_PATH(rename, (const char *path, const char *to), path, to)
OF_PATH(link, (const char *path, const char *to), path, to)
OF_PATH(linkat, (int from, const char *path, int folder, const char *to, int flags), from, path, folder, to, flags)
OF_PATH(unlink, (const char *path), path)
OF_PATH(unlinkat, (int folder, const char *path, int flags), folder, path, flags)
OF_PATH(mkdir, (const char *path, mode_t mode), path, mode)
OF_PATH(chmod, (const char *path, mode_t mode), path, mode)

/*
 * Faults at one exact call: preloaded into a program, it counts the calls that change something below given folders
 * and does its mischief at the call with a given number. Reads are never touched.
 *
 *   FAULT_FOLDERS  absolute folders, separated by ':'; what lies elsewhere passes
 *   FAULT_AT       the number of the call, from 1; absent: only count
 *   FAULT_ACTION   an errno number   the call fails with it
 *                  kill              SIGKILL before the call
 *                  cut               the file systems of all FAULT_FOLDERS lose power (nothing unsynced survives), SIGKILL
 *                  torn              the next write is done half and made durable, then as cut
 *                  short             the next write does half and says so
 *                  hang              the call never returns
 *   FAULT_STICKY   set: errno and hang go on for all later calls too
 *   FAULT_LOG      a file that gets one line for each counted call; `number call path`, and ` !` where the fault struck; what
 *                  calls without end is not logged without end
 *   FAULT_LIE      fsync does nothing and says it did: `folders` for all folders, otherwise for files whose path holds it
 *   FAULT_CONTROL  a file of at least 64 bytes that the program writes to while it runs. It holds 64-bit numbers: calls
 *                  counted (write 0 to begin anew), FAULT_AT (0: nothing is counted), action (an errno, or -1 kill, -2 cut,
 *                  -3 torn, -4 short, -5 hang until FAULT_AT changes), how many later calls are struck too, strikes so
 *                  far, which of FAULT_FOLDERS count (a bit each; 0: all), and calls seen whether counted or not. The
 *                  variables above then do nothing.
 *
 * Names in the log: open (creating or truncating), write, fsync, truncate, allocate, rename, link,
 * unlink, mkdir, rmdir, copy, owner. Not seen: writes through a memory map, and system calls made without the C library
 * (io_uring; copyFile of Node, which calls copy_file_range by itself).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* include/uapi/linux/fs.h spells these FS_IOC_SHUTDOWN only in newer headers. */
#define IOCTL_SHUTDOWN _IOR('X', 125, unsigned int)
#define SHUTDOWN_NO_LOG_FLUSH 2u

/* Some 100 bytes each. */
#define MOST_LOGGED 100000

/* A positive action is an errno. */
enum action { KILL = -1, CUT = -2, TORN = -3, SHORT = -4, HANG = -5 };
enum verdict { PASS, FAIL, HALF };

/* In FAULT_CONTROL, or this process's own. */
struct control {
  atomic_long calls;
  atomic_long at;
  atomic_long action;
  atomic_long sticky;
  atomic_long strikes;
  atomic_long folders;
  atomic_long seen;
};

static pthread_once_t configured = PTHREAD_ONCE_INIT;
static char *folders[16];
static int folder_count;
static struct control own_control;
static struct control *control = &own_control;
static const char *lie;
static int log_file = -1;

static long action_called(const char *name) {
  if (!strcmp(name, "kill")) return KILL;
  if (!strcmp(name, "cut")) return CUT;
  if (!strcmp(name, "torn")) return TORN;
  if (!strcmp(name, "short")) return SHORT;
  if (!strcmp(name, "hang")) return HANG;
  return atoi(name);
}

static void map_control(const char *path) {
  int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file < 0 || mapped == MAP_FAILED) {
    perror("faultshim: FAULT_CONTROL");
    abort();
  }
  control = mapped;
}

static void configure(void) {
  char *list = getenv("FAULT_FOLDERS");
  char *rest = NULL;
  if (list) {
    for (char *one = strtok_r(strdup(list), ":", &rest); one && folder_count < 16; one = strtok_r(NULL, ":", &rest))
      folders[folder_count++] = one;
  }
  const char *at = getenv("FAULT_AT");
  const char *name = getenv("FAULT_ACTION");
  const char *control_path = getenv("FAULT_CONTROL");
  /* Without an action the calls are counted, and none has the number -1. */
  own_control.at = at && name ? atol(at) : -1;
  own_control.action = name ? action_called(name) : 0;
  own_control.sticky = getenv("FAULT_STICKY") ? LONG_MAX : 0;
  if (control_path) map_control(control_path);
  lie = getenv("FAULT_LIE");
  const char *log_path = getenv("FAULT_LOG");
  if (log_path) log_file = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int is_watched(const char *path) {
  long wanted = control->folders;
  for (int i = 0; i < folder_count; i++) {
    if (wanted && !(wanted >> i & 1)) continue;
    size_t length = strlen(folders[i]);
    if (!strncmp(path, folders[i], length) && (path[length] == '/' || path[length] == 0)) return 1;
  }
  return 0;
}

static void end_by_kill(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void cut_power(void) {
  unsigned int flags = SHUTDOWN_NO_LOG_FLUSH;
  for (int i = 0; i < folder_count; i++) {
    int folder = syscall(SYS_openat, AT_FDCWD, folders[i], O_RDONLY | O_CLOEXEC, 0);
    if (folder < 0 || ioctl(folder, IOCTL_SHUTDOWN, &flags)) perror("faultshim: the power cut failed");
  }
  end_by_kill();
}

/* Only writes can be torn or short: what comes before the next one passes. */
static int is_due(long number, long at, long action, const char *call) {
  int is_in_time = number - at <= control->sticky;
  if (at < 0 || number < at) return 0;
  if (action != TORN && action != SHORT) return is_in_time;
  return !strcmp(call, "write") && (is_in_time || control->strikes == 0);
}

static enum verdict judge_path(const char *call, const char *path) {
  pthread_once(&configured, configure);
  atomic_fetch_add(&control->seen, 1);
  long at = control->at;
  if (!at || !is_watched(path)) return PASS;
  long number = atomic_fetch_add(&control->calls, 1) + 1;
  long action = control->action;
  int strikes = is_due(number, at, action, call);
  if (log_file >= 0 && number <= MOST_LOGGED) {
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s%s\n", number, call, path, strikes ? " !" : "");
    syscall(SYS_write, log_file, line, length);
  }
  if (!strikes) return PASS;
  long before = atomic_fetch_add(&control->strikes, 1);
  switch (action) {
    case KILL: end_by_kill(); break;
    case CUT: cut_power(); break;
    case HANG: while (control->at == at) usleep(1000); return PASS;
    /* Another thread's write is being torn: the end is near. */
    case TORN: while (before) pause(); return HALF;
    case SHORT: return HALF;
    default: break;
  }
  errno = action;
  return FAIL;
}

/* Where an open file lies; 0 for sockets, pipes and what cannot be told. */
static int path_of(int fd, char *path) {
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, name, path, PATH_MAX - 1);
  if (length <= 0 || path[0] != '/') return 0;
  path[length] = 0;
  return 1;
}

static enum verdict judge_file(const char *call, int fd) {
  char path[PATH_MAX];
  return fd > 2 && path_of(fd, path) ? judge_path(call, path) : PASS;
}

static enum verdict judge_at(const char *call, int folder, const char *name) {
  char path[2 * PATH_MAX + 2];
  if (name[0] == '/') return judge_path(call, name);
  if (folder == AT_FDCWD ? !getcwd(path, PATH_MAX) : !path_of(folder, path)) return PASS;
  snprintf(path + strlen(path), PATH_MAX, "/%s", name);
  return judge_path(call, path);
}

static ssize_t finish_half(int fd, ssize_t written) {
  if (control->action == TORN) {
    syscall(SYS_fsync, fd);
    cut_power();
  }
  return written;
}

/* The real function behind the one that is being defined. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* ---- writes ---- */

ssize_t write(int fd, const void *bytes, size_t count) {
  switch (judge_file("write", fd)) {
    case FAIL: return -1;
    case HALF: return finish_half(fd, syscall(SYS_write, fd, bytes, count / 2));
    default: return syscall(SYS_write, fd, bytes, count);
  }
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t position) {
  switch (judge_file("write", fd)) {
    case FAIL: return -1;
    case HALF: return finish_half(fd, syscall(SYS_pwrite64, fd, bytes, count / 2, position));
    default: return syscall(SYS_pwrite64, fd, bytes, count, position);
  }
}

static size_t total_of(const struct iovec *parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  return total;
}

/* position < 0: at the current offset. */
static ssize_t write_half_of(int fd, const struct iovec *parts, int count, off_t position) {
  size_t left = total_of(parts, count) / 2;
  ssize_t written = 0;
  for (int i = 0; i < count && left > 0; i++) {
    size_t length = parts[i].iov_len < left ? parts[i].iov_len : left;
    ssize_t step = position < 0 ? syscall(SYS_write, fd, parts[i].iov_base, length)
                                : syscall(SYS_pwrite64, fd, parts[i].iov_base, length, position + written);
    if (step < 0) break;
    written += step;
    left -= step;
  }
  return finish_half(fd, written);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  switch (judge_file("write", fd)) {
    case FAIL: return -1;
    case HALF: return write_half_of(fd, parts, count, -1);
    default: return syscall(SYS_writev, fd, parts, count);
  }
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t position) {
  switch (judge_file("write", fd)) {
    case FAIL: return -1;
    case HALF: return write_half_of(fd, parts, count, position);
    default: return syscall(SYS_pwritev, fd, parts, (long)count, (long)position, 0L);
  }
}

ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off64_t) __attribute__((alias("pwritev")));

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
  if (judge_file("copy", to) == FAIL) return -1;
  return syscall(SYS_copy_file_range, from, from_at, to, to_at, count, flags);
}

ssize_t sendfile(int to, int from, off_t *position, size_t count) {
  if (judge_file("copy", to) == FAIL) return -1;
  return syscall(SYS_sendfile, to, from, position, count);
}

ssize_t sendfile64(int, int, off64_t *, size_t) __attribute__((alias("sendfile")));

/* ---- what makes durable, cuts and extends ---- */

static int is_lied_about(int fd) {
  char path[PATH_MAX];
  struct stat found;
  if (!lie || !path_of(fd, path) || fstat(fd, &found)) return 0;
  return S_ISDIR(found.st_mode) ? !strcmp(lie, "folders") : strstr(path, lie) != NULL;
}

int fsync(int fd) {
  if (judge_file("fsync", fd) == FAIL) return -1;
  return is_lied_about(fd) ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  if (judge_file("fsync", fd) == FAIL) return -1;
  return is_lied_about(fd) ? 0 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length) {
  return judge_file("truncate", fd) == FAIL ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int, off64_t) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t position, off_t length) {
  return judge_file("allocate", fd) == FAIL ? -1 : (int)syscall(SYS_fallocate, fd, mode, position, length);
}

int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));

int posix_fallocate(int fd, off_t position, off_t length) {
  return judge_file("allocate", fd) == FAIL ? errno : REAL(posix_fallocate)(fd, position, length);
}

int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));

int fchown(int fd, uid_t owner, gid_t group) {
  return judge_file("owner", fd) == FAIL ? -1 : (int)syscall(SYS_fchown, fd, owner, group);
}

/* ---- names ---- */

static int open_file(int folder, const char *name, int flags, mode_t mode) {
  if ((flags & (O_CREAT | O_TRUNC)) && judge_at("open", folder, name) == FAIL) return -1;
  return syscall(SYS_openat, folder, name, flags, mode);
}

#define MODE_OF(flags, mode)                      \
  mode_t mode = 0;                                \
  if ((flags) & (O_CREAT | O_TMPFILE)) {          \
    va_list rest;                                 \
    va_start(rest, flags);                        \
    mode = va_arg(rest, mode_t);                  \
    va_end(rest);                                 \
  }

int open(const char *name, int flags, ...) {
  MODE_OF(flags, mode)
  return open_file(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...) {
  MODE_OF(flags, mode)
  return open_file(folder, name, flags, mode);
}

int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  if (judge_at("rename", to_folder, to) == FAIL) return -1;
  return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  if (judge_at("link", to_folder, to) == FAIL) return -1;
  return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *name, int flags) {
  if (judge_at(flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, name) == FAIL) return -1;
  return syscall(SYS_unlinkat, folder, name, flags);
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
  if (judge_at("mkdir", folder, name) == FAIL) return -1;
  return syscall(SYS_mkdirat, folder, name, mode);
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

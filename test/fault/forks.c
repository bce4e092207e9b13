/*
 * fork() for a Node program: what it has loaded is loaded in all its children. A module for Node's C interface, whose few
 * names are declared here, for the headers may be absent.
 *
 *   fork()        0 in the child, else the child's process id. Only the calling thread lives on in the child: no other may
 *                 have anything to do. V8 needs --single-threaded. The child dies with its parent.
 *   wait(pid)     blocks until the child has ended; its status as waitpid tells it
 *   leave(code)   ends at once: an orderly end would wait for the threads that stayed behind
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
struct uv_loop_s;

int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
int napi_create_int32(napi_env, int32_t, napi_value *);
int napi_get_value_int32(napi_env, napi_value, int32_t *);
int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
int napi_get_uv_event_loop(napi_env, struct uv_loop_s **);
int uv_loop_fork(struct uv_loop_s *);
void uv_update_time(struct uv_loop_s *);

static napi_value number(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

static int32_t argument(napi_env env, napi_callback_info info) {
  napi_value given = NULL;
  size_t count = 1;
  int32_t value = -1;
  napi_get_cb_info(env, info, &count, &given, NULL, NULL);
  napi_get_value_int32(env, given, &value);
  return value;
}

/* V8 keeps its heap from children, which mostly load another program at once. */
static void let_all_be_inherited(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[4096];
  unsigned long from, to;
  while (maps && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx", &from, &to) == 2) madvise((void *)from, to - from, MADV_DOFORK);
  if (maps) fclose(maps);
}

/* More than V8's platform has. */
#define MOST_METHODS 64

static int no_workers(void) { return 0; }

/*
 * The threads to which V8 gives a part of its work are not in the child: told that there are none, it does all by itself.
 * Its platform gets a copy of its table of methods, in which one is exchanged.
 */
static int do_without_workers(void) {
  void *(*current)(void) = dlsym(RTLD_DEFAULT, "_ZN2v88internal2V818GetCurrentPlatformEv");
  void *old = dlsym(RTLD_DEFAULT, "_ZN4node12NodePlatform21NumberOfWorkerThreadsEv");
  static void *methods[MOST_METHODS];
  if (!current || !old) return 0;
  void ***platform = current();
  /* What stands before the first method belongs to it: its type, for one. */
  memcpy(methods, *platform - 2, sizeof methods);
  for (int i = 2; i < MOST_METHODS; i++) {
    if (methods[i] != old) continue;
    methods[i] = no_workers;
    *platform = methods + 2;
    return 1;
  }
  return 0;
}

static napi_value fork_program(napi_env env, napi_callback_info info) {
  (void)info;
  struct uv_loop_s *loop = NULL;
  if (napi_get_uv_event_loop(env, &loop)) return number(env, -1);
  let_all_be_inherited();
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !do_without_workers() || uv_loop_fork(loop)) _exit(1);
    /* Timers count from the time that the loop knows, and the parent has waited long. */
    uv_update_time(loop);
  }
  return number(env, child);
}

static napi_value wait_for(napi_env env, napi_callback_info info) {
  pid_t child = argument(env, info);
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return number(env, status);
}

static napi_value leave(napi_env env, napi_callback_info info) {
  _exit(argument(env, info));
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"fork", fork_program}, {"wait", wait_for}, {"leave", leave}};
  for (int i = 0; i < 3; i++) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, (size_t)-1, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}

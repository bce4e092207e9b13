/*
 * Mounts and unmounts several images in one go: a sweep of power cuts does it a thousand times, and one program for each
 * disk would cost more than all that is tested.
 *
 *   remount TYPE OPTIONS [-u PATH]... [-m IMAGE PATH]...
 *
 * The loop device of an image goes away with its mount. Ends with 1 and a sentence at the first failure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

static void fail(const char *what, const char *path) {
  fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
  exit(1);
}

/* An open loop device for the image; its name goes into `device`. Others may take the free one first: then the next. */
static int attach(const char *image, char *device, size_t size) {
  struct loop_config config = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  int file = open(image, O_RDWR | O_CLOEXEC);
  if (control < 0 || file < 0) fail("open", image);
  config.fd = file;
  strncpy((char *)config.info.lo_file_name, image, LO_NAME_SIZE - 1);
  for (int attempt = 0; attempt < 100; attempt++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) fail("no free loop device for", image);
    snprintf(device, size, "/dev/loop%d", number);
    int loop = open(device, O_RDWR | O_CLOEXEC);
    if (loop < 0) fail("open", device);
    if (!ioctl(loop, LOOP_CONFIGURE, &config)) {
      close(file);
      close(control);
      return loop;
    }
    close(loop);
    if (errno != EBUSY) fail("attach", image);
  }
  fail("attach", image);
  return -1;
}

int main(int count, char **words) {
  if (count < 3) return 2;
  for (int i = 3; i + 1 < count;) {
    if (!strcmp(words[i], "-u")) {
      if (umount2(words[i + 1], 0)) fail("unmount", words[i + 1]);
      i += 2;
    } else {
      char device[32];
      int loop = attach(words[i + 1], device, sizeof device);
      if (mount(device, words[i + 2], words[1], MS_NOATIME, words[2])) fail("mount", words[i + 2]);
      close(loop);
      i += 3;
    }
  }
  return 0;
}

#!/bin/sh
# Mounts a holdfast drive by rclone and FUSE, without root.
#
#   linux-rclone.sh mount URL WHERE     URL such as http://127.0.0.1:4918/home/
#     --user NAME             where the drive asks who you are; the password is asked for (login.sh)
#     --fingerprint SHA256    of the drive's certificate, where the system does not know it
#   linux-rclone.sh unmount WHERE       waits until everything saved has arrived
#
# rclone sends a file some time after it was closed, and an unmount does not wait for that: what is still to be sent
# stays in its cache. So unmounting here waits for the last file first. Files are sent after 1 s, not at once: with
# --vfs-write-back 0, rclone 1.60 loses a rename that comes right after a save (the server keeps the old name).
# The password is in rclone's environment, which no other account can read, and in no file.
set -eu

state_root=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast

. "$(dirname -- "$0")/linux-mount-table.sh"
. "$(dirname -- "$0")/linux-state.sh"
. "$(dirname -- "$0")/login.sh"

usage() {
  printf 'Usage: %s mount URL WHERE [--user NAME] [--fingerprint SHA256] | unmount WHERE\n' "$0" >&2
  exit 2
}

check_tools() {
  command -v rclone >/dev/null || fail 'rclone is not installed' 'apt install rclone fuse3'
  fusermount=$(command -v fusermount3 || command -v fusermount) ||
    fail 'fusermount is not installed' 'apt install fuse3'
  [ -e /dev/fuse ] || fail 'this kernel has no /dev/fuse' 'sudo modprobe fuse'
}

# Whether files wait in the cache: rclone notes "Dirty": false with each once the server has it. A note that is being
# written is empty, and counts as waiting.
unsent() {
  waiting=$(grep -rLs '"Dirty": *false' "$state/cache/vfsMeta") || :
  [ -n "$waiting" ]
}

# Up to ten minutes, then it is the person's turn.
wait_until_sent() {
  rounds=0
  while unsent && [ $rounds -lt 1200 ]; do
    [ $rounds -ne 2 ] || printf 'Waiting until everything saved has arrived (at most 10 minutes)\n'
    sleep 0.5
    rounds=$((rounds + 1))
  done
}

# `$1 ...`: a command of rclone on the drive. vendor owncloud: times of files are kept (X-OC-Mtime).
drive_rclone() {
  rclone --config "$state/rclone.conf" ${certificate:+--ca-cert "$state/server.pem"} \
    --webdav-url "$url" --webdav-vendor owncloud --timeout 60s "$@"
}

# rclone would mount with a wrong password, too, and then refuse every program with an I/O error.
require_login() {
  [ -n "$user" ] || [ -n "$certificate" ] || return 0
  ! drive_rclone about :webdav: --retries 1 --low-level-retries 1 </dev/null >"$state/mount.log" 2>&1 || return 0
  cat "$state/mount.log" >&2
  unsent || rm -rf "$state"
  fail "the drive does not let you in at $url" 'see that name and password are right, then try again'
}

do_mount() {
  url=$1
  find_state "$2"
  require_free "$where"
  require_server "$url"
  find_certificate "$url"
  find_login
  receive_unsent "$url"
  printf 'Mounting %s at %s by rclone; cache and log in %s\n' "$url" "$where" "$state"
  mkdir -p "$state"
  printf '%s\n' "$url" >"$state/url"
  chmod 0700 "$state"
  : >"$state/rclone.conf"
  printf '%s\n' "$certificate" >"$state/server.pem"
  if [ -n "$user" ]; then
    obscured=$(printf '%s\n' "$password" | rclone obscure -)
    export RCLONE_WEBDAV_USER="$user" RCLONE_WEBDAV_PASS="$obscured"
  fi
  require_login
  make_folder
  # The daemon keeps what it inherits: with this shell's own output, a pipe behind it would never end.
  # The device name lets "holdfast unmount" find the mount.
  if ! drive_rclone mount :webdav: "$where" --devname "$url" \
    --vfs-cache-mode full --vfs-write-back 1s --cache-dir "$state/cache" \
    --dir-cache-time 5s --attr-timeout 1s \
    --log-file "$state/rclone.log" --daemon --daemon-wait 30s \
    </dev/null >"$state/mount.log" 2>&1; then
    cat "$state/mount.log" >&2
    forget_folder
    fail "$url could not be mounted" "see $state/rclone.log"
  fi
  say_mounted
}

do_unmount() {
  find_state "$1"
  [ "$(mount_types "$where")" = fuse.rclone ] || fail "no rclone mount is at $where" 'nothing is to be done'
  printf 'Unmounting %s\n' "$where"
  wait_until_sent
  "$fusermount" -u "$where" || fail "$where is in use" 'close the programs and shells that work in it, then try again'
  end_unmount
}

[ $# -ge 2 ] || usage
case $1 in
  mount)
    [ $# -ge 3 ] || usage
    url=$2 place=$3
    shift 3
    read_options "$@"
    check_tools
    do_mount "$url" "$(absolute "$place")"
    ;;
  unmount)
    [ $# -eq 2 ] || usage
    check_tools
    do_unmount "$(absolute "$2")"
    ;;
  *) usage ;;
esac

#!/bin/sh
# Mounts a holdfast drive by davfs2, as root: a kernel mount that every program and every account here can use.
#
#   linux-davfs2.sh mount URL WHERE     URL such as http://127.0.0.1:4918/home/
#   linux-davfs2.sh unmount WHERE       waits until everything saved has arrived
#
# Each mount has a configuration and a cache of its own below /var/cache/holdfast: an old cache shows old files, and
# davfs2's own defaults list folders wrongly on recent kernels (EINVAL), which a buf_size of 64 KiB cures.
set -eu

state_root=/var/cache/holdfast

. "$(dirname -- "$0")/linux-mount-table.sh"
. "$(dirname -- "$0")/linux-state.sh"

usage() {
  printf 'Usage: %s mount URL WHERE | unmount WHERE\n' "$0" >&2
  exit 2
}

# Whether the cache holds files that the server does not have: marked dirty in davfs2's index, kept by it as a backup
# (lost+found), or lying there without an index because mount.davfs was killed.
unsent() {
  [ -n "$(find "$state/cache" -type f 2>/dev/null)" ] || return 1
  indexes=$(find "$state/cache" -type f -name index)
  [ -n "$indexes" ] || return 0
  printf '%s\n' "$indexes" | while read -r index; do
    awk '/<d:dirty>1/ { found = 1 } /<d:backup>/ { backup = 1 } /<\/d:backup>/ { backup = 0 }
         backup && /<d:reg>/ { found = 1 } END { exit !found }' "$index" && printf 'found\n'
  done | grep -q found
}

check_tools() {
  [ "$(id -u)" -eq 0 ] || fail 'davfs2 mounts as root only' 'run this with sudo, or use linux-rclone.sh or linux-gio.sh'
  command -v mount.davfs >/dev/null || fail 'davfs2 is not installed' 'apt install davfs2'
  [ -e /dev/fuse ] || fail 'this kernel has no /dev/fuse' 'modprobe fuse'
}

do_mount() {
  url=$1
  find_state "$2"
  require_free "$where"
  require_server "$url"
  receive_unsent "$url"
  # An old cache shows old files.
  unsent || rm -rf "$state"
  printf 'Mounting %s at %s by davfs2; configuration and cache in %s\n' "$url" "$where" "$state"
  mkdir -p "$state/cache"
  chmod 0755 "$state"
  chmod 0770 "$state/cache"
  # mount.davfs gives up root and becomes this account.
  if getent passwd davfs2 >/dev/null; then chown root:davfs2 "$state/cache"; fi
  printf '%s\n' "$url" >"$state/url"
  : >"$state/secrets"
  chmod 0600 "$state/secrets"
  cat >"$state/davfs2.conf" <<CONFIGURATION
cache_dir $state/cache
secrets $state/secrets
ask_auth 0
buf_size 64
use_locks 1
if_match_bug 0
delay_upload 0
gui_optimize 0
dir_refresh 5
file_refresh 1
CONFIGURATION
  make_folder
  owner=${SUDO_UID:-0}
  group=${SUDO_GID:-0}
  # The daemon keeps what it inherits: with this shell's own output, a pipe behind it would never end.
  if ! mount -t davfs -o "conf=$state/davfs2.conf,uid=$owner,gid=$group" "$url" "$where" \
    </dev/null >"$state/mount.log" 2>&1; then
    cat "$state/mount.log" >&2
    forget_folder
    unsent || rm -rf "$state"
    fail "$url could not be mounted" 'see that the server runs ("holdfast status DIR"), then try again'
  fi
  say_mounted
}

do_unmount() {
  find_state "$1"
  is_mounted "$where" || fail "nothing is mounted at $where" 'nothing is to be done'
  [ -f "$state/davfs2.conf" ] || fail "$where was not mounted by this script" "umount $where"
  printf 'Unmounting %s; waiting until everything saved has arrived\n' "$where"
  umount "$where" || fail "$where is in use" 'close the programs and shells that work in it, then try again'
  end_unmount
}

[ $# -ge 2 ] || usage
case $1 in
  mount)
    [ $# -eq 3 ] || usage
    check_tools
    do_mount "$2" "$(absolute "$3")"
    ;;
  unmount)
    [ $# -eq 2 ] || usage
    check_tools
    do_unmount "$(absolute "$2")"
    ;;
  *) usage ;;
esac

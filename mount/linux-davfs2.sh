#!/bin/sh
# Mounts a holdfast drive by davfs2, as root: a kernel mount that every program and every account here can use.
#
#   linux-davfs2.sh mount URL WHERE     URL such as http://127.0.0.1:4918/home/
#     --user NAME             where the drive asks who you are; the password is asked for (login.sh)
#     --fingerprint SHA256    of the drive's certificate, where the system does not know it
#   linux-davfs2.sh unmount WHERE       waits until everything saved has arrived
#
# Each mount has a configuration and a cache of its own below /var/cache/holdfast: an old cache shows old files, and
# davfs2's own defaults list folders wrongly on recent kernels (EINVAL), which a buf_size of 64 KiB cures.
set -eu

state_root=/var/cache/holdfast

. "$(dirname -- "$0")/linux-mount-table.sh"
. "$(dirname -- "$0")/linux-state.sh"
. "$(dirname -- "$0")/login.sh"

usage() {
  printf 'Usage: %s mount URL WHERE [--user NAME] [--fingerprint SHA256] | unmount WHERE\n' "$0" >&2
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

# A field of davfs2's secrets file.
quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# The files of this mount: what davfs2 needs, the password in one that only root reads.
write_state() {
  mkdir -p "$state/cache"
  chmod 0755 "$state"
  chmod 0770 "$state/cache"
  # mount.davfs gives up root and becomes this account.
  if getent passwd davfs2 >/dev/null; then chown root:davfs2 "$state/cache"; fi
  printf '%s\n' "$url" >"$state/url"
  rm -f "$state/secrets"
  (umask 077 && : >"$state/secrets")
  if [ -n "$user" ]; then
    printf '%s %s %s\n' "$(quoted "$url")" "$(quoted "$user")" "$(quoted "$password")" >"$state/secrets"
  fi
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
  if [ -n "$certificate" ]; then
    printf '%s\n' "$certificate" >"$state/server.pem"
    printf 'trust_server_cert %s\n' "$state/server.pem" >>"$state/davfs2.conf"
  fi
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
  find_certificate "$url"
  find_login
  receive_unsent "$url"
  # An old cache shows old files.
  unsent || rm -rf "$state"
  printf 'Mounting %s at %s by davfs2; configuration and cache in %s\n' "$url" "$where" "$state"
  write_state
  make_folder
  owner=${SUDO_UID:-0}
  group=${SUDO_GID:-0}
  # The daemon keeps what it inherits: with this shell's own output, a pipe behind it would never end.
  if ! mount -t davfs -o "conf=$state/davfs2.conf,uid=$owner,gid=$group" "$url" "$where" \
    </dev/null >"$state/mount.log" 2>&1; then
    cat "$state/mount.log" >&2
    forget_folder
    rm -f "$state/secrets"
    unsent || rm -rf "$state"
    fail "$url could not be mounted" 'see that name and password are right and the server runs ("holdfast status DIR")'
  fi
  say_mounted
}

do_unmount() {
  find_state "$1"
  is_mounted "$where" || fail "nothing is mounted at $where" 'nothing is to be done'
  [ -f "$state/davfs2.conf" ] || fail "$where was not mounted by this script" "umount $where"
  printf 'Unmounting %s; waiting until everything saved has arrived\n' "$where"
  umount "$where" || fail "$where is in use" 'close the programs and shells that work in it, then try again'
  rm -f "$state/secrets"
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

#!/bin/sh
# Mounts a holdfast drive in a desktop session by GVFS, as the Files program of GNOME does: no root, no FUSE needed.
# GVFS chooses the place itself: the side bar of Files and, with gvfs-fuse, a folder for other programs.
#
#   linux-gio.sh mount URL [WHERE]     URL such as http://127.0.0.1:4918/home/; WHERE is not used
#   linux-gio.sh unmount URL
set -eu

. "$(dirname -- "$0")/linux-mount-table.sh"

usage() {
  printf 'Usage: %s mount URL | unmount URL\n' "$0" >&2
  exit 2
}

check_tools() {
  command -v gio >/dev/null || fail 'gio is not installed' 'apt install libglib2.0-bin gvfs-backends'
  for backend in /usr/libexec/gvfsd-dav /usr/lib/gvfs/gvfsd-dav /usr/lib/*/gvfs/gvfsd-dav; do
    [ ! -x "$backend" ] || found=yes
  done
  [ "${found:-}" = yes ] || fail "the WebDAV part of GVFS is not installed" 'apt install gvfs-backends'
  [ -n "${DBUS_SESSION_BUS_ADDRESS:-}" ] || fail 'this is no desktop session (no session bus)' \
    'run this in a terminal of your desktop, or use linux-rclone.sh'
}

# GVFS's own scheme: dav for http, davs for https.
dav_url() {
  case $1 in
    http://* | https://*) printf '%s\n' "$1" | sed 's/^http/dav/' ;;
    dav://* | davs://*) printf '%s\n' "$1" ;;
    *) usage ;;
  esac
}

is_mounted_in_session() {
  gio info "$1" >/dev/null 2>&1
}

do_mount() {
  require_server "$1"
  url=$(dav_url "$1")
  ! is_mounted_in_session "$url" || fail "$url is mounted already" "gio open '$url'"
  printf 'Mounting %s by GVFS\n' "$url"
  gio mount "$url" </dev/null || fail "$url could not be mounted" 'see that the server runs ("holdfast status DIR")'
  printf 'Mounted: in the side bar of Files.\n'
  # Without a runtime folder GVFS takes the cache folder.
  folder=${XDG_RUNTIME_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}}/gvfs
  if is_mounted "$folder"; then printf 'For other programs: below %s\n' "$folder"; fi
  printf "To undo: %s unmount '%s'\n" "$0" "$1"
}

do_unmount() {
  url=$(dav_url "$1")
  is_mounted_in_session "$url" || fail "$url is not mounted" 'nothing is to be done'
  printf 'Unmounting %s\n' "$url"
  gio mount -u "$url" || fail "$url is in use" 'close the programs that work in it, then try again'
  printf 'Unmounted.\n'
}

case $# in
  2 | 3) ;;
  *) usage ;;
esac
case $1 in
  mount)
    check_tools
    do_mount "$2"
    ;;
  unmount)
    check_tools
    do_unmount "$2"
    ;;
  *) usage ;;
esac

#!/bin/sh
# Mounts a holdfast drive in a desktop session by GVFS, as the Files program of GNOME does: no root, no FUSE needed.
# GVFS chooses the place itself: the side bar of Files and, with gvfs-fuse, a folder for other programs.
#
#   linux-gio.sh mount URL [WHERE]     URL such as http://127.0.0.1:4918/home/; WHERE is not used
#     --user NAME             where the drive asks who you are; the password is asked for (login.sh)
#     --fingerprint SHA256    of the drive's certificate, where the system does not know it
#   linux-gio.sh unmount URL
#
# GVFS cannot be given a certificate, it only asks about one. So the certificate is compared here, and GVFS is told yes.
# The password is kept by GVFS in memory, for as long as the session lasts.
set -eu

. "$(dirname -- "$0")/linux-mount-table.sh"
. "$(dirname -- "$0")/login.sh"

usage() {
  printf 'Usage: %s mount URL [--user NAME] [--fingerprint SHA256] | unmount URL\n' "$0" >&2
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

# The drive's mounts in this session, as GVFS names them: with the user in front of the host, and from the highest folder
# down that is WebDAV, which is the list of volumes.
mounts_of() {
  gio mount --list | sed -n 's/.* -> \(davs\{0,1\}:[^ ]*\)$/\1/p' | while IFS= read -r found; do
    plain=$(printf '%s' "${found%/}" | sed 's,://[^/@]*@,://,')
    case ${1%/}/ in
      "$plain"/*) printf '%s\n' "$found" ;;
    esac
  done
}

# Every byte of a name as a URL bears it.
percent_encoded() {
  printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'
}

# What GVFS asks, in its order: about the certificate, then for the password.
answers() {
  [ -z "$certificate" ] || printf '1\n'
  [ -z "$user" ] || printf '%s\n' "$password"
}

do_mount() {
  require_server "$1"
  url=$(dav_url "$1")
  [ -z "$(mounts_of "$url")" ] || fail "$url is mounted already" "gio open '$(mounts_of "$url" | head -n 1)'"
  find_certificate "$1"
  find_login
  printf 'Mounting %s by GVFS\n' "$url"
  [ -z "$user" ] || url=$(printf '%s' "$url" | sed "s,://,://$(percent_encoded "$user")@,")
  said=$(answers | gio mount "$url" 2>&1) || {
    printf '%s\n' "$said" >&2
    fail "$url could not be mounted" 'see that name and password are right and the server runs ("holdfast status DIR")'
  }
  printf 'Mounted: in the side bar of Files.\n'
  # Without a runtime folder GVFS takes the cache folder.
  folder=${XDG_RUNTIME_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}}/gvfs
  if is_mounted "$folder"; then printf 'For other programs: below %s\n' "$folder"; fi
  printf "To undo: %s unmount '%s'\n" "$0" "$1"
}

do_unmount() {
  url=$(dav_url "$1")
  mounts=$(mounts_of "$url")
  [ -n "$mounts" ] || fail "$url is not mounted" 'nothing is to be done'
  printf '%s\n' "$mounts" | while IFS= read -r found; do
    printf 'Unmounting %s\n' "$found"
    gio mount -u "$found" || fail "$found is in use" 'close the programs that work in it, then try again'
  done
  printf 'Unmounted.\n'
}

[ $# -ge 2 ] || usage
verb=$1 url=$2
shift 2
case $verb in
  mount)
    case ${1:---} in
      --*) ;;
      *) shift ;;
    esac
    read_options "$@"
    check_tools
    do_mount "$url"
    ;;
  unmount)
    check_tools
    do_unmount "$url"
    ;;
  *) usage ;;
esac

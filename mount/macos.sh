#!/bin/sh
# Mounts a holdfast drive on macOS with the system's own WebDAV client, without root.
#
#   macos.sh mount URL WHERE           URL such as http://127.0.0.1:4918/home/
#   macos.sh unmount WHERE-or-URL      waits until everything saved has arrived
#
# Finder does the same with Cmd-K. This way the drive lies at a place of your choice and no window asks for a name.
set -eu

fail() {
  printf 'Error: %s\nNext:  %s\n' "$1" "$2" >&2
  exit 1
}

usage() {
  printf 'Usage: %s mount URL WHERE | unmount WHERE-or-URL\n' "$0" >&2
  exit 2
}

# Lines of mount(8): "URL on PLACE (webdav, ...)". Prints the places of all WebDAV mounts whose URL or place is $1.
places_of() {
  mount -t webdav | while IFS= read -r line; do
    source=${line%% on *}
    place=${line#* on }
    place=${place% (*}
    if [ "${source%/}" = "${1%/}" ] || [ "$place" = "${1%/}" ]; then printf '%s\n' "$place"; fi
  done
}

# Mount points that this script made, to be taken away with their mounts.
made_folders=$HOME/Library/Caches/holdfast-mount-points

forget_folder() {
  grep -Fqsx "$1" "$made_folders" || return 0
  rmdir "$1" 2>/dev/null || true
  others=$(grep -Fvx "$1" "$made_folders" || true)
  printf '%s\n' "$others" >"$made_folders"
}

absolute() {
  folder=$(cd "$(dirname "$1")" && pwd -P) || fail "$(dirname "$1") does not exist" 'make the folder above it first'
  printf '%s/%s\n' "${folder%/}" "$(basename "$1")"
}

do_mount() {
  command -v mount_webdav >/dev/null || fail 'mount_webdav is not here' 'run this on macOS'
  url=$1
  mkdir -p "$(dirname "$2")"
  where=$(absolute "$2")
  [ -z "$(places_of "$url")" ] || fail "$url is mounted already at $(places_of "$url")" "$0 unmount '$url'"
  [ ! -e "$where" ] || [ -d "$where" ] || fail "$where is a file" 'name an empty or a new folder'
  [ -z "$(ls -A "$where" 2>/dev/null)" ] || fail "$where is not empty, and a mount would hide what it holds" \
    'name an empty or a new folder'
  curl --silent --max-time 10 --output /dev/null --request OPTIONS "$url" ||
    fail "no server answers at $url" 'start it ("holdfast serve DIR"), then try again'
  printf 'Mounting %s at %s\n' "$url" "$where"
  if [ ! -d "$where" ]; then
    mkdir -p "$where" "$(dirname "$made_folders")"
    printf '%s\n' "$where" >>"$made_folders"
  fi
  # -S: no windows when the server is gone for a while; -v: the name that Finder shows.
  if ! mount_webdav -S -v "$(basename "$where")" "$url" "$where"; then
    forget_folder "$where"
    fail "$url could not be mounted" 'see that the server runs ("holdfast status DIR"), then try again'
  fi
  printf "Mounted. To undo: %s unmount '%s'\n" "$0" "$where"
}

do_unmount() {
  case $1 in
    http://* | https://*) target=$1 ;;
    *) target=$(absolute "$1") ;;
  esac
  places=$(places_of "$target")
  [ -n "$places" ] || fail "nothing is mounted at $target" 'nothing is to be done'
  printf '%s\n' "$places" | while IFS= read -r place; do
    printf 'Unmounting %s; waiting until everything saved has arrived\n' "$place"
    umount "$place" || diskutil unmount "$place" ||
      fail "$place is in use" 'close the programs and windows that work in it, then try again'
    forget_folder "$place"
  done
  printf 'Unmounted.\n'
}

[ $# -ge 2 ] || usage
case $1 in
  mount)
    [ $# -eq 3 ] || usage
    do_mount "$2" "$3"
    ;;
  unmount)
    [ $# -eq 2 ] || usage
    do_unmount "$2"
    ;;
  *) usage ;;
esac

#!/bin/sh
# Mounts a holdfast drive on macOS with the system's own WebDAV client, without root.
#
#   macos.sh mount URL WHERE           URL such as http://127.0.0.1:4918/home/
#     --user NAME                      who logs in; macOS itself asks for name and password, in a terminal only
#     --fingerprint SHA256             of the drive's certificate, where the system does not know it
#   macos.sh unmount WHERE-or-URL      waits until everything saved has arrived
#
# Finder does the same with Cmd-K. This way the drive lies at a place of your choice. A certificate that was compared is
# trusted for TLS in your keychain (macOS asks whether it may) until the drive is unmounted here.
set -eu

fail() {
  printf 'Error: %s\nNext:  %s\n' "$1" "$2" >&2
  exit 1
}

usage() {
  printf 'Usage: %s mount URL WHERE [--user NAME] [--fingerprint SHA256] | unmount WHERE-or-URL\n' "$0" >&2
  exit 2
}

. "$(dirname -- "$0")/login.sh"

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

# The certificate that was trusted for a mount point.
trusted_file() {
  printf '%s/Library/Caches/holdfast-certificate-%s.pem\n' "$HOME" "$(printf '%s' "$1" | shasum -a 256 | cut -c1-16)"
}

trust_certificate() {
  [ -n "$certificate" ] || return 0
  file=$(trusted_file "$1")
  mkdir -p "$(dirname "$file")"
  printf '%s\n' "$certificate" >"$file"
  printf 'Trusting the certificate for TLS, until the drive is unmounted\n'
  security add-trusted-cert -r trustAsRoot -p ssl -k "$HOME/Library/Keychains/login.keychain-db" "$file" || {
    rm -f "$file"
    fail 'the certificate was not trusted' 'allow it when macOS asks, then try again'
  }
}

# Idempotent.
distrust_certificate() {
  file=$(trusted_file "$1")
  [ -e "$file" ] || return 0
  security remove-trusted-cert "$file" || true
  security delete-certificate -Z "$(openssl x509 -in "$file" -noout -fingerprint -sha1 | sed 's/.*=//' | tr -d :)" || true
  rm -f "$file"
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
  require_server "$url"
  asks=''
  if [ -n "$user" ] || [ "$status" = 401 ]; then
    [ -t 0 ] || fail 'macOS asks for name and password in a terminal only' \
      'run this in Terminal, or mount with Finder (Cmd-K)'
    asks=-i
  fi
  find_certificate "$url"
  trust_certificate "$where"
  printf 'Mounting %s at %s\n' "$url" "$where"
  if [ ! -d "$where" ]; then
    mkdir -p "$where" "$(dirname "$made_folders")"
    printf '%s\n' "$where" >>"$made_folders"
  fi
  # -S: no windows when the server is gone for a while; -i: it asks for name and password; -v: the name that Finder shows.
  if ! mount_webdav -S ${asks:+"$asks"} -v "$(basename "$where")" "$url" "$where"; then
    forget_folder "$where"
    distrust_certificate "$where"
    fail "$url could not be mounted" 'see that name and password are right and the server runs ("holdfast status DIR")'
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
    distrust_certificate "$place"
  done
  printf 'Unmounted.\n'
}

[ $# -ge 2 ] || usage
case $1 in
  mount)
    [ $# -ge 3 ] || usage
    url=$2 place=$3
    shift 3
    read_options "$@"
    do_mount "$url" "$place"
    ;;
  unmount)
    [ $# -eq 2 ] || usage
    do_unmount "$2"
    ;;
  *) usage ;;
esac

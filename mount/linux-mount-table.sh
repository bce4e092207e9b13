# What the recipes for Linux share; read by them, not run. POSIX sh.

fail() {
  printf 'Error: %s\nNext:  %s\n' "$1" "$2" >&2
  exit 1
}

# The path without links, as the mount table has it. The last part is not looked at: a mount whose server is gone hangs.
absolute() {
  printf '%s/%s\n' "$(realpath -m -- "$(dirname -- "$1")" | sed 's:/$::')" "$(basename -- "$1")"
}

# The types of the mounts at $1, one a line, from the table alone. It writes spaces and the like as octal escapes.
mount_types() {
  while read -r _ place type _; do
    [ "$(printf '%b' "$place")" != "$1" ] || printf '%s\n' "$type"
  done </proc/self/mounts
}

is_mounted() {
  [ -n "$(mount_types "$1")" ]
}

# Only what these scripts mount may be taken away lightly: another mount may be the disk of a node.
step_for_mounted() {
  case $(mount_types "$1") in
    fuse | fuse.rclone) printf "if it is the drive, use it there, or: %s unmount '%s'" "$0" "$1" ;;
    *) printf 'name an empty or a new folder' ;;
  esac
}

# A mount hides what its folder holds, so the folder must be new or empty and carry no other mount.
require_free() {
  ! is_mounted "$1" || fail "something is mounted at $1 already" "$(step_for_mounted "$1")"
  [ ! -e "$1" ] || [ -d "$1" ] || fail "$1 is a file" 'name an empty or a new folder'
  [ -z "$(ls -A "$1" 2>/dev/null)" ] || fail "$1 is not empty, and a mount would hide what it holds" \
    'name an empty or a new folder'
}

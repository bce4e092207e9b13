# What the recipes for Linux leave on this machine: a folder of state for each mount, files in it that the server has
# not got yet, and the mount point if they made it. Read by them, not run. POSIX sh. Each recipe sets `state_root` and
# defines `unsent`: whether files wait in $state.
# shellcheck shell=sh disable=SC2154

# Sets `where` and `state`.
find_state() {
  where=$1
  state=$state_root/$(printf '%s' "$1" | sha256sum | cut -c1-16)
}

# What the mount before left: for the same URL $1 it is sent now; for another one, where it would wait for ever, it is
# put aside.
receive_unsent() {
  unsent || return 0
  if [ "$(cat "$state/url")" = "$1" ]; then
    printf 'Files of the mount before never reached the server; they are sent now.\n'
    return 0
  fi
  kept=$state.kept-$(date +%Y%m%d-%H%M%S)
  mv "$state" "$kept"
  printf 'The mount before, of %s, left files that never arrived; they are kept in %s\n' "$(cat "$kept/url")" "$kept"
}

make_folder() {
  [ ! -d "$where" ] || return 0
  mkdir -p "$where"
  : >"$state/made-folder"
}

# Takes the mount point away if the mount made it.
forget_folder() {
  [ ! -e "$state/made-folder" ] || rmdir "$where" 2>/dev/null || true
}

say_mounted() {
  printf "Mounted. To undo: %s unmount '%s'\n" "$0" "$where"
}

# After the system's own unmounting. What has not arrived is never thrown away.
end_unmount() {
  forget_folder
  if unsent; then
    fail "some files never reached the server; they are kept in $state/cache" \
      'start the server and mount at the same place again: they are sent then'
  fi
  rm -rf "$state"
  printf 'Unmounted.\n'
}

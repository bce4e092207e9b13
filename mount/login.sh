# Who logs in at the drive, and which certificate is the drive's: what the recipes for Linux and macOS share; read by
# them, not run. POSIX sh. A password is never on a command line, where every account can read it: it comes from
# $HOLDFAST_PASSWORD, from the terminal, not shown, or as the first line of standard input.
# shellcheck shell=sh disable=SC2034,SC2154

# The options behind the operands. Sets `user` and `fingerprint`.
read_options() {
  user='' fingerprint=''
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
      --user) user=$2 ;;
      --fingerprint) fingerprint=$2 ;;
      *) usage ;;
    esac
    shift 2
  done
}

# Sets `status`: what the server answers to somebody unknown; '' where there is no curl to ask with. Whose certificate it
# is does not matter here: nothing secret is sent.
require_server() {
  status=''
  command -v curl >/dev/null || return 0
  status=$(curl --silent --insecure --max-time 10 --output /dev/null --write-out '%{http_code}' --request OPTIONS "$1") ||
    fail "no server answers at $1" 'start it ("holdfast serve DIR"), then try again'
}

# Sets `user` and `password` where the drive asks for them, else `user` is ''.
find_login() {
  password=''
  if [ -z "$user" ]; then
    [ "$status" = 401 ] || return 0
    [ -t 0 ] || fail 'the drive asks who you are' \
      "say --user NAME, and give the password in HOLDFAST_PASSWORD or as the first line of standard input"
    printf 'User name: ' >&2
    IFS= read -r user || true
  fi
  if [ -n "${HOLDFAST_PASSWORD:-}" ]; then
    password=$HOLDFAST_PASSWORD
  elif [ -t 0 ]; then
    before=$(stty -g)
    trap 'stty "$before"; exit 130' INT TERM HUP
    stty -echo
    printf 'Password for %s: ' "$user" >&2
    IFS= read -r password || true
    stty "$before"
    trap - INT TERM HUP
    printf '\n' >&2
  else
    IFS= read -r password || true
  fi
  # What is mounted goes on to run, and need not know it.
  unset HOLDFAST_PASSWORD
  [ -n "$password" ] || fail 'no password was given' 'nothing was changed; try again'
}

# Sets `certificate`: the server's, where the system does not vouch for it and the person does, by its fingerprint; else ''.
find_certificate() {
  certificate=''
  case $1 in
    https://*) ;;
    *) return 0 ;;
  esac
  if command -v curl >/dev/null && curl --silent --max-time 10 --output /dev/null --request OPTIONS "$1"; then return 0; fi
  command -v openssl >/dev/null || fail 'openssl is not installed, and the certificate cannot be looked at' \
    'install it: apt install openssl'
  shown_certificate=$(openssl s_client -connect "$(authority_of "$1")" </dev/null 2>/dev/null | openssl x509 2>/dev/null) ||
    fail "$1 shows no certificate" 'see that the server runs ("holdfast status DIR"), then try again'
  shown=$(printf '%s\n' "$shown_certificate" | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//')
  if [ -n "$fingerprint" ]; then
    [ "$(hex_of "$shown")" = "$(hex_of "$fingerprint")" ] ||
      fail "this is another certificate: its SHA-256 fingerprint is $shown" \
        'somebody may stand between; mount only if the server itself ("holdfast serve") prints this fingerprint'
  else
    ask_about_certificate "$1" "$shown"
  fi
  certificate=$shown_certificate
}

ask_about_certificate() {
  [ -t 0 ] || fail "this system does not know the certificate of $1" \
    "if the server itself (\"holdfast serve\") prints this fingerprint, say --fingerprint $2"
  printf 'This system does not know the certificate of %s. Its SHA-256 fingerprint:\n%s\n' "$1" "$2" >&2
  printf 'Does the server itself ("holdfast serve") print the same? (yes/no) ' >&2
  IFS= read -r answer || true
  [ "$answer" = yes ] || fail 'the certificate is not trusted' 'nothing was mounted'
}

hex_of() {
  printf '%s' "$1" | tr -d ': ' | tr 'A-F' 'a-f'
}

# Host and port of a URL.
authority_of() {
  authority=${1#*://}
  authority=${authority%%/*}
  case $authority in
    *]:* | [!\[]*:*) printf '%s\n' "$authority" ;;
    *) printf '%s:443\n' "$authority" ;;
  esac
}

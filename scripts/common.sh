# Sourced by the scripts: where the project is, and how something is done as root.
set -eu -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
packages_file=$root/packaging/debian-12.packages

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "This needs root, and there is no sudo: run it as root. ($*)" >&2
    return 77
  fi
}

packages_of() { # SUBSET...
  local subset
  for subset; do sed -n "s/^$subset //p" "$packages_file"; done
}

#!/bin/sh
# Makes the virtual environment in $1. Debian ships Python without the part that makes one.
set -eu
venv=$1
python=$(command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Kümmerer needs Python 3.11 or newer; this is $("$python" --version)." >&2
    exit 1
fi
if "$python" -m venv "$venv" 2>/dev/null; then
    exit 0
fi
rm -rf "$venv"
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
echo "Python's venv module is missing; installing Debian's package python$minor-venv …" >&2
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo="sudo"
fi
if $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "python$minor-venv" >/dev/null; then
    exec "$python" -m venv "$venv"
fi
echo "That did not work. Ask whoever runs this machine for the package python$minor-venv, then try again." >&2
exit 1

# What the scripts that run programs have in common. They source it after `set -euo pipefail`; it gives them
#
#     here, root, script    the script's folder, the top of the repository, and the script's name from there
#     fail, usage           ends with a message; prints the comment at the script's head
#     has, needs, needs_python, install_missing    system packages
#     make_venv             Python packages
#     find_daemons          BIN
#     build_nested          a package inside this one
#     run_at_most           a deadline

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
script=${here#"$root"/}/$(basename "$0")
missing=()
export PATH=$PATH:/usr/sbin:/sbin PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/Tests/Support/python

# fail MESSAGE [STATUS]
fail() {
    echo "$script: $1" >&2
    exit "${2:-1}"
}

usage() { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

has() { command -v "$1" >/dev/null; }

# needs PACKAGE TEST…: the Debian package is missing if the test fails.
needs() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

needs_python() {
    needs python3 has python3
    needs python3-venv python3 -c 'import ensurepip'
}

# A missing tool is installed, or an error: never a reason to skip a test.
install_missing() {
    if [ ${#missing[@]} = 0 ]; then return; fi
    has apt-get || fail "missing, and no apt-get to install them: ${missing[*]}"
    echo "installing ${missing[*]}"
    as_root apt-get update -q >/dev/null
    # The scripts start servers of their own; those of the system must not come up beside them.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin $policy
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# make_venv FOLDER REQUIREMENTS [INSTALLER]: made anew when its requirements change. The pip of the environment INSTALLER serves
# others than its own, which then need none.
make_venv() {
    local folder=$1 requirements=$2 installer=${3:-$1} options=()
    if cmp -s "$requirements" "$folder/requirements.txt"; then return; fi
    [ "$installer" = "$folder" ] || options=(--without-pip)
    rm -rf "$folder"
    python3 -m venv ${options[@]+"${options[@]}"} "$folder"
    "$installer/bin/pip" --python "$folder/bin/python" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$folder/requirements.txt"
}

# find_daemons CONFIGURATION: sets BIN to the folder of gatewayd and agentd, and builds them unless it is set already.
find_daemons() {
    if [ -n "${BIN:-}" ]; then
        BIN=$(cd "$BIN" && pwd)
    else
        has swift || fail "no swift to build the daemons with; BIN=FOLDER names built ones"
        (cd "$root" && swift build -c "$1" --product gatewayd && swift build -c "$1" --product agentd) >&2
        BIN=$(cd "$root" && swift build -c "$1" --show-bin-path)
    fi
    local daemon
    for daemon in gatewayd agentd; do
        [ -x "$BIN/$daemon" ] || fail "no $daemon in $BIN"
    done
    export BIN
}

# build_nested PACKAGE SCRATCH [OPTION…]: a release build of a package inside this one. A cached plan would miss files that are
# new in the main package, since SwiftPM watches only the package that it builds.
build_nested() {
    local package=$1 scratch=$2
    shift 2
    swift build -c release --package-path "$package" --scratch-path "$scratch" --disable-build-manifest-caching "$@"
}

# run_at_most SECONDS COMMAND…: programs have deadlines of their own; this one is for what no one thought of.
run_at_most() { timeout --kill-after=10 "$@"; }

# Reads the output of a run; the number in its last line `N passed`.
passed() { sed -nE 's/^([0-9]+) passed.*/\1/p' "$1" | tail -n 1; }

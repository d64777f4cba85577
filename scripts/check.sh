#!/bin/sh
# Everything that can be said about the code without a Ceph, quickest first; stops at the first step that fails.
# `--fix` formats what can be formatted and then checks; `--no-tests` leaves out the unit tests, for CI runs all tests behind it.
set -u
cd "$(dirname "$0")/.." || exit 1

step() {
  name=$1
  shift
  printf '== %s\n' "$name"
  if ! "$@"; then
    printf '\ncheck failed: %s (%s)\n' "$name" "$*" >&2
    exit 1
  fi
}

packed() {
  folder=$(mktemp -d) || return 1
  npm pack --silent --ignore-scripts --pack-destination "$folder" >/dev/null &&
    publint run --strict "$folder"/*.tgz &&
    { attw --quiet --profile esm-only "$folder"/*.tgz || attw --profile esm-only "$folder"/*.tgz; }
  status=$?
  rm -rf "$folder"
  return $status
}

python_lint() (scripts/python-tools ruff "$@" --config python-shim/pyproject.toml .)

python_types() (cd python-shim && ../scripts/python-tools mypy)

if [ "${1:-}" = --fix ]; then
  step 'generate' node scripts/generate.ts
  step 'format' biome check --write .
  step 'fix Python' python_lint check --fix
  step 'format Python' python_lint format
fi

step 'generated files' node scripts/generate.ts --check
step 'types' tsc -p tsconfig.json
step 'lint' oxlint
step 'format' biome check --error-on-warnings .
step 'dead code' knip --no-config-hints
step 'lint Python' python_lint check
step 'format Python' python_lint format --check
step 'types Python' python_types
step 'build' node scripts/build.ts
step 'package' packed
[ "${1:-}" = --no-tests ] || step 'unit tests' node scripts/test.ts --unit
printf '\ncheck passed\n'

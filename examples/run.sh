#!/bin/sh
# Builds the shared library and a C program, and runs it:
#
#     sh examples/run.sh [PROGRAM [ARGUMENT...]]
#
# PROGRAM is the name of one beside this file, loopback_app unless another is given, or the path of a .c file of yours.
# CC and CARGO_TARGET_DIR are respected.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-loopback_app}
[ $# -eq 0 ] || shift
case $program in
    *.c) source=$program program=$(basename "$program" .c) ;;
    *) source=$root/examples/$program.c ;;
esac
if [ ! -f "$source" ]; then
    echo "$source: no such program; there are:" >&2
    for source in "$root"/examples/*.c; do echo "  $(basename "$source" .c)" >&2; done
    exit 2
fi

target=${CARGO_TARGET_DIR:-$root/target}
[ -f "$target/release/libmodelreg.so" ] || echo "Building the library, which takes about a minute the first time." >&2
cargo build --quiet --release --manifest-path "$root/Cargo.toml" --target-dir "$target"

# The loader looks for the library under its soname, which carries the part of the version that the ABI goes by.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
case $version in
    0.*) abi=${version%.*} ;;
    *) abi=${version%%.*} ;;
esac
ln -sf libmodelreg.so "$target/release/libmodelreg.so.$abi"

mkdir -p "$target/programs"
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -pthread -I "$root/include" \
    -DMODELREG_SAMPLE_APP="\"$root/examples/sample-app\"" \
    "$source" -o "$target/programs/$program" \
    -L "$target/release" -lmodelreg -Wl,-rpath,"$target/release"
exec "$target/programs/$program" "$@"

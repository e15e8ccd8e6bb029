#!/bin/sh
# Builds the shared library and one of the C programs beside this file, and runs it:
#
#     sh examples/run.sh [PROGRAM [ARGUMENT...]]
#
# The program is loopback_app unless another one is named. CC and CARGO_TARGET_DIR are respected.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-loopback_app}
[ $# -eq 0 ] || shift
if [ ! -f "$root/examples/$program.c" ]; then
    echo "examples/$program.c: no such program; there are:" >&2
    for source in "$root"/examples/*.c; do echo "  $(basename "$source" .c)" >&2; done
    exit 2
fi

target=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --release --manifest-path "$root/Cargo.toml" --target-dir "$target"

# The loader looks for the library under its soname, which carries the part of the version that the ABI goes by.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
case $version in
    0.*) abi=${version%.*} ;;
    *) abi=${version%%.*} ;;
esac
ln -sf libmodelreg.so "$target/release/libmodelreg.so.$abi"

"${CC:-cc}" -std=c11 -O2 -Wall -Wextra -pthread -I "$root/include" \
    -DMODELREG_SAMPLE_APP="\"$root/examples/sample-app\"" \
    "$root/examples/$program.c" -o "$target/release/$program" \
    -L "$target/release" -lmodelreg -Wl,-rpath,"$target/release"
exec "$target/release/$program" "$@"

# shellcheck shell=bash
# Sourced by `run` and `instructions`: builds the library and the programs of the benchmark into "$programs".

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
programs=$target/benches
# Flags from outside would measure another library than the one that is released.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
has() { command -v "$1" >/dev/null 2>&1; }
skip() { echo "skipped: $1 because $2" >&2; }

warnings=(-Wall -Wextra -Werror)
c=("${CC:-gcc}" -std=gnu11 -O2 -g "${warnings[@]}" -pthread -I "$root/include" -I "$root/benches")
cxx=("${CXX:-g++}" -std=c++17 -O2 -g "${warnings[@]}" -pthread -I "$root/benches")
# What every program of the benchmark has.
driver=()
available=()

build_library() {
    cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" --target-dir "$target"
    library=$target/release
    # The loader looks for it under its soname.
    ln -sf libmodelreg.so "$library/$(readelf -d "$library/libmodelreg.so" | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')"
    mkdir -p "$programs"
}

build_driver() {
    local name
    for name in driver workload check reads writes threads; do
        "${c[@]}" -c "$root/benches/$name.c" -o "$programs/$name.o"
        driver+=("$programs/$name.o")
    done
    "${c[@]}" -c "$root/benches/extra_none.c" -o "$programs/extra_none.o"
}

with_library=()
build_modelreg() {
    with_library=(-L "$library" -lmodelreg "-Wl,-rpath,$library")
    "${c[@]}" "${driver[@]}" "$root/benches/modelreg.c" "$root/benches/extra.c" -o "$programs/modelreg" "${with_library[@]}"
    available+=(modelreg)
}

build_floor() {
    "${c[@]}" -fPIC -shared "$root/benches/floor_library.c" -o "$programs/libfloor.so"
    "${c[@]}" "${driver[@]}" "$root/benches/floor.c" -o "$programs/floor" -L "$programs" -lfloor "-Wl,-rpath,$programs"
    available+=(floor)
}

# A package of its own: what it needs is nothing that the library needs.
build_rust_peers() {
    if ! cargo fetch --quiet --locked --manifest-path "$root/benches/peers/Cargo.toml"; then
        skip "the peers in Rust" "their packages cannot be had"
        return 0
    fi
    cargo build --quiet --release --locked --manifest-path "$root/benches/peers/Cargo.toml" --target-dir "$target/peers"
    "${c[@]}" "${driver[@]}" "$programs/extra_none.o" "$target/peers/release/libpeers.a" -o "$programs/peers" -lm -ldl
    available+=(peers)
}

build_cxx_peer() {
    if ! has "${cxx[0]}"; then
        skip "std::unordered_map" "${cxx[0]} is not installed"
        return 0
    fi
    "${cxx[@]}" "$root/benches/unordered.cpp" "${driver[@]}" "$programs/extra_none.o" -o "$programs/unordered"
    available+=(unordered)
}

build_glib_peer() {
    local flags libraries
    if ! has pkg-config || ! pkg-config --exists glib-2.0; then
        skip "GHashTable" "pkg-config finds no glib-2.0"
        return 0
    fi
    read -ra flags <<<"$(pkg-config --cflags glib-2.0)"
    read -ra libraries <<<"$(pkg-config --libs glib-2.0)"
    "${c[@]}" "${flags[@]}" "$root/benches/glib.c" "${driver[@]}" "$programs/extra_none.o" -o "$programs/glib" "${libraries[@]}"
    available+=(glib)
}

build_all() {
    build_library
    build_driver
    build_modelreg
    build_floor
    build_rust_peers
    build_cxx_peer
    build_glib_peer
}

#!/bin/sh
# Builds consumer.c with what pkg-config says, shared and static, and runs it; the argument is the expected version.
# CC and PKG_CONFIG_PATH are respected.
set -eu

cd "$(dirname "$0")"
cc=${CC:-cc}
pkg-config --exact-version="$1" modelreg
libraries=$(pkg-config --variable=libdir modelreg)

# shellcheck disable=SC2046 # the words are meant to be words
"$cc" -o pkg_config_shared consumer.c $(pkg-config --cflags --libs modelreg) "-Wl,-rpath,$libraries"
./pkg_config_shared "$1"
ldd ./pkg_config_shared | grep -q "libmodelreg.so.* => $libraries\|libmodelreg.so.* => /" ||
    { echo "the shared program does not use the shared library"; exit 1; }

# Both libraries lie side by side, and the linker takes the shared one unless the static one is named.
# shellcheck disable=SC2046
"$cc" -o pkg_config_static consumer.c $(pkg-config --cflags --static --libs modelreg | sed 's/-lmodelreg\>/-l:libmodelreg.a/')
./pkg_config_static "$1"
if ldd ./pkg_config_static | grep -q libmodelreg; then
    echo "the static program uses the shared library"
    exit 1
fi

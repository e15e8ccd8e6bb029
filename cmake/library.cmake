# The library: cargo builds it in a directory of its own; what comes out are the targets modelreg::modelreg (shared) and
# modelreg::modelreg_static.

find_program(MODELREG_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin" DOC "cargo, which builds the library")
if(NOT MODELREG_CARGO)
    message(FATAL_ERROR "cargo was not found: install Rust, or set MODELREG_CARGO to its path")
endif()
set(MODELREG_CARGO_OPTIONS "--locked" CACHE STRING "Options for cargo, such as --offline, separated by semicolons")

# As the soname: 0.<minor> while the major version is 0, then <major>.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(modelreg_soversion "0.${PROJECT_VERSION_MINOR}")
else()
    set(modelreg_soversion "${PROJECT_VERSION_MAJOR}")
endif()

set(modelreg_soname "libmodelreg.so.${modelreg_soversion}")
set(modelreg_libraries "${PROJECT_BINARY_DIR}/lib")
set(modelreg_shared "${modelreg_libraries}/libmodelreg.so.${PROJECT_VERSION}")
set(modelreg_archive "${modelreg_libraries}/libmodelreg.a")

# What a static library of Rust needs of the system is asked with an empty one, as it has to be known before the build.
# The build asks again with the real one, and fails where that needs anything else.
file(WRITE "${PROJECT_BINARY_DIR}/probe/probe.rs" "")
if(DEFINED ENV{RUSTC})
    set(modelreg_rustc "$ENV{RUSTC}")
else()
    find_program(MODELREG_RUSTC rustc HINTS "$ENV{HOME}/.cargo/bin" DOC "rustc, which says what a static library needs")
    set(modelreg_rustc "${MODELREG_RUSTC}")
endif()
execute_process(
    COMMAND "${modelreg_rustc}" --crate-type staticlib --color never --print native-static-libs
        -o "${PROJECT_BINARY_DIR}/probe/libprobe.a" "${PROJECT_BINARY_DIR}/probe/probe.rs"
    # A file that chooses the toolchain is looked for from here.
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    RESULT_VARIABLE probe_status
    ERROR_VARIABLE probe_log
    OUTPUT_VARIABLE probe_log)
if(NOT probe_log MATCHES "native-static-libs: ([^\n]*)" OR NOT probe_status EQUAL 0)
    message(FATAL_ERROR "rustc cannot build an empty library:\n${probe_log}")
endif()
string(STRIP "${CMAKE_MATCH_1}" modelreg_native)
string(REGEX REPLACE " +" ";" modelreg_native_list "${modelreg_native}")
message(STATUS "The static library needs ${modelreg_native}")

# Cargo knows best what is out of date, so it is asked in every build; the copies change only where it built anew.
add_custom_target(modelreg_cargo ALL
    COMMAND "${CMAKE_COMMAND}"
        "-DCARGO=${MODELREG_CARGO}"
        "-DCARGO_OPTIONS=${MODELREG_CARGO_OPTIONS}"
        "-DSOURCE=${PROJECT_SOURCE_DIR}"
        "-DTARGET=${PROJECT_BINARY_DIR}/cargo"
        "-DNATIVE=${modelreg_native}"
        "-DSHARED=${modelreg_shared}"
        "-DSONAME=${modelreg_soname}"
        "-DARCHIVE=${modelreg_archive}"
        -P "${PROJECT_SOURCE_DIR}/cmake/build_library.cmake"
    BYPRODUCTS "${modelreg_shared}" "${modelreg_archive}"
    COMMENT "Building the library with cargo"
    USES_TERMINAL
    VERBATIM)

add_library(modelreg_shared SHARED IMPORTED GLOBAL)
set_target_properties(modelreg_shared PROPERTIES
    IMPORTED_LOCATION "${modelreg_shared}"
    IMPORTED_SONAME "${modelreg_soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
add_dependencies(modelreg_shared modelreg_cargo)
add_library(modelreg::modelreg ALIAS modelreg_shared)

add_library(modelreg_static STATIC IMPORTED GLOBAL)
set_target_properties(modelreg_static PROPERTIES
    IMPORTED_LOCATION "${modelreg_archive}"
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include"
    INTERFACE_LINK_LIBRARIES "${modelreg_native_list}")
add_dependencies(modelreg_static modelreg_cargo)
add_library(modelreg::modelreg_static ALIAS modelreg_static)

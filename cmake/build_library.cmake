# cmake -P: builds the library with cargo, checks what it needs, and puts it where programs and the installation find it.

execute_process(
    COMMAND "${CARGO}" rustc --release --lib ${CARGO_OPTIONS} --manifest-path "${SOURCE}/Cargo.toml"
        --target-dir "${TARGET}" --color never -- --print native-static-libs
    RESULT_VARIABLE status
    ERROR_VARIABLE log)
# Cargo repeats the note where there was nothing to build; it is of use only here.
string(REGEX REPLACE "(^|\n)note: (link against|native-static-libs)[^\n]*" "" shown "${log}")
message("${shown}")
if(NOT status EQUAL 0)
    message(FATAL_ERROR "cargo cannot build the library")
endif()
if(NOT log MATCHES "native-static-libs: ([^\n]*)")
    message(FATAL_ERROR "rustc does not say what the static library needs")
endif()
string(STRIP "${CMAKE_MATCH_1}" needed)
string(REGEX REPLACE " +" ";" needed "${needed}")
string(REGEX REPLACE " +" ";" known "${NATIVE}")
list(REMOVE_ITEM needed ${known})
if(needed)
    message(FATAL_ERROR "the static library needs ${needed} beside ${NATIVE}: cmake/library.cmake has to learn of it")
endif()

get_filename_component(directory "${SHARED}" DIRECTORY)
get_filename_component(shared_name "${SHARED}" NAME)
file(MAKE_DIRECTORY "${directory}")
foreach(pair "libmodelreg.so|${SHARED}" "libmodelreg.a|${ARCHIVE}")
    string(REPLACE "|" ";" pair "${pair}")
    list(GET pair 0 from)
    list(GET pair 1 to)
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${TARGET}/release/${from}" "${to}"
        RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${from} cannot be copied to ${to}")
    endif()
endforeach()
foreach(link "${SONAME}" libmodelreg.so)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E create_symlink "${shared_name}" "${directory}/${link}")
endforeach()

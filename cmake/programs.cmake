# The C programs of examples/ and tests/c/, each against both libraries, and their tests.

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
else()
    message(STATUS "skipped: the C++ programs because there is no C++ compiler")
endif()

set(time_limit 120)
set(modelreg_data "$ENV{MODELREG_SHARED_DATA}")
if(NOT modelreg_data)
    set(modelreg_data "${PROJECT_SOURCE_DIR}/../shared/data")
endif()

# One program against one of the libraries, as the target <linkage>_<name>.
function(modelreg_program linkage name source)
    set(program "${linkage}_${name}")
    add_executable(${program} "${source}")
    set_target_properties(${program} PROPERTIES
        OUTPUT_NAME "${name}"
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/programs/${linkage}")
    target_compile_options(${program} PRIVATE -Wall -Wextra -pedantic -Werror)
    target_compile_definitions(${program} PRIVATE ${ARGN})
    if(linkage STREQUAL "shared")
        target_link_libraries(${program} PRIVATE modelreg::modelreg)
    else()
        target_link_libraries(${program} PRIVATE modelreg::modelreg_static)
    endif()
    target_link_libraries(${program} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
    # An imported library's own dependencies do not always reach the compiler's run.
    add_dependencies(${program} modelreg_cargo)
endfunction()

# A test that runs the program of a linkage: its exit status has to be `status`, and its output that of the file
# `expected`, if there is one.
function(modelreg_test linkage test name status expected)
    add_test(NAME "${linkage}/${test}"
        COMMAND "${CMAKE_COMMAND}"
            "-DPROGRAM=$<TARGET_FILE:${linkage}_${name}>"
            "-DARGUMENTS=${ARGN}"
            "-DSTATUS=${status}"
            "-DEXPECTED=${expected}"
            -P "${PROJECT_SOURCE_DIR}/cmake/run_program.cmake"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties("${linkage}/${test}" PROPERTIES
        TIMEOUT ${time_limit}
        SKIP_REGULAR_EXPRESSION "skipped: "
        ENVIRONMENT "MODELREG_LIBRARY=${modelreg_libraries}/${modelreg_soname}")
endfunction()

# A test that needs nothing but the exit status, where 77 says that this machine lacks something.
function(modelreg_plain_test linkage test name)
    add_test(NAME "${linkage}/${test}" COMMAND ${linkage}_${name} ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties("${linkage}/${test}" PROPERTIES
        TIMEOUT ${time_limit}
        SKIP_RETURN_CODE 77
        ENVIRONMENT "MODELREG_LIBRARY=${modelreg_libraries}/${modelreg_soname}")
endfunction()

file(GLOB sources CONFIGURE_DEPENDS
    "${PROJECT_SOURCE_DIR}/examples/*.c" "${PROJECT_SOURCE_DIR}/tests/c/*.c" "${PROJECT_SOURCE_DIR}/tests/c/*.cpp")
file(GLOB applications LIST_DIRECTORIES true "${modelreg_data}/loopback-apps/*")
if(NOT applications)
    message(STATUS "skipped: loopback_app on real applications because ${modelreg_data} has none")
endif()
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/empty")

foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    if(name MATCHES "^hooks_")
        # The library is built without test-hooks; cargo test has the build with them.
        continue()
    endif()
    if(source MATCHES "\\.cpp$" AND NOT CMAKE_CXX_COMPILER)
        continue()
    endif()
    set(arguments "")
    if(name STREQUAL "threads")
        # A small run is enough here.
        set(arguments 200)
    endif()
    set(expected "${PROJECT_SOURCE_DIR}/examples/expected/${name}.txt")
    foreach(linkage shared static)
        modelreg_program(${linkage} ${name} "${source}")
        if(source MATCHES "/examples/" AND EXISTS "${expected}")
            modelreg_test(${linkage} ${name} ${name} 0 "${expected}" ${arguments})
        else()
            modelreg_plain_test(${linkage} ${name} ${name} ${arguments})
        endif()
        if(name STREQUAL "threads")
            # The same program with the version check of the cache switched off has to be caught. It ends with the first
            # wrong answer; on a busy machine that may be a while in coming.
            modelreg_program(${linkage} threads_without_check "${source}" THREADS_CACHE_WITHOUT_CHECK)
            modelreg_test(${linkage} threads_without_check threads_without_check 1 "" 50000)
        endif()
        if(name STREQUAL "loopback_app")
            modelreg_test(${linkage} loopback_app/empty loopback_app 2 "" "${PROJECT_BINARY_DIR}/empty")
            foreach(application IN LISTS applications)
                get_filename_component(folder "${application}" NAME)
                if(NOT IS_DIRECTORY "${application}")
                    continue()
                endif()
                set(status 0)
                if(folder STREQUAL "gothrive-api" OR folder STREQUAL "open-community-app")
                    # These have something to report.
                    set(status 1)
                endif()
                modelreg_test(${linkage} "loopback_app/${folder}" loopback_app ${status} "" "${application}")
            endforeach()
        endif()
    endforeach()
endforeach()

if(MODELREG_INSTALL)
    # Installs, moves what was installed elsewhere, and builds a project against it that knows nothing of this one.
    add_test(NAME install/consumer
        COMMAND "${CMAKE_COMMAND}"
            "-DBUILD=${PROJECT_BINARY_DIR}"
            "-DSOURCE=${PROJECT_SOURCE_DIR}"
            "-DGENERATOR=${CMAKE_GENERATOR}"
            "-DLIBDIR=${CMAKE_INSTALL_LIBDIR}"
            "-DC_COMPILER=${CMAKE_C_COMPILER}"
            "-DVERSION=${PROJECT_VERSION}"
            "-DSONAME=${modelreg_soname}"
            -P "${PROJECT_SOURCE_DIR}/cmake/check_install.cmake")
    set_tests_properties(install/consumer PROPERTIES TIMEOUT 300)
endif()

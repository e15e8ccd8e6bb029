# cmake -P: installs into a new prefix, moves that elsewhere, looks at what is in it, and builds and runs a project outside
# of the build tree against it, with CMake and with pkg-config.

set(scratch "${BUILD}/check-install")
file(REMOVE_RECURSE "${scratch}")
file(MAKE_DIRECTORY "${scratch}")

function(run what)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${what}: ${status}\n${output}")
    endif()
    message(STATUS "${what}: done")
    set(output "${output}" PARENT_SCOPE)
endfunction()

run("installing" "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${scratch}/first prefix")
file(MAKE_DIRECTORY "${scratch}/moved")
file(RENAME "${scratch}/first prefix" "${scratch}/moved/prefix")
set(prefix "${scratch}/moved/prefix")

foreach(file
    include/modelreg.h
    ${LIBDIR}/libmodelreg.a
    ${LIBDIR}/libmodelreg.so.${VERSION}
    ${LIBDIR}/${SONAME}
    ${LIBDIR}/libmodelreg.so
    ${LIBDIR}/pkgconfig/modelreg.pc
    ${LIBDIR}/cmake/modelreg/modelregConfig.cmake
    ${LIBDIR}/cmake/modelreg/modelregConfigVersion.cmake
    ${LIBDIR}/cmake/modelreg/modelregTargets.cmake
    share/licenses/modelreg/LICENSE-MIT
    share/licenses/modelreg/LICENSE-APACHE)
    if(NOT EXISTS "${prefix}/${file}")
        message(FATAL_ERROR "${file} was not installed")
    endif()
endforeach()
foreach(link ${SONAME} libmodelreg.so)
    if(NOT IS_SYMLINK "${prefix}/${LIBDIR}/${link}")
        message(FATAL_ERROR "${LIBDIR}/${link} is no link")
    endif()
endforeach()

# Nothing in the packages may say where they were made.
file(GLOB packages "${prefix}/${LIBDIR}/pkgconfig/*" "${prefix}/${LIBDIR}/cmake/modelreg/*")
foreach(package IN LISTS packages)
    file(READ "${package}" text)
    foreach(place "${BUILD}" "${SOURCE}")
        string(FIND "${text}" "${place}" at)
        if(NOT at EQUAL -1)
            message(FATAL_ERROR "${package} holds the path ${place}")
        endif()
    endforeach()
endforeach()

# The consumer is copied out of the repository, so that it finds nothing of it by accident.
file(COPY "${SOURCE}/tests/consumer" DESTINATION "${scratch}")
file(MAKE_DIRECTORY "${scratch}/consumer/build")
run("configuring the consumer" "${CMAKE_COMMAND}" -S "${scratch}/consumer" -B "${scratch}/consumer/build"
    -G "${GENERATOR}" "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DEXPECTED_VERSION=${VERSION}")
run("building the consumer" "${CMAKE_COMMAND}" --build "${scratch}/consumer/build")
foreach(program consumer_shared consumer_static)
    run("running ${program}" "${scratch}/consumer/build/${program}" "${VERSION}")
endforeach()

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
    run("building and running with pkg-config" "${CMAKE_COMMAND}" -E env "CC=${C_COMPILER}"
        "PKG_CONFIG_PATH=${prefix}/${LIBDIR}/pkgconfig" sh "${scratch}/consumer/with_pkg_config.sh" "${VERSION}")
else()
    message(STATUS "skipped: the consumer with pkg-config because it is not installed")
endif()

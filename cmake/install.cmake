# What is installed: the header, both libraries, the packages for pkg-config and CMake, the licences. All paths in it are
# relative to where the packages lie, so that the whole may be moved.

include(CMakePackageConfigHelpers)

set(modelreg_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/modelreg")
set(modelreg_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.h" "${PROJECT_SOURCE_DIR}/include/*.hpp")
install(FILES ${headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(PROGRAMS "${modelreg_shared}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
# The links are installed as links.
install(FILES "${modelreg_libraries}/${modelreg_soname}" "${modelreg_libraries}/libmodelreg.so" "${modelreg_archive}"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/modelreg")

# From the pkg-config file's directory to the prefix, and from there on; an absolute directory stays what it is.
file(RELATIVE_PATH pc_to_prefix
    "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}/.")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
set(pc_prefix "\${pcfiledir}/${pc_to_prefix}")
foreach(kind LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
        set(pc_${kind} "${CMAKE_INSTALL_${kind}}")
    else()
        set(pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
    endif()
endforeach()
configure_file(cmake/modelreg.pc.in "${PROJECT_BINARY_DIR}/package/modelreg.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/modelreg.pc" DESTINATION "${modelreg_pkgconfig_dir}")

configure_package_config_file(cmake/modelregConfig.cmake.in "${PROJECT_BINARY_DIR}/package/modelregConfig.cmake"
    INSTALL_DESTINATION "${modelreg_package_dir}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR
    NO_SET_AND_CHECK_MACRO)
configure_file(cmake/modelregTargets.cmake.in "${PROJECT_BINARY_DIR}/package/modelregTargets.cmake" @ONLY)
# While the major version is 0 every minor version may break the ABI.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
else()
    set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/modelregConfigVersion.cmake"
    COMPATIBILITY ${compatibility})
install(FILES
    "${PROJECT_BINARY_DIR}/package/modelregConfig.cmake"
    "${PROJECT_BINARY_DIR}/package/modelregConfigVersion.cmake"
    "${PROJECT_BINARY_DIR}/package/modelregTargets.cmake"
    DESTINATION "${modelreg_package_dir}")

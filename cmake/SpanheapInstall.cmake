# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts in place: the libraries, the header, the package for find_package and
# one pkg-config file per shared library. Everything finds the rest relative to itself, so an
# installed tree may be moved.

include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/spanheap")
set(pkgconfig_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# spanheap_install_library(<target> <name after spanheap::>)
function(spanheap_install_library target exported)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${exported})
  install(
    TARGETS ${target}
    EXPORT spanheap
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endfunction()

# spanheap_install_pkgconfig(<library> <description> LIBS <words>... STATIC <words>...)
# <library>.pc for lib<library>.so, and with --static for lib<library>.a
function(spanheap_install_pkgconfig library description)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LIBS;STATIC")
  list(JOIN arg_LIBS " " pc_libs)
  list(JOIN arg_STATIC " " pc_static_libs)
  set(pc_name ${library})
  set(pc_description "${description}")
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY
             "${CMAKE_INSTALL_PREFIX}/${pkgconfig_folder}" OUTPUT_VARIABLE pc_prefix)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/spanheap.pc.in"
                 "${PROJECT_BINARY_DIR}/${library}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${library}.pc" DESTINATION "${pkgconfig_folder}")
endfunction()

spanheap_install_library(spanheap_malloc_shared malloc)
spanheap_install_library(spanheap_malloc_static malloc_static)
spanheap_install_library(spanheap_embed_shared embed)
spanheap_install_library(spanheap_embed_static embed_static)
set_target_properties(spanheap_gc PROPERTIES EXPORT_NAME gc)
install(TARGETS spanheap_gc EXPORT spanheap)
# What the CMake targets say (src/faces/malloc), but for what is of C++ programs alone: in one of C
# nobody has the names, and our weak references to them would become strong. --no-as-needed and what
# it is for are one word, so that no tool takes them apart.
set(table -Wl,--export-dynamic-symbol=sh_core_v1)
spanheap_install_pkgconfig(
  spanheap "A heap that replaces malloc"
  LIBS -Wl,--push-state,--no-as-needed,-lspanheap,--pop-state
  STATIC -Wl,-u,malloc ${table})
spanheap_install_pkgconfig(
  spanheap-embed "A heap beside malloc: sh_* calls only" LIBS -lspanheap-embed STATIC ${table})

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(
  EXPORT spanheap
  NAMESPACE spanheap::
  FILE spanheap-targets.cmake
  DESTINATION "${package_folder}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/spanheap-config.cmake.in"
  "${PROJECT_BINARY_DIR}/spanheap-config.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/spanheap-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/spanheap-config.cmake"
              "${PROJECT_BINARY_DIR}/spanheap-config-version.cmake"
        DESTINATION "${package_folder}")
install(FILES "${PROJECT_SOURCE_DIR}/share/spanheap-report.schema.json"
              "${PROJECT_SOURCE_DIR}/share/spanheap-look.schema.json"
              "${PROJECT_SOURCE_DIR}/share/spanheap-record.schema.json"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/spanheap")

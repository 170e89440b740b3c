# SPDX-License-Identifier: MIT
#
# A room is one static library, built with the flags of the core and linked to its allowed rooms.

set(spanheap_warnings -Wall -Wextra -Wshadow -Wconversion -Werror)

# The compiler must neither remove nor merge calls of the functions that we implement.
set(spanheap_no_builtin_malloc
    -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
    -fno-builtin-aligned_alloc -fno-builtin-memalign -fno-builtin-posix_memalign
    -fno-builtin-reallocarray)

add_library(spanheap_headers INTERFACE)
target_include_directories(spanheap_headers INTERFACE "${PROJECT_SOURCE_DIR}/src"
                                                      "${PROJECT_SOURCE_DIR}/include")
target_compile_options(spanheap_headers INTERFACE ${spanheap_no_builtin_malloc})

# What the core is compiled with: libc only, nothing thrown, one TLS word reached without a call.
add_library(spanheap_core_flags INTERFACE)
target_compile_definitions(spanheap_core_flags INTERFACE SPANHEAP_CORE)  # for public headers
target_compile_options(
  spanheap_core_flags
  INTERFACE ${spanheap_warnings} -fno-plt -ftls-model=initial-exec -fvisibility=hidden
            -fvisibility-inlines-hidden
            "$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti;-fno-threadsafe-statics>"
            # Unique symbols cannot be made local in the archives.
            $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)

set_property(GLOBAL PROPERTY SPANHEAP_ROOMS_WITH_CODE "")

# spanheap_room(NAME <room> [SOURCES <file>...] [DEPENDS <room>...])
# Makes target spanheap_<room> (slashes become underscores). Without sources: headers only.
function(spanheap_room)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPENDS")
  string(REPLACE "/" "_" name "${arg_NAME}")
  set(target spanheap_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(${target} PUBLIC spanheap_headers PRIVATE spanheap_core_flags)
    set(visibility PUBLIC)
    set_property(GLOBAL APPEND PROPERTY SPANHEAP_ROOMS_WITH_CODE ${target})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE spanheap_headers)
    set(visibility INTERFACE)
  endif()
  foreach(room IN LISTS arg_DEPENDS)
    string(REPLACE "/" "_" room "${room}")
    if(NOT TARGET spanheap_${room})
      message(FATAL_ERROR "room ${arg_NAME} depends on ${room}, which does not come before it")
    endif()
    target_link_libraries(${target} ${visibility} spanheap_${room})
  endforeach()
endfunction()

# Rooms and folders come as they are written: absent ones are passed over.
function(spanheap_add_if_present folder)
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
    add_subdirectory(${folder})
  endif()
endfunction()

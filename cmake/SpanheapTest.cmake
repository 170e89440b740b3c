# SPDX-License-Identifier: MIT
#
# One GoogleTest executable per room; each of its tests is a case of ctest.

include(GoogleTest)
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)

add_custom_target(unit_tests)

# spanheap_test(ROOM <room> SOURCES <file>... [NAME <executable>] [LINKS <target>...]
#               [TIMEOUT <seconds>] [SLOW])
# Makes <room>_test (or NAME), linked to the room if it exists, and to LINKS. SLOW cases carry the
# label `slow` and run with ./dev test --slow only. Where SPANHEAP_UNITS_APART is set, the cases
# carry the label `unit`, and not `all` but the target unit_tests builds the executable.
function(spanheap_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SLOW" "ROOM;NAME;TIMEOUT" "SOURCES;LINKS")
  string(REPLACE "/" "_" room "${arg_ROOM}")
  if(NOT arg_NAME)
    set(arg_NAME ${room}_test)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_options(${arg_NAME} PRIVATE -Wall -Wextra -Wshadow -Werror)
  target_link_libraries(${arg_NAME} PRIVATE spanheap_headers ${arg_LINKS})
  if(TARGET spanheap_${room})
    target_link_libraries(${arg_NAME} PRIVATE spanheap_${room})
  endif()
  target_link_libraries(${arg_NAME} PRIVATE GTest::gtest GTest::gtest_main Threads::Threads)
  set(labels ${room})
  if(arg_SLOW)
    list(APPEND labels slow)
  endif()
  if(SPANHEAP_UNITS_APART)
    list(APPEND labels unit)
    set_target_properties(${arg_NAME} PROPERTIES EXCLUDE_FROM_ALL ON)
    add_dependencies(unit_tests ${arg_NAME})
  endif()
  # Death tests look for the signal itself, which sanitizers would otherwise turn into an exit.
  set(sanitizer_options "handle_segv=0:handle_abort=0")
  gtest_discover_tests(
    ${arg_NAME}
    TEST_PREFIX "${room}."
    DISCOVERY_TIMEOUT 60
    PROPERTIES
      TIMEOUT ${arg_TIMEOUT}
      LABELS "${labels}"
      ENVIRONMENT "ASAN_OPTIONS=${sanitizer_options};TSAN_OPTIONS=${sanitizer_options}")
endfunction()

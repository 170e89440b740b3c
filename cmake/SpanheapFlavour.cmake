# SPDX-License-Identifier: MIT
#
# The flavour of a build: what is added to every compile and link command because of it.

find_program(SPANHEAP_CCACHE ccache)
if(SPANHEAP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_C_COMPILER_LAUNCHER "${SPANHEAP_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${SPANHEAP_CCACHE}")
  # With paths written from the root of the sources, what one clone compiled serves the next.
  add_compile_options("-fdebug-prefix-map=${PROJECT_SOURCE_DIR}=.")
endif()

set(flavour_plain "")
# The core has no RTTI, which the check of virtual calls needs.
set(flavour_undefined -fsanitize=undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined)
set(flavour_address -fsanitize=address -fno-omit-frame-pointer ${flavour_undefined})
set(flavour_thread -fsanitize=thread)
set(flavour_coverage --coverage -fprofile-update=atomic)
set(flavour_fuzzer -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer)

if(NOT DEFINED flavour_${SPANHEAP_FLAVOUR})
  message(FATAL_ERROR "SPANHEAP_FLAVOUR=${SPANHEAP_FLAVOUR}: no such flavour")
endif()
add_compile_options(${flavour_${SPANHEAP_FLAVOUR}})
add_link_options(${flavour_${SPANHEAP_FLAVOUR}})

if(SPANHEAP_DEBUG_CHECKS)
  add_compile_definitions(SPANHEAP_DEBUG_CHECKS)
endif()

# ThreadSanitizer's fixed memory map does not fit every address randomisation of newer kernels.
if(SPANHEAP_FLAVOUR STREQUAL "thread")
  find_program(SPANHEAP_SETARCH setarch REQUIRED)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${SPANHEAP_SETARCH};-R")
endif()

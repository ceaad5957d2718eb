# Language level, warnings, sanitizers and build accelerators for every Banyan target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

# Line tables are enough for a stack trace and cost half of full debug information in link time.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

# Sources are compiled many at a time (CMakePresets.json): half of a file's time goes into what the headers
# instantiate. So a name in an anonymous namespace has to be the only one of its room.
option(BANYAN_UNITY_TESTS "Compile test sources many at a time" "${CMAKE_UNITY_BUILD}")

set(BANYAN_SANITIZE "" CACHE STRING "Value for -fsanitize=, for example address,undefined or thread")

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(BANYAN_CCACHE ccache)
  mark_as_advanced(BANYAN_CCACHE)
  if(BANYAN_CCACHE)
    # What ccache asks for where headers are precompiled (its manual, "Precompiled headers").
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros "${BANYAN_CCACHE}")
    set(CMAKE_C_COMPILER_LAUNCHER "${BANYAN_CCACHE}")
  endif()
endif()

find_program(BANYAN_LLD ld.lld)
mark_as_advanced(BANYAN_LLD)
if(BANYAN_LLD)
  add_link_options(-fuse-ld=lld)
endif()

add_library(banyan_options INTERFACE)
target_compile_options(banyan_options INTERFACE -Wall -Wextra -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND BANYAN_CCACHE)
  target_compile_options(banyan_options INTERFACE -fpch-preprocess)  # ccache needs it
endif()
# What GCC 12 and 13 say falsely: of a string literal joined to a std::string (GCC bug 105651), and of the
# standard library's code where it is inlined (into a variant's move, out of a precompiled header).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(banyan_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
                         -Wno-maybe-uninitialized)
endif()
if(BANYAN_SANITIZE)
  set(sanitize_flags -fsanitize=${BANYAN_SANITIZE} -fno-omit-frame-pointer)
  if(BANYAN_SANITIZE MATCHES "undefined")
    # TVM's classes are known only through tvm-ffi's headers, so their type information is incomplete
    # and the vptr check has nothing to compare with.
    list(APPEND sanitize_flags -fno-sanitize=vptr -fno-sanitize-recover=undefined)
  endif()
  target_compile_options(banyan_options INTERFACE ${sanitize_flags})
  target_link_options(banyan_options INTERFACE ${sanitize_flags})
endif()

# Test programs: what they test is optimised, their own code is big and runs once. Unoptimised it builds in half the time.
add_library(banyan_test_options INTERFACE)
target_compile_options(banyan_test_options INTERFACE -O0)

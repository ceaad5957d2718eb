# The libraries Banyan stands on: Debian/Ubuntu packages (scripts/packages.txt) and, from the project's
# virtual environment, tvm-ffi and TVM (requirements.txt). `make setup` installs both.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(GTest REQUIRED)

find_path(BANYAN_XXHASH_INCLUDE_DIR xxhash.h)
if(NOT BANYAN_XXHASH_INCLUDE_DIR)
  message(FATAL_ERROR "xxhash.h not found: run `make setup` (it installs libxxhash-dev)")
endif()

# Parsing nlohmann/json.hpp takes longer than the rest of a typical file together, so it is
# precompiled once, for tests together with gmock. Files include what they use all the same: clang-tidy
# reads them without this.
function(_banyan_precompile target)
  file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/${target}.cc" CONTENT "")
  add_library(${target} OBJECT "${CMAKE_BINARY_DIR}/${target}.cc")
  target_link_libraries(${target} PRIVATE banyan_options nlohmann_json::nlohmann_json fmt::fmt
                        spdlog::spdlog ${ARGN})
endfunction()
set(common_headers <algorithm> <functional> <map> <memory> <optional> <string> <unordered_map>
    <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)
_banyan_precompile(banyan_pch)
target_precompile_headers(banyan_pch PRIVATE ${common_headers})
_banyan_precompile(banyan_test_pch GTest::gmock banyan_test_options)
target_precompile_headers(banyan_test_pch PRIVATE ${common_headers} <gmock/gmock.h>)

find_package(ZLIB REQUIRED)

# Without a CMake package in Debian 12: banyan_zstd, banyan_xgboost.
function(_banyan_find_library name header library package)
  find_path(BANYAN_${name}_INCLUDE_DIR ${header})
  find_library(BANYAN_${name}_LIBRARY ${library})
  if(NOT BANYAN_${name}_INCLUDE_DIR OR NOT BANYAN_${name}_LIBRARY)
    message(FATAL_ERROR "${header} not found: run `make setup` (it installs ${package})")
  endif()
  add_library(banyan_${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(banyan_${name} SYSTEM INTERFACE "${BANYAN_${name}_INCLUDE_DIR}")
  target_link_libraries(banyan_${name} INTERFACE "${BANYAN_${name}_LIBRARY}")
endfunction()
_banyan_find_library(zstd zstd.h zstd libzstd-dev)
_banyan_find_library(xgboost xgboost/c_api.h xgboost libxgboost-dev)

if(DEFINED ENV{BANYAN_VENV})
  set(banyan_default_venv "$ENV{BANYAN_VENV}")
else()
  set(banyan_default_venv "${CMAKE_SOURCE_DIR}/.venv")
endif()
set(BANYAN_VENV "${banyan_default_venv}" CACHE PATH "Python virtual environment that holds TVM")

set(BANYAN_PYTHON "${BANYAN_VENV}/bin/python")
if(NOT EXISTS "${BANYAN_PYTHON}")
  message(FATAL_ERROR "no virtual environment in ${BANYAN_VENV}: run `make setup` "
                      "(or pass -DBANYAN_VENV=<folder of one that holds TVM>)")
endif()

# Asked once and kept: starting Python costs more than the rest of a re-configure.
if(NOT BANYAN_TVM_PROBED_VENV STREQUAL BANYAN_VENV)
  execute_process(
    COMMAND "${BANYAN_PYTHON}" -c [[
import importlib.util as u, pathlib, tvm_ffi.libinfo as f
print(f.find_include_path(), f.find_dlpack_include_path(), f.find_libtvm_ffi(),
      pathlib.Path(u.find_spec("tvm").origin).parent / "lib", sep=";")
]]
    OUTPUT_VARIABLE probe ERROR_VARIABLE probe_error RESULT_VARIABLE probe_status
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE)
  list(LENGTH probe probe_length)
  if(NOT probe_status EQUAL 0 OR NOT probe_length EQUAL 4)
    message(FATAL_ERROR "TVM and tvm-ffi are not usable in ${BANYAN_VENV}: run `make setup`\n${probe_error}")
  endif()
  list(GET probe 0 ffi_include_dir)
  list(GET probe 1 dlpack_include_dir)
  list(GET probe 2 ffi_library)
  list(GET probe 3 tvm_library_dir)
  set(BANYAN_TVM_FFI_INCLUDE_DIRS "${ffi_include_dir};${dlpack_include_dir}" CACHE INTERNAL "")
  set(BANYAN_TVM_FFI_LIBRARY "${ffi_library}" CACHE INTERNAL "")
  set(BANYAN_TVM_LIBRARY_DIR "${tvm_library_dir}" CACHE INTERNAL "")
  set(BANYAN_TVM_PROBED_VENV "${BANYAN_VENV}" CACHE INTERNAL "")
endif()
foreach(file IN ITEMS "${BANYAN_TVM_FFI_LIBRARY}" "${BANYAN_TVM_LIBRARY_DIR}/libtvm_compiler.so")
  if(NOT EXISTS "${file}")
    unset(BANYAN_TVM_PROBED_VENV CACHE)
    message(FATAL_ERROR "${file} is missing: run `make setup`")
  endif()
endforeach()

# libtvm_compiler.so is opened at run time, so only tvm-ffi is linked. Targets that link it get its
# folder in their run path from CMake.
add_library(banyan_tvm_ffi SHARED IMPORTED)
set_target_properties(banyan_tvm_ffi PROPERTIES
  IMPORTED_LOCATION "${BANYAN_TVM_FFI_LIBRARY}"
  IMPORTED_NO_SONAME OFF
  INTERFACE_INCLUDE_DIRECTORIES "${BANYAN_TVM_FFI_INCLUDE_DIRS}"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${BANYAN_TVM_FFI_INCLUDE_DIRS}")

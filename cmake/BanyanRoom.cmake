# banyan_room(<name> [DEPS <rooms...>] [LIBS <libraries...>])
#
# Makes a room of the folder src/<name>:
#   *.cc                     static library banyan_<name> (an INTERFACE library while there is none)
#   testing/*.cc, *_fake.cc  banyan_<name>_testing: fakes that this and later rooms' tests may use
#   testing/<x>_main.cc      executable banyan_<x>, beside the test programs (helper processes)
#   *_test.cc                <name>_test, label "fast"
#   *_tvm_test.cc            <name>_tvm_test, label "tvm"
#   *_slow_test.cc           <name>_slow_test, label "slow"
#   test_main.cc             an own main() for the room's test programs, where gmock's does not do
#   main.cc                  left to the room's CMakeLists.txt
# Every GoogleTest suite is one ctest entry. Tests see BANYAN_SOURCE_DIR, the checkout's folder.
include_guard()

function(banyan_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;LIBS")
  set(dir "${CMAKE_CURRENT_SOURCE_DIR}")
  list(TRANSFORM arg_DEPS PREPEND banyan_ OUTPUT_VARIABLE deps)
  list(TRANSFORM deps APPEND _testing OUTPUT_VARIABLE testing_deps)

  file(GLOB sources CONFIGURE_DEPENDS "${dir}/*.cc")
  file(GLOB testing_sources CONFIGURE_DEPENDS "${dir}/testing/*.cc")
  set(testing_mains ${testing_sources})
  list(FILTER testing_sources EXCLUDE REGEX "_main\\.cc$")
  list(FILTER testing_mains INCLUDE REGEX "_main\\.cc$")

  set(fakes ${sources})
  list(FILTER fakes INCLUDE REGEX "_fake\\.cc$")
  list(APPEND testing_sources ${fakes})
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_fake|_test|/main|/test_main)\\.cc$")

  _banyan_library(banyan_${name} "${sources}" ${deps} ${arg_LIBS})
  _banyan_library(banyan_${name}_testing "${testing_sources}"
                  banyan_${name} ${testing_deps} GTest::gmock)

  set(helpers)
  foreach(source IN LISTS testing_mains)
    get_filename_component(helper "${source}" NAME_WE)
    string(REGEX REPLACE "_main$" "" helper "banyan_${helper}")
    add_executable(${helper} "${source}")
    target_link_libraries(${helper} PRIVATE banyan_${name}_testing)
    list(APPEND helpers ${helper})
  endforeach()

  set(slow_tests ${tests})
  list(FILTER slow_tests INCLUDE REGEX "_slow_test\\.cc$")
  set(tvm_tests ${tests})
  list(FILTER tvm_tests INCLUDE REGEX "_tvm_test\\.cc$")
  list(FILTER tests EXCLUDE REGEX "_(slow|tvm)_test\\.cc$")
  _banyan_test(${name}_test ${name} fast 300 "${tests}" "${helpers}")
  _banyan_test(${name}_slow_test ${name} slow 1800 "${slow_tests}" "${helpers}")
  _banyan_test(${name}_tvm_test ${name} tvm 900 "${tvm_tests}" "${helpers}")
endfunction()

function(_banyan_library target sources)
  if(sources)
    add_library(${target} STATIC ${sources})
    target_precompile_headers(${target} REUSE_FROM banyan_pch)
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(${target} ${scope} banyan_options ${ARGN})
endfunction()

function(_banyan_test target room label timeout_s sources helpers)
  if(NOT sources)
    return()
  endif()
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/test_main.cc")
    list(APPEND sources "${CMAKE_CURRENT_SOURCE_DIR}/test_main.cc")
  endif()
  add_executable(${target} ${sources})
  target_precompile_headers(${target} REUSE_FROM banyan_test_pch)
  set_target_properties(${target} PROPERTIES UNITY_BUILD "${BANYAN_UNITY_TESTS}")
  # gmock_main is an archive: its main() stays out where the room brings one.
  target_link_libraries(${target} PRIVATE banyan_${room}_testing GTest::gmock_main banyan_test_options)
  target_compile_definitions(${target} PRIVATE BANYAN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(helpers)
    add_dependencies(${target} ${helpers})
  endif()

  # The suites are listed when ctest starts, so that no build has to run the program.
  set(include_file "${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake")
  file(GENERATE OUTPUT "${include_file}" CONTENT "set(banyan_test_name \"${target}\")
set(banyan_test_program \"$<TARGET_FILE:${target}>\")
set(banyan_test_label \"${label}\")
set(banyan_test_timeout_s \"${timeout_s}\")
set(banyan_test_folder \"${CMAKE_CURRENT_BINARY_DIR}\")
include(\"${CMAKE_SOURCE_DIR}/cmake/BanyanDiscoverSuites.cmake\")
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include_file}")
endfunction()

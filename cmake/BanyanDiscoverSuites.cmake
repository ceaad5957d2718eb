# Read by ctest for each GoogleTest program (see BanyanRoom.cmake): one ctest entry per suite. Single
# entries per case would pay a process start, and for TVM 0.3 s, for each; one per program says little.

if(NOT EXISTS "${banyan_test_program}")
  add_test(${banyan_test_name}.not_built ${banyan_test_program})
  set_tests_properties(${banyan_test_name}.not_built PROPERTIES LABELS "${banyan_test_label}")
  return()
endif()
execute_process(COMMAND "${banyan_test_program}" --gtest_list_tests
                OUTPUT_VARIABLE banyan_listing RESULT_VARIABLE banyan_status ERROR_QUIET)
if(NOT banyan_status EQUAL 0)
  add_test(${banyan_test_name}.cannot_list ${banyan_test_program} --gtest_list_tests)
  set_tests_properties(${banyan_test_name}.cannot_list PROPERTIES LABELS "${banyan_test_label}")
  return()
endif()
# Parameterised suites ("Sizes/ParserTest.") stay whole; what follows "#" is the type parameter's name.
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\.[ \t]*(#[^\n]*)?" banyan_suites "${banyan_listing}")
foreach(banyan_suite IN LISTS banyan_suites)
  string(REGEX REPLACE "^\n?([A-Za-z0-9_/]+)\\..*$" "\\1" banyan_suite "${banyan_suite}")
  set(banyan_entry "${banyan_test_name}.${banyan_suite}")
  add_test(${banyan_entry} ${banyan_test_program} "--gtest_filter=${banyan_suite}.*" --gtest_brief=1)
  set_tests_properties(${banyan_entry} PROPERTIES
    LABELS "${banyan_test_label}"
    TIMEOUT "${banyan_test_timeout_s}"
    WORKING_DIRECTORY "${banyan_test_folder}")
endforeach()

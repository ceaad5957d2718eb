# Run at every build (cmake -P): writes ${OUTPUT} with the commit of ${SOURCE_DIR}, and touches it only when
# that changed, so that nothing is compiled for nothing.
set(commit "")
find_program(git git)
if(git)
  execute_process(COMMAND "${git}" -C "${SOURCE_DIR}" describe --always --abbrev=40 --exclude=* --dirty
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(text "#include \"app/commit.h\"\n\nnamespace banyan {\n\nstd::string BuildCommit() { return \"${commit}\"; }\n\n}  // namespace banyan\n")
set(before "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT text STREQUAL before)
  file(WRITE "${OUTPUT}" "${text}")
endif()

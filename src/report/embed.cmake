# Writes OUT, the source of GetPageFiles, from FILES: the page, its style and its scripts (in order).
# Raw string literals are cut, since compilers bound their length.
function(literal text out)
  string(LENGTH "${text}" length)
  set(at 0)
  set(result "")
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 part)
    string(APPEND result "R\"page~(${part})page~\"\n")
    math(EXPR at "${at} + 8000")
  endwhile()
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

set(html "")
set(style "")
set(script "")
foreach(file IN LISTS FILES)
  file(READ "${file}" text)
  if(file MATCHES "\\.html$")
    string(APPEND html "${text}")
  elseif(file MATCHES "\\.css$")
    string(APPEND style "${text}")
  else()
    string(APPEND script "${text}")
  endif()
endforeach()
literal("${html}" html_literal)
literal("${style}" style_literal)
literal("${script}" script_literal)
file(WRITE "${OUT}" "// Made by embed.cmake.
#include \"report/page_files.h\"

namespace banyan {

PageFiles GetPageFiles() {
  return {${html_literal}, ${style_literal}, ${script_literal}};
}

}  // namespace banyan
")

#pragma once

#include <string_view>

namespace banyan {

// The files of src/report/page, put into the program when it is built (embed.cmake).
struct PageFiles {
  std::string_view html;
  std::string_view style;
  std::string_view script;
};
PageFiles GetPageFiles();

}  // namespace banyan

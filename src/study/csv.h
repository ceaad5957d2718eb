#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace banyan {

// Comma-separated values as RFC 4180 has them: fields with commas, quotes or line breaks are
// quoted.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // each as long as `columns`
  std::vector<int> lines;                      // where in the file each row begins, from 1

  // The place of a column; -1 if there is none.
  int Find(std::string_view column) const;
};

// kInvalidArgument with "WHERE:LINE: ..." for an open quote or a row of another length.
Result<CsvTable> ParseCsv(std::string_view text, const std::string& where);
std::string PrintCsv(const CsvTable& table);

}  // namespace banyan

#include "study/csv.h"

#include <fmt/format.h>

#include <algorithm>

namespace banyan {
namespace {

// Reads one record from `text` at `*at`; false: an open quote.
bool ReadRecord(std::string_view text, size_t* at, int* line, std::vector<std::string>* fields) {
  fields->clear();
  std::string field;
  bool quoted = false;
  while (*at < text.size()) {
    const char c = text[(*at)++];
    if (c == '\n') ++*line;
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (*at < text.size() && text[*at] == '"') {
        field += text[(*at)++];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields->push_back(std::move(field));
      field.clear();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      field += c;
    }
  }
  fields->push_back(std::move(field));
  return !quoted;
}

std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) {
    text += c;
    if (c == '"') text += c;
  }
  return text + "\"";
}

void PrintRecord(const std::vector<std::string>& fields, std::string* text) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) *text += ',';
    *text += Quoted(fields[i]);
  }
  *text += '\n';
}

}  // namespace

int CsvTable::Find(std::string_view column) const {
  const auto at = std::find(columns.begin(), columns.end(), column);
  return at == columns.end() ? -1 : static_cast<int>(at - columns.begin());
}

Result<CsvTable> ParseCsv(std::string_view text, const std::string& where) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);  // what spreadsheets put first
  CsvTable table;
  size_t at = 0;
  int line = 1;
  std::vector<std::string> fields;
  while (at < text.size()) {
    const int begin = line;
    if (!ReadRecord(text, &at, &line, &fields)) {
      return InvalidArgument(fmt::format("{}:{}: a quote is not closed", where, begin));
    }
    if (fields.size() == 1 && fields.front().empty()) continue;
    if (table.columns.empty()) {
      table.columns = fields;
      continue;
    }
    if (fields.size() != table.columns.size()) {
      return InvalidArgument(fmt::format("{}:{}: {} fields, the header has {}", where, begin,
                                         fields.size(), table.columns.size()));
    }
    table.rows.push_back(fields);
    table.lines.push_back(begin);
  }
  if (table.columns.empty()) return InvalidArgument(fmt::format("{}: is empty", where));
  return table;
}

std::string PrintCsv(const CsvTable& table) {
  std::string text;
  PrintRecord(table.columns, &text);
  for (const auto& row : table.rows) PrintRecord(row, &text);
  return text;
}

}  // namespace banyan

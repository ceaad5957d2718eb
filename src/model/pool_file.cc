// Pools as files: ParsePool, LoadPool.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/files.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "model/pool.h"
#include "model/pool_fields.h"

namespace banyan {
namespace {

constexpr int64_t kMaxFileBytes = 1 << 20;

// Dates and times become null, which no key takes.
Json JsonOf(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    Json json = Json::object();
    for (const auto& [key, value] : *table) json[std::string(key.str())] = JsonOf(value);
    return json;
  }
  if (const auto* array = node.as_array()) {
    Json json = Json::array();
    for (const toml::node& item : *array) json.push_back(JsonOf(item));
    return json;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto whole = node.value_exact<int64_t>()) return *whole;
  if (const auto number = node.value_exact<double>()) return *number;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  return nullptr;
}

// Where a key of a table stands; the table itself if it has no such key.
uint32_t LineOf(const toml::table& table, const std::string& key) {
  for (const auto& entry : table) {
    if (entry.first.str() == key) return entry.first.source().begin.line;
  }
  return table.source().begin.line;
}

Error At(const std::string& where, uint32_t line, const std::string& reason) {
  return InvalidArgument(fmt::format("{}:{}: {}", where, line, reason));
}

bool IsBuiltinItem(const std::string& item) { return item.rfind("builtin:", 0) == 0; }

Result<std::vector<PoolEntry>> LoadItem(const std::string& item) {
  if (IsBuiltinItem(item)) {
    PoolEntry entry;
    FieldProblem problem;
    const Json fields = {{"provider", "builtin"}, {"model", item.substr(8)}};
    if (ReadPoolEntry(fields, &entry, &problem)) return std::vector<PoolEntry>{entry};
    return NotFound(fmt::format("unknown model '{}'{}; the built-in ones are {}", OneLine(item, 80),
                                DidYouMean(item, BuiltinModelNames()),
                                fmt::join(BuiltinModelNames(), ", ")));
  }
  // The name of a file may hold a '#' itself: the last one counts, where a file's name is before
  // it.
  std::string path = item;
  std::string wanted;
  const size_t hash = item.rfind('#');
  if (hash != std::string::npos) {
    path = item.substr(0, hash);
    wanted = item.substr(hash + 1);
  }
  auto text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) {
    const bool named_like_a_file = path.find(".toml") != std::string::npos;
    if (text.error().code != ErrorCode::kNotFound || named_like_a_file) return text.error();
    return NotFound(
        fmt::format("unknown model '{}'{}; a model is {}, or a TOML file (FILE or "
                    "FILE#NAME)",
                    OneLine(item, 80), DidYouMean(item, BuiltinModelNames()),
                    fmt::join(BuiltinModelNames(), ", ")));
  }
  BANYAN_ASSIGN_OR_RETURN(std::vector<PoolEntry> entries, ParsePool(*text, path));
  if (hash == std::string::npos) return entries;
  std::vector<std::string> names;
  for (PoolEntry& entry : entries) {
    if (entry.name == wanted) return std::vector<PoolEntry>{std::move(entry)};
    names.push_back(entry.name);
  }
  return NotFound(fmt::format("{} has no model '{}'{}; it has {}", path, OneLine(wanted, 80),
                              DidYouMean(wanted, names), fmt::join(names, ", ")));
}

}  // namespace

Result<std::vector<PoolEntry>> ParsePool(std::string_view toml, const std::string& where) {
  toml::table file;
  try {
    file = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    return At(where, error.source().begin.line, OneLine(error.description()));
  }
  for (const auto& entry : file) {
    const std::string key(entry.first.str());
    if (key != "model") {
      return At(where, entry.first.source().begin.line,
                fmt::format("unknown key '{}'; the file is a list of [[model]] tables",
                            OneLine(key, 60)));
    }
  }
  const toml::array* models = file["model"].as_array();
  if (models == nullptr || models->empty()) {
    const uint32_t line = file.contains("model") ? LineOf(file, "model") : 1;
    return At(where, line, "the file has no model: each is a [[model]] table, in two brackets");
  }
  std::vector<PoolEntry> entries;
  std::map<std::string, uint32_t> lines;
  for (const toml::node& node : *models) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return At(where, node.source().begin.line, "a model is a [[model]] table");
    }
    PoolEntry entry;
    FieldProblem problem;
    if (!ReadPoolEntry(JsonOf(*table), &entry, &problem)) {
      return At(where, LineOf(*table, problem.key), problem.message);
    }
    const uint32_t line = LineOf(*table, "name");
    const auto [first, inserted] = lines.try_emplace(entry.name, line);
    if (!inserted) {
      return At(
          where, line,
          fmt::format("the name '{}' is taken by the model at line {}", entry.name, first->second));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<PoolEntry>> LoadPool(const std::vector<std::string>& items) {
  std::vector<PoolEntry> pool;
  std::map<std::string, std::string> sources;
  for (const std::string& item : items) {
    BANYAN_ASSIGN_OR_RETURN(std::vector<PoolEntry> entries, LoadItem(item));
    for (PoolEntry& entry : entries) {
      const auto [first, inserted] = sources.try_emplace(entry.name, item);
      if (!inserted) {
        return InvalidArgument(
            first->second == item
                ? fmt::format("the pool names '{}' twice", item)
                : fmt::format("two models of the pool are called '{}': one of {} and one of {}",
                              entry.name, first->second, item));
      }
      pool.push_back(std::move(entry));
    }
  }
  return pool;
}

}  // namespace banyan

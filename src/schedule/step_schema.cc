#include "schedule/step_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "schedule/step.h"

namespace banyan {
namespace {

constexpr size_t kMaxTextBytes = 200;

std::string Shown(const Json& value) {
  std::string text = DumpJson(value);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

// Numbers outside int64, endless nesting and unprintable text would not survive a round trip.
bool FitsText(const Json& value, int depth, std::string* reason) {
  if (depth > kMaxStepDepth) {
    *reason = fmt::format("nested deeper than {} levels", kMaxStepDepth);
    return false;
  }
  if (value.is_null() || value.is_binary() || value.is_discarded()) {
    *reason = "null inside a value";
    return false;
  }
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    *reason = "integer out of range";
    return false;
  }
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    *reason = "not a finite number";
    return false;
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > kMaxTextBytes) {
      *reason = fmt::format("text longer than {} bytes", kMaxTextBytes);
      return false;
    }
  }
  if (value.is_array()) {
    for (const auto& item : value) {
      if (!FitsText(item, depth + 1, reason)) return false;
    }
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      if (key.empty() || key.size() > kMaxTextBytes) {
        *reason = "a key is empty or too long";
        return false;
      }
      if (!FitsText(item, depth + 1, reason)) return false;
    }
  }
  return true;
}

class Normalizer {
 public:
  explicit Normalizer(std::string* reason) : reason_(reason) {}

  bool Value(const Json& schema, const std::string& path, Json& value) {
    const auto type = schema.find("type");
    if (type == schema.end()) {
      std::string why;
      if (FitsText(value, 0, &why)) return true;
      return Fail(path, why, value);
    }
    const auto& name = type->get_ref<const std::string&>();
    if (name == "integer") return Integer(schema, path, value);
    if (name == "number") return value.is_number() || Fail(path, "a number", value);
    if (name == "boolean") return value.is_boolean() || Fail(path, "true or false", value);
    if (name == "string") return String(schema, path, value);
    if (name == "array") return Array(schema, path, value);
    if (name == "object") return Object(schema, path, value);
    return Fail(path, "a value of known type", value);
  }

  bool Properties(const Json& schema, Json& value, std::string* key);

 private:
  bool Fail(const std::string& path, const std::string& expected, const Json& value) {
    *reason_ = fmt::format("{}: expected {}, got {}", path, expected, Shown(value));
    return false;
  }

  bool Integer(const Json& schema, const std::string& path, Json& value) {
    if (value.is_number_float()) {
      const double number = value.get<double>();
      if (std::floor(number) == number && std::abs(number) < 9e15) {
        value = static_cast<int64_t>(number);
      }
    }
    std::string why;
    if (!value.is_number_integer() || !FitsText(value, 0, &why)) {
      return Fail(path, "an integer", value);
    }
    const auto number = value.get<int64_t>();
    value = number;
    if (schema.contains("minimum") && number < schema["minimum"].get<int64_t>()) {
      return Fail(path, fmt::format("an integer >= {}", schema["minimum"].get<int64_t>()), value);
    }
    if (schema.contains("maximum") && number > schema["maximum"].get<int64_t>()) {
      return Fail(path, fmt::format("an integer <= {}", schema["maximum"].get<int64_t>()), value);
    }
    return true;
  }

  bool String(const Json& schema, const std::string& path, Json& value) {
    if (!value.is_string()) return Fail(path, "a name", value);
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty()) return Fail(path, "a name that is not empty", value);
    std::string why;
    if (!FitsText(value, 0, &why)) return Fail(path, "a shorter name", value);
    if (schema.contains("enum")) {
      std::vector<std::string> legal;
      for (const auto& item : schema["enum"]) legal.push_back(item.get<std::string>());
      if (std::find(legal.begin(), legal.end(), text) == legal.end()) {
        return Fail(path, fmt::format("one of {}", fmt::join(legal, ", ")), value);
      }
    }
    return true;
  }

  bool Array(const Json& schema, const std::string& path, Json& value) {
    if (!value.is_array()) {
      if (value.is_object()) return Fail(path, "a list", value);
      Json list = Json::array();
      list.push_back(std::move(value));
      value = std::move(list);
    }
    const size_t low = schema.value("minItems", size_t{0});
    const size_t high = schema.value("maxItems", size_t{256});
    if (value.size() < low || value.size() > high) {
      return Fail(path,
                  low == high ? fmt::format("a list of {} values", low)
                              : fmt::format("a list of {} to {} values", low, high),
                  value);
    }
    if (!schema.contains("items")) {
      std::string why;
      return FitsText(value, 0, &why) || Fail(path, why, value);
    }
    for (size_t i = 0; i < value.size(); ++i) {
      if (!Value(schema["items"], fmt::format("{}[{}]", path, i), value[i])) return false;
    }
    return true;
  }

  bool Object(const Json& schema, const std::string& path, Json& value) {
    if (!value.is_object()) return Fail(path, "{name: value, ...}", value);
    if (value.size() < schema.value("minProperties", size_t{0})) {
      return Fail(path, "at least one entry", value);
    }
    if (value.size() > 64) return Fail(path, "at most 64 entries", value);
    std::string why;
    if (!FitsText(value, 0, &why)) return Fail(path, why, value);
    if (!schema.contains("additionalProperties")) return true;
    for (auto& [key, item] : value.items()) {
      if (!Value(schema["additionalProperties"], path + "." + key, item)) return false;
    }
    return true;
  }

  std::string* reason_;
};

bool Normalizer::Properties(const Json& schema, Json& value, std::string* key) {
  const Json& properties = schema["properties"];
  std::vector<std::string> names;
  for (const auto& item : properties.items()) names.push_back(item.key());
  for (const auto& item : value.items()) {
    if (properties.contains(item.key())) continue;
    *key = item.key();
    const std::string close = ClosestName(item.key(), names);
    *reason_ = fmt::format("unknown argument '{}'{}; expected {}", item.key(),
                           close.empty() ? "" : fmt::format(" (did you mean '{}'?)", close),
                           fmt::join(names, ", "));
    return false;
  }
  Json ordered = Json::object();
  for (const auto& name : names) {
    auto found = value.find(name);
    if (found == value.end() || found->is_null()) continue;
    *key = name;
    if (!Value(properties[name], name, *found)) return false;
    if (properties[name].contains("default") && properties[name]["default"] == *found) continue;
    ordered[name] = std::move(*found);
  }
  if (schema.contains("required")) {
    for (const auto& name : schema["required"]) {
      if (ordered.contains(name.get_ref<const std::string&>())) continue;
      key->clear();
      *reason_ = fmt::format("argument '{}' is missing", name.get<std::string>());
      return false;
    }
  }
  value = std::move(ordered);
  return true;
}

}  // namespace

bool NormalizeBySchema(const Json& schema, Json& args, SchemaMismatch* mismatch) {
  if (!args.is_object()) {
    *mismatch = {"", "expected {argument: value, ...}"};
    return false;
  }
  Normalizer normalizer(&mismatch->reason);
  return normalizer.Properties(schema, args, &mismatch->key);
}

std::string ClosestName(const std::string& name, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : names) {
    if (candidate.size() > 200 || name.size() > 200) continue;
    std::vector<size_t> row(candidate.size() + 1);  // Levenshtein, one row at a time
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j < row.size(); ++j) {
        const size_t change = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace banyan

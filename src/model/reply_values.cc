// Values of a step's arguments: types and ranges (reply_step.h).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "model/reply_json.h"
#include "model/reply_step.h"
#include "schedule/step_schema.h"

namespace banyan {
namespace {

constexpr size_t kMaxListItems = 64;

std::string Shown(const Json& value) {
  return OneLine(value.is_string() ? value.get<std::string>()
                                   : value.dump(-1, ' ', true, Json::error_handler_t::replace),
                 40);
}

std::optional<double> NumberIn(const std::string& written) {
  std::string_view text = Trim(written);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

// A value that is written as text: "[8, 4]", "{i: [8]}".
std::optional<Json> Structure(const std::string& text) {
  std::string trimmed(Trim(text).substr(0, 2000));
  if (trimmed.empty()) return std::nullopt;
  if (trimmed[0] == '(') trimmed[0] = '[';
  if (trimmed[0] != '[' && trimmed[0] != '{') return std::nullopt;
  LooseJson json = ReadLooseJson(trimmed, 0);
  if (json.failed || json.truncated) return std::nullopt;
  return std::move(json.value);
}

void CoerceInteger(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes) {
  if (value.is_array() && value.size() == 1) value = Json(value[0]);
  const bool text = value.is_string();
  const std::string before = Shown(value);
  if (text) {
    if (const auto number = NumberIn(value.get_ref<const std::string&>())) value = *number;
  }
  if (value.is_number_float()) {
    const double rounded = std::round(value.get<double>());
    if (std::abs(rounded) < 9e15) value = static_cast<int64_t>(rounded);
  }
  if (!value.is_number_integer()) return;
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{1} << 62) {
    value = int64_t{1} << 62;
  }
  auto number = value.get<int64_t>();
  if (schema.contains("minimum")) number = std::max(number, schema["minimum"].get<int64_t>());
  if (schema.contains("maximum")) number = std::min(number, schema["maximum"].get<int64_t>());
  value = number;
  const std::string after = Shown(value);
  if (text || after != before) {
    notes->Add(fmt::format("{}: '{}' read as {}", where, before, after));
  }
}

void CoerceString(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes) {
  if (value.is_array() && value.size() == 1) value = Json(value[0]);
  if (value.is_number() || value.is_boolean()) value = value.dump();
  if (!value.is_string() || !schema.contains("enum")) return;
  const auto known = schema["enum"].get<std::vector<std::string>>();
  const auto written = value.get<std::string>();
  if (written.size() > 60 || std::find(known.begin(), known.end(), written) != known.end()) return;
  const std::string meant = ClosestName(written, known);
  if (meant.empty()) return;
  notes->Add(fmt::format("{}: {} read as {}", where, Quote(written), meant));
  value = meant;
}

void CoerceArray(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes) {
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (auto list = Structure(text)) {
      notes->Add(fmt::format("{}: a list written as text", where));
      value = *std::move(list);
    } else if (text.find(',') != std::string::npos) {
      notes->Add(fmt::format("{}: a list written as text", where));
      value = Json::array();
      for (const auto& part : Split(text.substr(0, 2000), ',')) {
        value.push_back(std::string(Trim(part)));
      }
    }
  }
  if (!value.is_array() && !value.is_object()) value = Json::array({Json(value)});
  if (!value.is_array() || value.size() > kMaxListItems) return;
  for (size_t i = value.size(); i > 0; --i) {
    if (value[i - 1].is_null()) value.erase(i - 1);
  }
  if (!schema.contains("items")) return;
  for (Json& item : value) CoerceValue(schema["items"], where, item, notes);
}

// [{i: [8]}, {k: [4]}], [["i", [8]], ["k", [4]]] and [{loop: i, sizes: [8]}] as one object.
std::optional<Json> MergedObject(const Json& list) {
  Json object = Json::object();
  for (const Json& item : list) {
    if (item.is_object() && item.size() == 1) {
      object[item.begin().key()] = item.begin().value();
    } else if (item.size() == 2 && (item.is_array() || item.is_object())) {
      const Json& key = item.is_array() ? item[0] : item.begin().value();
      const Json& factors = item.is_array() ? item[1] : std::next(item.begin()).value();
      if (!key.is_string() || factors.is_string()) return std::nullopt;
      object[key.get<std::string>()] = factors;
    } else {
      return std::nullopt;
    }
  }
  return object;
}

void CoerceObject(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes) {
  if (value.is_string()) {
    if (auto object = Structure(value.get_ref<const std::string&>())) {
      notes->Add(fmt::format("{}: an object written as text", where));
      value = *std::move(object);
    }
  }
  if (value.is_array() && !value.empty() && value.size() <= kMaxListItems) {
    if (auto object = MergedObject(value)) {
      notes->Add(fmt::format("{}: a list read as an object", where));
      value = *std::move(object);
    }
  }
  if (!value.is_object()) return;
  value.erase(kCutKey);
  if (!schema.contains("additionalProperties")) return;
  for (const auto& [key, item] : value.items()) {
    CoerceValue(schema["additionalProperties"], where + "." + OneLine(key, 40), item, notes);
  }
}

// ---- factors -----------------------------------------------------------------------------------

// The divisor of `extent`, at most `limit`, nearest to `wanted`; the larger of two.
int64_t NearestDivisor(int64_t extent, int64_t wanted, int64_t limit) {
  int64_t best = 1;
  auto offer = [&](int64_t divisor) {
    if (divisor > limit) return;
    const int64_t distance = std::abs(divisor - wanted);
    const int64_t best_distance = std::abs(best - wanted);
    if (distance < best_distance || (distance == best_distance && divisor > best)) best = divisor;
  };
  for (int64_t d = 1; d <= extent / d && d < (1 << 20); ++d) {
    if (extent % d != 0) continue;
    offer(d);
    offer(extent / d);
  }
  return best;
}

bool AllIntegers(const Json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& item) {
           return item.is_number_integer() && item > 0;
         });
}

void FitTile(Json& args, const NameTracker& names, ReplyNotes* notes) {
  if (!args.contains("factors") || !args["factors"].is_object()) return;
  const std::string block = args.contains("block") && args["block"].is_string()
                                ? args["block"].get<std::string>()
                                : std::string();
  for (auto& [loop, sizes] : args["factors"].items()) {
    const int64_t extent = names.Extent(block, loop);
    if (extent <= 0 || !AllIntegers(sizes) || sizes.size() > 8) continue;
    int64_t product = 1;
    for (const Json& size : sizes) {
      product =
          std::min(product * std::min(size.get<int64_t>(), int64_t{1} << 20), int64_t{1} << 40);
    }
    // All parts given, the outermost too: the order tells by the parts it does not name.
    const std::string last = fmt::format("{}.{}", loop, sizes.size());
    const std::string parts = loop + ".";
    if (product == extent && sizes.size() > 1 && args.contains("order") &&
        args["order"].is_array() && !args["order"].empty()) {
      const Json& order = args["order"];
      const bool names_last = std::any_of(order.begin(), order.end(), [&](const Json& name) {
        return name.is_string() && (name == last || name == block + "." + last);
      });
      const bool names_loop = std::any_of(order.begin(), order.end(), [&](const Json& name) {
        return name.is_string() && name.get_ref<const std::string&>().rfind(parts, 0) == 0;
      });
      if (!names_last && names_loop) {
        notes->Add(
            fmt::format("tile: the outermost factor of {} left out (it is inferred)", Quote(loop)));
        sizes.erase(size_t{0});
        continue;
      }
    }
    if (product <= extent) continue;
    const std::string before = Shown(sizes);
    int64_t room = extent;
    for (size_t i = sizes.size(); i > 0; --i) {
      auto size = sizes[i - 1].get<int64_t>();
      if (size > room) size = NearestDivisor(room, size, room);
      sizes[i - 1] = size;
      room = std::max<int64_t>(1, room / size);
    }
    notes->Add(fmt::format("tile: factors {} of {} do not fit its extent {}: {}", before,
                           Quote(loop), extent, Shown(sizes)));
  }
}

// "d1 // 16" -> "d1/16".
std::string PlainTerm(const std::string& written) {
  std::string term;
  for (const char c : written.substr(0, 100)) {
    if (c == ' ' || c == '(' || c == ')' || (c == '/' && !term.empty() && term.back() == '/')) {
      continue;
    }
    term += c == 'D' ? 'd' : c;
  }
  return term;
}

struct Cut {
  size_t dim = 0;
  int64_t size = 0;
};

// "d1/16" and "d1%16"; nullopt for anything else.
std::optional<Cut> CutOf(const std::string& term) {
  if (term.size() < 4 || term[0] != 'd') return std::nullopt;
  Cut cut;
  const char* const last = term.data() + term.size();
  const auto [middle, code] = std::from_chars(term.data() + 1, last, cut.dim);
  if (code != std::errc() || middle == last || (*middle != '/' && *middle != '%')) {
    return std::nullopt;
  }
  const auto [end, size_code] = std::from_chars(middle + 1, last, cut.size);
  if (size_code != std::errc() || end != last || cut.size < 1) return std::nullopt;
  return cut;
}

void FitMap(const std::string& op, Json& args, const NameTracker& names, ReplyNotes* notes) {
  if (!args.contains("map") || !args["map"].is_array() || args["map"].size() > kMaxListItems)
    return;
  for (Json& term : args["map"]) {
    if (!term.is_string()) return;
    const auto& given = term.get_ref<const std::string&>();
    const std::string plain = PlainTerm(given);
    if (plain != given) {
      notes->Add(fmt::format("{}: {} read as {}", op, Quote(given), plain));
    }
    term = plain;
  }
  if (args.contains("pad") && args["pad"] == true) return;
  if (!args.contains("block") || !args["block"].is_string()) return;
  const std::string buffer =
      op == "layout" || !args.contains("buffer") || !args["buffer"].is_string()
          ? std::string()
          : args["buffer"].get<std::string>();
  if (op == "pack" && buffer.empty()) return;
  const auto shape = names.Shape(args["block"].get<std::string>(), buffer);
  for (Json& term : args["map"]) {
    const auto cut = CutOf(term.get<std::string>());
    if (!cut || cut->dim >= shape.size()) continue;
    const int64_t extent = shape[cut->dim];
    if (extent <= 1 || extent % cut->size == 0) continue;
    const int64_t nearest = NearestDivisor(extent, cut->size, extent);
    if (nearest < 2) continue;
    std::string fitted = term.get<std::string>();
    fitted = fitted.substr(0, fitted.find_first_of("/%") + 1) + std::to_string(nearest);
    notes->Add(fmt::format("{}: {} does not divide the extent {} of d{}: {}", op, cut->size, extent,
                           cut->dim, fitted));
    term = fitted;
  }
}

}  // namespace

void CoerceValue(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes) {
  const std::string type = schema.value("type", std::string());
  if (type == "integer") {
    CoerceInteger(schema, where, value, notes);
  } else if (type == "string") {
    CoerceString(schema, where, value, notes);
  } else if (type == "array") {
    CoerceArray(schema, where, value, notes);
  } else if (type == "object") {
    CoerceObject(schema, where, value, notes);
  } else if (type == "boolean" && !value.is_boolean()) {
    const std::string text = Shown(value);
    if (text == "true" || text == "True" || text == "yes" || text == "1") value = true;
    if (text == "false" || text == "False" || text == "no" || text == "0") value = false;
  }
}

void FitFactors(const std::string& op, Json& args, const NameTracker& names, ReplyNotes* notes) {
  if (op == "tile") FitTile(args, names, notes);
  if (op == "pack" || op == "layout") FitMap(op, args, names, notes);
}

}  // namespace banyan

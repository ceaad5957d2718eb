#include "model/pool_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/strings.h"

namespace banyan {
namespace {

// Which providers take a key.
enum Takers : unsigned { kHttp = 1, kCommand = 2, kReplay = 4, kBuiltin = 8, kAll = 15 };

Takers TakerOf(const std::string& provider) {
  if (provider == "command") return kCommand;
  if (provider == "replay") return kReplay;
  if (provider == "builtin") return kBuiltin;
  return kHttp;
}

struct Field {
  const char* key;
  unsigned takers;
  // Exactly one of these is set; numbers have a range.
  std::string PoolEntry::*text = nullptr;
  int64_t PoolEntry::*whole = nullptr;
  int PoolEntry::*small = nullptr;
  double PoolEntry::*number = nullptr;
  double Price::*price = nullptr;
  double low = 0;
  double high = 0;
};

Field Text(const char* key, unsigned takers, std::string PoolEntry::*member) {
  Field field{key, takers};
  field.text = member;
  return field;
}
Field Whole(const char* key, unsigned takers, int64_t PoolEntry::*member, double low, double high) {
  Field field{key, takers};
  field.whole = member;
  field.low = low;
  field.high = high;
  return field;
}
Field Small(const char* key, unsigned takers, int PoolEntry::*member, double low, double high) {
  Field field{key, takers};
  field.small = member;
  field.low = low;
  field.high = high;
  return field;
}
Field Number(const char* key, unsigned takers, double PoolEntry::*member, double low, double high) {
  Field field{key, takers};
  field.number = member;
  field.low = low;
  field.high = high;
  return field;
}
Field OfPrice(const char* key, double Price::*member) {
  Field field{key, kHttp | kCommand};
  field.price = member;
  field.high = 1e6;
  return field;
}

// Besides these: role, command, extra.
const std::vector<Field>& Fields() {
  static const std::vector<Field> kFields = {
      Text("name", kAll, &PoolEntry::name),
      Text("provider", kAll, &PoolEntry::provider),
      Text("model", kAll, &PoolEntry::model),
      Text("base_url", kHttp, &PoolEntry::base_url),
      Text("key_env", kHttp, &PoolEntry::key_env),
      Number("parameters_b", kAll, &PoolEntry::parameters_b, 0, 1e6),
      OfPrice("price_in", &Price::in),
      OfPrice("price_out", &Price::out),
      OfPrice("price_cached", &Price::cached),
      Whole("max_output_tokens", kHttp | kCommand, &PoolEntry::max_output_tokens, 16, 1e6),
      Whole("max_prompt_tokens", kHttp | kCommand, &PoolEntry::max_prompt_tokens, 1000, 1e7),
      Small("concurrency", kHttp | kCommand, &PoolEntry::concurrency, 1, 64),
      Small("retries", kHttp | kCommand, &PoolEntry::retries, 0, 20),
      Number("connect_timeout_s", kHttp, &PoolEntry::connect_timeout_s, 0.01, 600),
      Number("first_byte_timeout_s", kHttp, &PoolEntry::first_byte_timeout_s, 0.01, 7200),
      Number("total_timeout_s", kHttp | kCommand, &PoolEntry::total_timeout_s, 0.01, 7200),
      Text("structured", kHttp, &PoolEntry::structured),
      Text("store", kReplay, &PoolEntry::store),
      Text("run", kReplay, &PoolEntry::run),
  };
  return kFields;
}
constexpr unsigned kRoleTakers = kAll;
constexpr unsigned kCommandTakers = kCommand;
constexpr unsigned kExtraTakers = kHttp | kCommand;

std::vector<std::string> KnownKeys() {
  std::vector<std::string> keys;
  for (const Field& field : Fields()) keys.emplace_back(field.key);
  for (const char* key : {"role", "command", "extra"}) keys.emplace_back(key);
  return keys;
}

unsigned TakersOf(const std::string& key) {
  for (const Field& field : Fields()) {
    if (key == field.key) return field.takers;
  }
  if (key == "role") return kRoleTakers;
  if (key == "command") return kCommandTakers;
  return key == "extra" ? kExtraTakers : 0U;
}

// Digits as a person writes them: 8192, not 8192.0.
std::string Shown(double value) { return fmt::format("{}", value); }

// Empty: read.
std::string ReadField(const Field& field, const Json& value, PoolEntry* entry) {
  if (field.text != nullptr) {
    if (!value.is_string()) return fmt::format("'{}' is a text in quotes", field.key);
    entry->*field.text = value.get<std::string>();
    return {};
  }
  const bool whole = field.whole != nullptr || field.small != nullptr;
  const std::string range =
      fmt::format("'{}' is a {} from {} to {}", field.key, whole ? "whole number" : "number",
                  whole ? fmt::format("{:.0f}", field.low) : Shown(field.low),
                  fmt::format("{:.0f}", field.high));
  if (!value.is_number() || (whole && !value.is_number_integer())) return range;
  const double number = value.get<double>();
  if (!(number >= field.low && number <= field.high)) return range;
  if (field.whole != nullptr) entry->*field.whole = value.get<int64_t>();
  if (field.small != nullptr) entry->*field.small = value.get<int>();
  if (field.number != nullptr) entry->*field.number = number;
  if (field.price != nullptr) entry->price.*field.price = number;
  return {};
}

bool IsNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("._:/@+-").find(c) != std::string_view::npos;
}

// A variable's name, in the capital letters they have: a key pasted by mistake is told apart.
bool IsVariableName(const std::string& text) {
  return text.size() <= 64 && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::string UrlProblem(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos ||
      (url.compare(0, scheme, "http") != 0 && url.compare(0, scheme, "https") != 0) ||
      scheme + 3 >= url.size()) {
    return "'base_url' starts with http:// or https://, for example http://localhost:8080/v1";
  }
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; })) {
    return "'base_url' has a space or control character in it";
  }
  const size_t host_end = url.find('/', scheme + 3);
  if (url.substr(0, host_end).find('@') != std::string::npos) {
    return "'base_url' holds a name or password; put a key in the variable that key_env names";
  }
  if (url.find_first_of("?#") != std::string::npos) {
    return "'base_url' ends before a '?' or '#'; a key goes in the variable that key_env names";
  }
  return {};
}

std::string DefaultKeyVariable(const std::string& provider) {
  if (provider == "openai") return "OPENAI_API_KEY";
  if (provider == "anthropic") return "ANTHROPIC_API_KEY";
  return provider == "gemini" ? "GEMINI_API_KEY" : "";
}

bool IsOneOf(const std::string& text, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::string OneOf(const char* key, const std::string& value,
                  const std::vector<std::string>& names) {
  return fmt::format("'{}' is one of {}{}", key, fmt::join(names, ", "), DidYouMean(value, names));
}

// The rules between fields, once all are read.
FieldProblem CheckEntry(const Json& fields, const PoolEntry& entry) {
  static const std::vector<std::string> kStructured = {"auto", "schema", "tool", "text"};
  if (entry.name.size() > 64 || !std::all_of(entry.name.begin(), entry.name.end(), IsNameChar)) {
    return {"name", "'name' is at most 64 letters, digits and ._:/@+-"};
  }
  if (IsHttpProvider(entry.provider)) {
    if (entry.model.empty()) {
      return {"model", fmt::format("a model of provider {} needs 'model', the provider's id of it",
                                   entry.provider)};
    }
    if (!IsOneOf(entry.structured, kStructured)) {
      return {"structured", OneOf("structured", entry.structured, kStructured)};
    }
    if (!entry.key_env.empty() && !IsVariableName(entry.key_env)) {
      return {"key_env",
              "'key_env' is the name of an environment variable in capital letters, "
              "never a key itself"};
    }
    if (!entry.base_url.empty()) {
      std::string problem = UrlProblem(entry.base_url);
      if (!problem.empty()) return {"base_url", std::move(problem)};
    }
    for (const char* ours : {"model", "messages", "contents", "stream", "n"}) {
      if (entry.extra.contains(ours)) {
        return {"extra", fmt::format("'extra' may not hold '{}': Banyan sets it", ours)};
      }
    }
  }
  if (entry.provider == "command" && entry.command.empty()) {
    return {"command",
            "a model of provider command needs 'command', for example [\"python3\", \"mine.py\"]"};
  }
  if (entry.provider == "replay" && entry.store.empty()) {
    return {"store", "a model of provider replay needs 'store', the database of a run"};
  }
  if (entry.name.empty()) return {"name", "a model needs a 'name'"};
  if (fields.contains("price_in") != fields.contains("price_out")) {
    return {fields.contains("price_in") ? "price_in" : "price_out",
            "'price_in' and 'price_out' go together"};
  }
  return {};
}

}  // namespace

const std::vector<std::string>& ProviderNames() {
  static const std::vector<std::string> kNames = {"openai",  "anthropic", "gemini",
                                                  "command", "replay",    "builtin"};
  return kNames;
}

bool IsHttpProvider(const std::string& provider) {
  return provider == "openai" || provider == "anthropic" || provider == "gemini";
}

bool ReadPoolEntry(const Json& fields, PoolEntry* entry, FieldProblem* problem) {
  const auto fail = [problem](std::string key, std::string message) {
    *problem = {std::move(key), std::move(message)};
    return false;
  };
  if (!fields.is_object()) return fail("", "a model is a table of keys");
  *entry = {};
  const auto provider = fields.find("provider");
  if (provider == fields.end()) {
    return fail("",
                fmt::format("a model needs a 'provider': {}", fmt::join(ProviderNames(), ", ")));
  }
  if (!provider->is_string() || !IsOneOf(provider->get<std::string>(), ProviderNames())) {
    const std::string given = provider->is_string() ? provider->get<std::string>() : "";
    return fail("provider", OneOf("provider", given, ProviderNames()));
  }
  const std::string name_of_provider = provider->get<std::string>();

  bool role_given = false;
  for (const auto& [key, value] : fields.items()) {
    const unsigned takers = TakersOf(key);
    if (takers == 0) {
      return fail(
          key, fmt::format("unknown key '{}'{}", OneLine(key, 60), DidYouMean(key, KnownKeys())));
    }
    if ((takers & TakerOf(name_of_provider)) == 0) {
      return fail(key, fmt::format("provider {} takes no '{}'", name_of_provider, key));
    }
    if (key == "role") {
      const std::string role = value.is_string() ? value.get<std::string>() : "";
      if (role != "strong" && role != "light") return fail(key, "'role' is strong or light");
      entry->role = role == "strong" ? ModelRole::kStrong : ModelRole::kLight;
      role_given = true;
    } else if (key == "command") {
      const bool texts = value.is_array() && std::all_of(value.begin(), value.end(), [](auto& v) {
                           return v.is_string() && !v.template get<std::string>().empty();
                         });
      if (!texts) return fail(key, "'command' is a list of texts: the program and its arguments");
      entry->command = value.get<std::vector<std::string>>();
    } else if (key == "extra") {
      if (!value.is_object()) return fail(key, "'extra' is a table of further request fields");
      entry->extra = value;
    } else {
      const auto field = std::find_if(Fields().begin(), Fields().end(),
                                      [&key = key](const Field& f) { return key == f.key; });
      std::string message = ReadField(*field, value, entry);
      if (!message.empty()) return fail(key, std::move(message));
    }
  }

  if (!fields.contains("price_cached")) entry->price.cached = entry->price.in;
  if (!fields.contains("key_env") && entry->base_url.empty()) {
    entry->key_env = DefaultKeyVariable(entry->provider);
  }
  if (entry->provider == "builtin") {
    const std::string full = "builtin:" + entry->model;
    const auto expert = MakeBuiltinModel(full);
    if (!expert.ok()) {
      std::vector<std::string> names;
      for (const std::string& known : BuiltinModelNames()) names.push_back(known.substr(8));
      return fail("model", OneOf("model", entry->model, names));
    }
    if (entry->name.empty()) entry->name = full;
    if (!role_given) entry->role = (*expert)->role();
  }
  FieldProblem found = CheckEntry(fields, *entry);
  if (!found.message.empty()) return fail(std::move(found.key), std::move(found.message));
  return true;
}

Json ToJson(const PoolEntry& entry) {
  Json json = Json::object();
  const Takers taker = TakerOf(entry.provider);
  for (const Field& field : Fields()) {
    if ((field.takers & taker) == 0) continue;
    if (field.text != nullptr) {
      // An empty key_env says that no key is sent; the other texts say nothing when empty.
      if (!(entry.*field.text).empty() || field.text == &PoolEntry::key_env) {
        json[field.key] = entry.*field.text;
      }
    }
    if (field.whole != nullptr) json[field.key] = entry.*field.whole;
    if (field.small != nullptr) json[field.key] = entry.*field.small;
    if (field.number != nullptr) json[field.key] = entry.*field.number;
    if (field.price != nullptr) json[field.key] = entry.price.*field.price;
    if (field.text == &PoolEntry::model) json["role"] = ModelRoleName(entry.role);
  }
  if (!entry.command.empty()) json["command"] = entry.command;
  if (!entry.extra.empty()) json["extra"] = entry.extra;
  return json;
}

Result<PoolEntry> PoolEntryFromJson(const Json& json) {
  PoolEntry entry;
  FieldProblem problem;
  if (ReadPoolEntry(json, &entry, &problem)) return entry;
  return InvalidArgument("a stored model: " + problem.message);
}

}  // namespace banyan

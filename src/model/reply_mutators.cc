// Replies that name mutators (model/reply.h): JSON, or free reasoning with one line of names.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/strings.h"
#include "model/reply_json.h"
#include "model/reply_parts.h"
#include "schedule/step_schema.h"

namespace banyan {
namespace {

constexpr size_t kMaxMutators = 16;
constexpr size_t kMaxLines = 400;  // looked at from the end

// "TileSize", "mutate_tile_size" and "MutateTileSize" are tile_size. Empty: none of the names.
std::string MutatorMeant(std::string_view written, const std::vector<std::string>& known,
                         bool fuzzy) {
  std::string plain = PlainName(written);
  if (plain.rfind("mutate", 0) == 0 && plain.size() > 6) plain = plain.substr(6);
  for (const std::string& name : known) {
    if (PlainName(name) == plain) return name;
  }
  if (!fuzzy || plain.size() < 4) return {};
  std::vector<std::string> names;
  for (const std::string& name : known) names.push_back(PlainName(name));
  const std::string close = ClosestName(plain, names);
  for (const std::string& name : known) {
    if (!close.empty() && PlainName(name) == close) return name;
  }
  return {};
}

void AddNames(const Json& value, const ModelRequest& request, ReplyNotes* notes,
              std::vector<std::string>* mutators) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::string list = text.substr(0, 1000);
    std::replace_if(
        list.begin(), list.end(), [](char c) { return c == ';' || c == '\n'; }, ',');
    for (const std::string& part : Split(list, ',')) {
      if (Trim(part).empty()) continue;
      const std::string name = MutatorMeant(part, request.mutators, true);
      if (name.empty()) {
        notes->Add(fmt::format("no mutator is called {}; known: {}", Quote(part),
                               Join(request.mutators, ", ")));
      } else if (mutators->size() < kMaxMutators) {
        if (name != Trim(part)) notes->Add(fmt::format("{} read as {}", Quote(part), name));
        mutators->push_back(name);
      } else {
        notes->Add(fmt::format("more than {} mutators: the rest left out", kMaxMutators));
      }
    }
  } else if (value.is_object()) {
    if (const Json* name = FindField(value, {"name", "mutator"})) {
      if (name->is_string()) AddNames(*name, request, notes, mutators);
    }
  }
}

// A line that names mutators and says little else: "Mutators: tile_size, then unroll".
std::vector<std::string> NamesOfLine(std::string_view line, const std::vector<std::string>& known) {
  if (line.size() > 500) return {};
  if (const size_t colon = line.rfind(':'); colon != std::string_view::npos) {
    line = line.substr(colon + 1);
  }
  std::vector<std::string> words;
  std::string word;
  for (const char c : line) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  std::vector<std::string> names;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string name = MutatorMeant(words[i], known, false);
    if (name.empty() && i + 1 < words.size()) {  // "tile size"
      name = MutatorMeant(words[i] + words[i + 1], known, false);
      if (!name.empty()) ++i;
    }
    if (!name.empty()) {
      names.push_back(std::move(name));
      continue;
    }
    const std::string plain = PlainName(words[i]);
    const bool filler = plain == "and" || plain == "then" || plain == "apply" || plain == "first" ||
                        plain == "mutator" || plain == "mutators" ||
                        std::isdigit(static_cast<unsigned char>(words[i][0])) != 0;
    if (!filler) return {};
  }
  if (names.size() > kMaxMutators) names.resize(kMaxMutators);
  return names;
}

void ReadFreeText(std::string_view text, const ModelRequest& request, ReplyNotes* notes,
                  ModelReply* reply) {
  size_t lines = 0;
  while (!text.empty() && lines++ < kMaxLines) {
    const size_t end = text.rfind('\n');
    const std::string_view line = Trim(end == std::string_view::npos ? text : text.substr(end + 1));
    text = end == std::string_view::npos ? std::string_view() : text.substr(0, end);
    const std::string plain = PlainName(line.substr(0, 40));
    const size_t colon = line.find(':');
    if (plain.rfind("nextmodel", 0) == 0 && colon != std::string_view::npos) {
      if (reply->next_model.empty()) {
        std::string name(Trim(line.substr(colon + 1)));
        std::erase_if(name, [](char c) { return c == '*' || c == '`' || c == '"'; });
        reply->next_model = ModelMeant(Json(name), request, notes);
      }
    } else if (reply->mutators.empty()) {
      reply->mutators = NamesOfLine(line, request.mutators);
    }
  }
}

}  // namespace

void ReadMutatorReply(std::string_view text, const ModelRequest& request, ReplyNotes* notes,
                      ModelReply* reply) {
  bool truncated = false;
  const auto answers = FindAnswers(text, ActionSpace::kMutators, &truncated);
  int best = 0;
  for (const FoundAnswer& answer : answers) best = std::max(best, answer.rank);
  for (auto answer = answers.rbegin(); answer != answers.rend() && reply->mutators.empty();
       ++answer) {
    if (answer->rank != best) continue;
    const Json* names = answer->value.is_object() ? MutatorsField(answer->value) : &answer->value;
    if (names->is_array()) {
      for (const Json& name : *names) AddNames(name, request, notes, &reply->mutators);
    } else {
      AddNames(*names, request, notes, &reply->mutators);
    }
  }
  for (auto answer = answers.rbegin(); answer != answers.rend() && reply->next_model.empty();
       ++answer) {
    if (!answer->next_model.is_null()) {
      reply->next_model = ModelMeant(answer->next_model, request, notes);
    }
  }
  if (reply->mutators.empty()) ReadFreeText(text, request, notes, reply);
  if (!reply->mutators.empty()) return;
  if (best == 0 && IsRefusal(text)) {
    reply->failure = CallFailure::kRefused;
    reply->error = "the model declined: " + Tidy(text, 200);
    return;
  }
  SetUnusable(truncated,
              fmt::format("the reply names no mutator; known: {}", Join(request.mutators, ", ")),
              reply);
}

}  // namespace banyan

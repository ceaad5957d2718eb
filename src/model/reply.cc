#include "model/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"
#include "model/reply_json.h"
#include "model/reply_parts.h"

namespace banyan {
namespace {

constexpr size_t kMaxReplyBytes = 4 << 20;
constexpr int kMaxWrapping = 3;
constexpr size_t kMaxChildren = 16;

// ---- what an answer looks like -----------------------------------------------------------------

bool IsStepLike(const Json& item) {
  if (item.is_string()) return item.get_ref<const std::string&>().find('(') != std::string::npos;
  return item.is_object() && (item.contains("op") || item.contains("transformation"));
}

int PlanRank(const Json& value) {
  if (value.is_object()) {
    if (ProposalsField(value) != nullptr) return 4;
    if (StepsField(value) != nullptr) return 2;
    return IsStepLike(value) ? 1 : 0;
  }
  if (!value.is_array() || value.empty()) return 0;
  const auto proposals = std::count_if(value.begin(), value.end(), [](const Json& item) {
    return item.is_object() && StepsField(item) != nullptr;
  });
  if (proposals > 0) return 3;
  return std::all_of(value.begin(), value.end(), IsStepLike) ? 1 : 0;
}

int MutatorRank(const Json& value) {
  if (value.is_object()) return MutatorsField(value) != nullptr ? 4 : 0;
  const bool names =
      value.is_array() && !value.empty() &&
      std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_string(); });
  return names ? 1 : 0;
}

int RankOf(const Json& value, ActionSpace space) {
  return space == ActionSpace::kPlan ? PlanRank(value) : MutatorRank(value);
}

// The answer may be wrapped: {"response": {...}}, [{...}], {"arguments": "{...}"}.
FoundAnswer Unwrap(const Json& value, ActionSpace space, int depth) {
  FoundAnswer best{value, RankOf(value, space), nullptr};
  const Json* next = FindField(value, {"nextmodel", "next", "model"});
  if (next != nullptr) best.next_model = *next;
  if (best.rank > 1 || depth >= kMaxWrapping || !value.is_structured()) return best;
  size_t seen = 0;
  for (const Json& child : value) {
    if (++seen > kMaxChildren) break;
    FoundAnswer inner;
    if (child.is_structured()) {
      inner = Unwrap(child, space, depth + 1);
    } else if (child.is_string()) {
      const std::string_view text = Trim(child.get_ref<const std::string&>());
      if (text.empty() || (text[0] != '{' && text[0] != '[')) continue;
      const LooseJson json = ReadLooseJson(text, 0);
      if (!json.failed) inner = Unwrap(json.value, space, depth + 1);
    }
    if (inner.rank <= best.rank) continue;
    if (inner.next_model.is_null()) inner.next_model = std::move(best.next_model);
    best = std::move(inner);
  }
  return best;
}

// Values in prose. Work is bounded: a bracket of prose may swallow all that follows.
void Scan(std::string_view text, ActionSpace space, std::vector<FoundAnswer>* found,
          bool* truncated) {
  constexpr size_t kMaxAnswers = 64;
  size_t failures_left = 4096;
  size_t work = 8 * text.size() + (1 << 16);
  size_t at = text.find_first_of("{[");
  while (at != std::string_view::npos && found->size() < kMaxAnswers) {
    LooseJson json = ReadLooseJson(text, at);
    const size_t cost = json.end - at + 1;
    if (cost > work || (json.failed && failures_left-- == 0)) return;
    work -= cost;
    size_t next = at + 1;
    if (!json.failed) {
      FoundAnswer answer = Unwrap(json.value, space, 0);
      if (answer.rank > 0 || !json.truncated) next = std::max(next, json.end);
      *truncated = *truncated || json.truncated;
      if (answer.rank > 0) found->push_back(std::move(answer));
    }
    at = text.find_first_of("{[", next);
  }
}

// Contents of ``` blocks; the last may lack its end.
std::vector<std::string_view> Fenced(std::string_view text) {
  constexpr size_t kMaxFences = 64;
  std::vector<std::string_view> blocks;
  size_t open = text.find("```");
  while (open != std::string_view::npos && blocks.size() < kMaxFences) {
    const size_t line = text.find('\n', open);
    size_t start = open + 3;
    while (start < text.size() && std::isalnum(static_cast<unsigned char>(text[start])) != 0) {
      ++start;
    }
    start = line == std::string_view::npos ? start : std::min(start, line);
    const size_t close = text.find("```", start);
    blocks.push_back(text.substr(
        start, close == std::string_view::npos ? std::string_view::npos : close - start));
    if (close == std::string_view::npos) break;
    open = text.find("```", close + 3);
  }
  return blocks;
}

// Without the reasoning that some servers leave in front of the answer.
std::string_view WithoutThoughts(std::string_view text) {
  for (const std::string_view tag : {"</think>", "</thinking>", "</reasoning>"}) {
    const size_t end = text.rfind(tag);
    if (end == std::string_view::npos) continue;
    const std::string_view rest = text.substr(end + tag.size());
    if (!Trim(rest).empty()) text = rest;
  }
  return text;
}

// Invalid bytes become '?', so that nothing of the reply can spoil a record.
}  // namespace

std::string PlainName(std::string_view name) {
  std::string plain;
  for (const char c : name.substr(0, 100)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

std::string FieldKey(const Json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return {};
  for (const char* name : names) {
    for (const auto& [key, value] : object.items()) {
      if (key != kCutKey && PlainName(key) == name && !value.is_null()) return key;
    }
  }
  for (const char* name : names) {
    const std::string_view wanted = name;
    if (wanted.size() < 5) continue;
    for (const auto& [key, value] : object.items()) {
      const std::string plain = PlainName(key);
      if (plain.size() + 1 < wanted.size() || plain.size() > wanted.size() + 1) continue;
      if (!value.is_null() && EditDistance(plain, wanted) <= 1) return key;
    }
  }
  return {};
}

const Json* FindField(const Json& object, std::initializer_list<const char*> names) {
  const std::string key = FieldKey(object, names);
  return key.empty() ? nullptr : &object[key];
}

const Json* ProposalsField(const Json& object) {
  const Json* field = FindField(
      object, {"proposals", "plans", "candidates", "suggestions", "schedules", "proposal"});
  return field != nullptr && field->is_structured() ? field : nullptr;
}

const Json* StepsField(const Json& object) {
  const Json* field = FindField(
      object, {"steps", "plan", "schedule", "transformations", "actions", "sequence", "newsteps"});
  return field != nullptr && (field->is_structured() || field->is_string()) ? field : nullptr;
}

const Json* MutatorsField(const Json& object) {
  const Json* field = FindField(
      object, {"mutators", "mutator", "mutations", "transformations", "actions", "sequence"});
  return field != nullptr && (field->is_array() || field->is_string()) ? field : nullptr;
}

std::vector<FoundAnswer> FindAnswers(std::string_view text, ActionSpace space, bool* truncated) {
  std::vector<FoundAnswer> found;
  const std::string_view trimmed = Trim(text);
  // JSON that was encoded as a JSON string once more.
  if (trimmed.size() > 2 && trimmed[0] == '"' && trimmed.find("\\\"") != std::string_view::npos) {
    const Json inner = Json::parse(trimmed.begin(), trimmed.end(), nullptr, false);
    if (inner.is_string()) Scan(inner.get_ref<const std::string&>(), space, &found, truncated);
    if (!found.empty()) return found;
  }
  for (const std::string_view block : Fenced(text)) {
    bool cut = false;
    Scan(block, space, &found, &cut);
    *truncated = *truncated || cut;
  }
  const bool sure =
      std::any_of(found.begin(), found.end(), [](const auto& answer) { return answer.rank > 1; });
  if (sure) return found;
  found.clear();
  *truncated = false;
  Scan(text, space, &found, truncated);
  return found;
}

std::string ModelMeant(const Json& value, const ModelRequest& request, ReplyNotes* notes) {
  const Json* named = &value;
  if (value.is_object()) named = FindField(value, {"name", "model", "id"});
  if (named == nullptr || !named->is_string()) return {};
  const auto& written = named->get_ref<const std::string&>();
  const std::string plain = PlainName(written);
  if (plain.empty() || plain == "null" || plain == "none") return {};
  std::vector<std::string> names;
  for (const ModelStanding& model : request.pool) {
    if (model.info.name == written) return written;
    names.push_back(model.info.name);
  }
  std::string meant;
  for (const std::string& name : names) {
    const std::string other = PlainName(name);
    // Also with the provider in front: "openai/x" for "x".
    if (other.size() > 2 && (other == plain || plain.ends_with(other))) meant = name;
  }
  if (meant.empty() && written.size() <= 100) {
    meant = ClosestMatch(written, names).value_or(std::string());
  }
  notes->Add(meant.empty() ? fmt::format("next_model {} is not in the pool: {}", Quote(written),
                                         OneLine(Join(names, ", "), 120))
                           : fmt::format("next_model {} read as {}", Quote(written), meant));
  return meant;
}

bool IsRefusal(std::string_view text) {
  std::string head;
  for (const char c : Trim(text).substr(0, 600)) {
    head += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  // A typographic apostrophe becomes a plain one.
  for (size_t at = head.find("\xE2\x80\x99"); at != std::string::npos;
       at = head.find("\xE2\x80\x99")) {
    head.replace(at, 3, "'");
  }
  static constexpr std::string_view kWords[] = {
      "i can't",       "i cannot",         "i can not",      "i'm sorry",   "i am sorry",
      "i'm unable",    "i am unable",      "i won't",        "i will not",  "not able to help",
      "as an ai",      "unable to comply", "i must decline", "i decline",   "can't assist",
      "cannot assist", "can't help",       "cannot help",    "i apologize",
  };
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view words) { return head.find(words) != std::string::npos; });
}

void SetUnusable(bool truncated, const std::string& why, ModelReply* reply) {
  reply->failure = truncated ? CallFailure::kTruncated : CallFailure::kUnusable;
  reply->error = Tidy(truncated ? "the reply was cut off; " + why : why, 400);
}

ModelReply ParseReply(std::string_view text, const ModelRequest& request) {
  ModelReply reply;
  ReplyNotes notes;
  if (text.size() > kMaxReplyBytes) {
    notes.Add(fmt::format("only the first {} MiB of the reply were read", kMaxReplyBytes >> 20));
    text = text.substr(0, kMaxReplyBytes);
  }
  std::string valid;
  if (!IsUtf8(text)) {
    valid = ValidUtf8(text);
    text = valid;
  }
  text = WithoutThoughts(text);
  if (Trim(text).empty()) {
    reply.failure = CallFailure::kUnusable;
    reply.error = "the reply is empty";
  } else if (request.action_space == ActionSpace::kPlan) {
    ReadPlanReply(text, request, &notes, &reply);
  } else {
    ReadMutatorReply(text, request, &notes, &reply);
  }
  reply.notes = notes.Take();
  return reply;
}

}  // namespace banyan

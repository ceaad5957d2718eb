#include "model/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "model/prompt_parts.h"

namespace banyan {
namespace {

constexpr double kBytesPerToken = 3.2;

std::string Titled(const char* title, const std::string& text) {
  return text.empty() ? std::string() : fmt::format("\n# {}\n{}", title, text);
}

// The answer's schema with the names that are possible in this request, where the schema can say
// them.
Json SchemaFor(const ModelRequest& request) {
  Json schema = ReplyJsonSchema(request.action_space);
  Json models = Json::array();
  for (const ModelStanding& model : request.pool) models.push_back(model.info.name);
  if (!models.empty()) schema["properties"]["next_model"]["enum"] = std::move(models);
  if (request.action_space == ActionSpace::kMutators && !request.mutators.empty()) {
    schema["properties"]["mutators"]["items"]["enum"] = request.mutators;
  }
  return schema;
}

// The leaf's program in TVM's words; empty: there is none.
std::string Script(const ModelRequest& request) {
  return request.states.empty() ? std::string() : request.states[0].script;
}

struct Parts {
  std::string before;
  const char* title = "";  // of the script
  std::string script;      // what may lose its middle
  std::string after;
};

Parts PlanParts(const ModelRequest& request, PromptCut cut) {
  Parts parts;
  parts.before = "# Machine\n" + MachineSection(request);
  parts.before += Titled("Workload", WorkloadSection(request));
  parts.before += Titled("Program here", ProgramSection(*request.leaf.program));
  parts.title = "The same program in TVMScript (its loop names are TVM's own)";
  parts.script = Script(request);
  std::string& after = parts.after;
  after += Titled("Plan so far", PlanSection(request));
  after += Titled("Measured", MeasuredSection(request, cut < PromptCut::kFurtherBest));
  after += Titled("Recent failures here, newest first",
                  FailuresSection(request, cut < PromptCut::kOldFailures));
  after += Titled("Legal at this program (places and sizes; further ones after your own steps)",
                  RangesSection(request, cut < PromptCut::kRareRanges));
  if (!request.examples.empty()) {
    after += Titled("Winners on related workloads (means to copy, sizes to adapt)",
                    cut < PromptCut::kExamples ? ExamplesSection(request)
                                               : fmt::format("(left out for length: {} of them)\n",
                                                             request.examples.size()));
  }
  after += Titled("Review", ReviewSection(request, cut < PromptCut::kParent));
  after += Titled("Models", ModelsSection(request));
  after += Titled("Budget left", BudgetSection(request));
  after += fmt::format(
      "\n# Your task\nPropose up to {} plan{} for this program, best first, as the JSON object "
      "described above.\n",
      request.max_proposals, request.max_proposals == 1 ? "" : "s");
  return parts;
}

Parts MutatorParts(const ModelRequest& request, PromptCut cut) {
  Parts parts;
  parts.before = "# Workload\n" + PromptLine(request.workload->id) + "\n";
  parts.title = "Program of the current schedule";
  parts.script = Script(request);
  if (parts.script.empty()) parts.script = OutlineOf(*request.leaf.program);
  if (!request.states.empty() && !request.states[0].trace.empty()) {
    parts.before += "\n# Trace of the current schedule\n" + Fence("", request.states[0].trace);
  }
  parts.after = MutatorStates(request, cut) + MutatorTask(request);
  parts.after += Titled("Review", ReviewSection(request, cut < PromptCut::kParent));
  return parts;
}

std::string Joined(const Parts& parts, size_t script_bytes) {
  std::string script = parts.script;
  if (script.size() > script_bytes) script = WithoutMiddle(script, script_bytes);
  if (!script.empty()) {
    script = Titled(parts.title, Fence("python", script));
  }
  return parts.before + script + parts.after;
}

}  // namespace

std::string WithoutMiddle(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  constexpr size_t kNoteBytes = 60;
  const size_t room = max_bytes > kNoteBytes ? max_bytes - kNoteBytes : 0;
  // More of the head, where buffers and the outer loops are. Whole lines.
  size_t head = std::min(room * 6 / 10, text.size());
  const size_t last_break = head == 0 ? std::string_view::npos : text.rfind('\n', head - 1);
  head = last_break == std::string_view::npos ? 0 : last_break + 1;
  size_t tail = text.find('\n', text.size() - std::min(room * 4 / 10, text.size()));
  tail = tail == std::string_view::npos ? text.size() : std::max(head, tail + 1);
  const auto lines = std::count(text.begin() + static_cast<std::ptrdiff_t>(head),
                                text.begin() + static_cast<std::ptrdiff_t>(tail), '\n');
  return fmt::format("{}... (left out for length: {} lines) ...\n{}", text.substr(0, head),
                     std::max<std::ptrdiff_t>(1, lines), text.substr(tail));
}

int64_t TokensOfBytes(int64_t bytes) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(bytes) / kBytesPerToken));
}

int64_t EstimateTokens(std::string_view text) {
  return TokensOfBytes(static_cast<int64_t>(text.size()));
}

ChatRequest MakePrompt(const ModelRequest& request, int64_t max_tokens, int64_t max_output_tokens) {
  ChatRequest chat;
  const bool plans = request.action_space == ActionSpace::kPlan;
  chat.system = plans ? PlanSystemText() : MutatorSystemText(request.pool.size() > 1);
  chat.schema = SchemaFor(request);
  chat.schema_name = plans ? "proposals" : "mutators";
  chat.max_output_tokens = max_output_tokens;

  const auto budget_bytes =
      static_cast<size_t>(std::max<double>(0, static_cast<double>(max_tokens) * kBytesPerToken));
  auto fits = [&](const std::string& user) {
    return chat.system.size() + user.size() <= budget_bytes;
  };
  for (int level = 0; level <= static_cast<int>(PromptCut::kProgramMiddle); ++level) {
    const auto cut = static_cast<PromptCut>(level);
    const Parts parts = plans ? PlanParts(request, cut) : MutatorParts(request, cut);
    chat.user = Joined(parts, parts.script.size());
    if (fits(chat.user)) break;
    if (cut != PromptCut::kProgramMiddle) continue;
    const size_t others = chat.system.size() + chat.user.size() - parts.script.size();
    chat.user = Joined(parts, budget_bytes > others ? budget_bytes - others : 0);
  }
  return chat;
}

}  // namespace banyan

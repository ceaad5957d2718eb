// Replies that propose plans (model/reply.h).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "model/reply_json.h"
#include "model/reply_parts.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr size_t kMaxRead = 64;    // proposals of a reply that are looked at
constexpr size_t kMaxReasons = 3;  // in an error
constexpr double kNoConfidence = 0.5;

std::optional<double> NumberOf(const Json& value) {
  if (value.is_number()) {
    const auto number = value.get<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  std::string_view text = Trim(value.get_ref<const std::string&>());
  const bool percent = !text.empty() && text.back() == '%';
  if (percent) text.remove_suffix(1);
  text = Trim(text);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  return percent ? number / 100 : number;
}

class PlanReply {
 public:
  PlanReply(const ModelRequest& request, ReplyNotes* notes) : request_(request), notes_(notes) {}

  // One proposal as written; `number` for messages.
  void Add(const Json& item, size_t number) {
    auto proposal = Read(item);
    if (!proposal.ok()) {
      const std::string reason = proposal.error().message;
      notes_->Add(fmt::format("proposal {} left out: {}", number, reason));
      if (reasons_.size() < kMaxReasons) reasons_.push_back(reason);
      return;
    }
    proposals_.push_back(*std::move(proposal));
  }

  std::vector<Proposal> Take() {
    std::stable_sort(proposals_.begin(), proposals_.end(),
                     [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
    if (proposals_.size() > request_.max_proposals) {
      notes_->Add(fmt::format("{} proposals, the {} most confident are kept", proposals_.size(),
                              request_.max_proposals));
      proposals_.resize(request_.max_proposals);
    }
    return std::move(proposals_);
  }

  bool empty() const { return proposals_.empty(); }
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  const Plan& LeafPlan() const { return request_.leaf.plan; }

  Result<Proposal> Read(const Json& item) {
    Proposal proposal;
    const Json* steps = &item;
    size_t keep = LeafPlan().steps.size();
    if (item.is_object()) {
      steps = StepsField(item);
      if (item.contains(kCutKey)) {
        const auto& cut = item[kCutKey];
        if (steps == nullptr || FieldIs(item, *steps, cut.get<std::string>())) {
          return InvalidArgument("it was cut off");
        }
      }
      if (steps == nullptr && item.contains("op")) steps = &item;
      if (steps == nullptr) return InvalidArgument("it has no \"steps\"");
      if (steps != &item) {
        proposal.confidence = Confidence(item);
        proposal.reason = Reason(item);
        keep = Keep(item);
      }
    }
    BANYAN_ASSIGN_OR_RETURN(const auto loose, ReadLooseSteps(*steps));
    if (loose.empty()) return InvalidArgument("it has no steps");
    if (keep > 0 && StartsOver(loose)) {
      notes_->Add("steps that begin with the plan so far are taken as the whole plan");
      keep = 0;
    }
    BANYAN_RETURN_IF_ERROR(ReadSteps(loose, keep, &proposal));
    return proposal;
  }

  static bool FieldIs(const Json& object, const Json& field, const std::string& key) {
    const auto found = object.find(key);
    return found != object.end() && &*found == &field;
  }

  double Confidence(const Json& item) {
    const Json* field = FindField(item, {"confidence", "probability", "prob", "score"});
    if (field == nullptr) return kNoConfidence;
    auto number = NumberOf(*field);
    if (!number) {
      const std::string word = field->is_string() ? PlainName(field->get<std::string>()) : "";
      if (word == "high" || word == "veryhigh") number = 0.8;
      if (word == "medium" || word == "moderate") number = 0.5;
      if (word == "low" || word == "verylow") number = 0.2;
      notes_->Add(fmt::format("a confidence that is no number taken as {}",
                              number.value_or(kNoConfidence)));
      return number.value_or(kNoConfidence);
    }
    double confidence = *number;
    if (confidence > 1 && confidence <= 100) confidence /= 100;
    confidence = std::clamp(confidence, 0.0, 1.0);
    if (confidence != *number) {
      notes_->Add(fmt::format("confidence {:.6g} taken as {:.6g}", *number, confidence));
    }
    return confidence;
  }

  static std::string Reason(const Json& item) {
    const Json* field = FindField(item, {"reason", "rationale", "explanation", "justification",
                                         "why", "description", "idea"});
    return field != nullptr && field->is_string() ? Tidy(field->get<std::string>(), 300)
                                                  : std::string();
  }

  size_t Keep(const Json& item) {
    const size_t all = LeafPlan().steps.size();
    const Json* field = FindField(
        item, {"keepsteps", "keep", "keptsteps", "keepprefix", "keepfirst", "basesteps", "revise"});
    if (field == nullptr) return all;
    if (field->is_boolean()) {
      const bool revise = FieldKey(item, {"keepsteps", "keep"}).empty();
      return revise == field->get<bool>() ? 0 : all;
    }
    const auto number = NumberOf(*field);
    if (!number) {
      notes_->Add("a keep_steps that is no number: all steps kept");
      return all;
    }
    const double kept = std::clamp(std::floor(*number), 0.0, static_cast<double>(all));
    if (kept != *number) {
      notes_->Add(fmt::format("keep_steps {:.6g} taken as {}: the plan has {} steps", *number,
                              static_cast<size_t>(kept), all));
    }
    return static_cast<size_t>(kept);
  }

  // The model wrote the whole plan again, though it was to append.
  bool StartsOver(const std::vector<LooseStep>& loose) {
    ReplyNotes unused;
    auto first = RepairStep(loose[0], NameTracker(*request_.root.program), &unused);
    return first.ok() && !first->empty() && (*first)[0] == LeafPlan().steps[0];
  }

  NameTracker NamesAfter(size_t keep) const {
    if (keep == LeafPlan().steps.size()) return NameTracker(*request_.leaf.program);
    NameTracker names(*request_.root.program);
    for (size_t i = 0; i < keep; ++i) names.Apply(LeafPlan().steps[i]);
    return names;
  }

  Status ReadSteps(const std::vector<LooseStep>& loose, size_t keep, Proposal* proposal) {
    NameTracker names = NamesAfter(keep);
    std::vector<Step>& steps = proposal->steps;
    for (size_t i = 0; i < loose.size(); ++i) {
      auto repaired = RepairStep(loose[i], names, notes_);
      if (!repaired.ok()) {
        return InvalidArgument(
            fmt::format("step {}, {}: {}", i + 1, loose[i].shown, repaired.error().message));
      }
      for (Step& step : *repaired) {
        names.Apply(step);
        steps.push_back(std::move(step));
      }
      if (steps.size() > kMaxProposalSteps) {
        return InvalidArgument(fmt::format("more than {} steps", kMaxProposalSteps));
      }
    }
    // Steps the leaf has already are kept, not revised.
    const auto& had = LeafPlan().steps;
    size_t same = 0;
    while (keep + same < had.size() && same < steps.size() && steps[same] == had[keep + same]) {
      ++same;
    }
    steps.erase(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(same));
    proposal->keep_steps = keep + same;
    if (steps.empty()) return InvalidArgument("it changes nothing");
    BANYAN_RETURN_IF_ERROR(CheckFirst(*proposal));
    return CheckNew(*proposal);
  }

  // Only the first step meets a program whose picture is known.
  Status CheckFirst(const Proposal& proposal) const {
    const Step& step = proposal.steps[0];
    const bool at_leaf = proposal.keep_steps == LeafPlan().steps.size();
    if (!at_leaf && proposal.keep_steps > 0) return {};
    const auto& program = at_leaf ? *request_.leaf.program : *request_.root.program;
    auto status = FindTransformation(step.op)->Check(program, *request_.target, step);
    if (status.ok()) return {};
    return IllegalStep(Tidy(
        fmt::format("step 1, {}: {}", OneLine(PrintStep(step), 120), status.error().message), 400));
  }

  Status CheckNew(const Proposal& proposal) {
    Plan plan;
    plan.steps.assign(LeafPlan().steps.begin(),
                      LeafPlan().steps.begin() + static_cast<std::ptrdiff_t>(proposal.keep_steps));
    const uint64_t hash = PlanHash(plan.Then(proposal.steps));
    if (std::find(seen_.begin(), seen_.end(), hash) != seen_.end()) {
      return InvalidArgument("the same plan as another proposal");
    }
    seen_.push_back(hash);
    const auto& tried = request_.tried_plans;
    if (std::find(tried.begin(), tried.end(), hash) != tried.end()) {
      return InvalidArgument("this plan was tried already");
    }
    return {};
  }

  const ModelRequest& request_;
  ReplyNotes* notes_;
  std::vector<Proposal> proposals_;
  std::vector<std::string> reasons_;
  std::vector<uint64_t> seen_;  // plans of this reply
};

// The proposals of one answer, as written.
std::vector<Json> ItemsOf(const FoundAnswer& answer) {
  const Json& value = answer.value;
  if (answer.rank == 4) {
    const Json& field = *ProposalsField(value);
    if (field.is_array()) return {field.begin(), field.end()};
    if (StepsField(field) != nullptr) return {field};
    return {field.begin(), field.end()};  // {"1": {...}, "2": {...}}
  }
  if (answer.rank == 3) return {value.begin(), value.end()};
  return {value};
}

void ReadAnswer(const std::vector<Json>& items, ReplyNotes* notes, PlanReply* plans) {
  size_t number = 0;
  for (const Json& item : items) {
    if (++number > kMaxRead) {
      notes->Add(fmt::format("only the first {} proposals were read", kMaxRead));
      break;
    }
    plans->Add(item, number);
  }
}

// Plans written in prose: the steps of each fenced block, or else of the whole text.
std::vector<Json> PlansInProse(std::string_view text) {
  std::vector<Json> items;
  std::vector<std::string_view> parts;
  size_t open = text.find("```");
  while (open != std::string_view::npos && parts.size() < kMaxRead) {
    const size_t line = text.find('\n', open);
    if (line == std::string_view::npos) break;
    const size_t close = text.find("```", line);
    parts.push_back(text.substr(line, close == std::string_view::npos ? close : close - line));
    if (close == std::string_view::npos) break;
    open = text.find("```", close + 3);
  }
  if (parts.empty()) parts.push_back(text);
  for (const std::string_view part : parts) {
    size_t skipped = 0;
    auto steps = ReadLooseStepText(part, &skipped, true);
    if (steps.ok() && !steps->empty()) items.emplace_back(std::string(part));
  }
  return items;
}

}  // namespace

void ReadPlanReply(std::string_view text, const ModelRequest& request, ReplyNotes* notes,
                   ModelReply* reply) {
  bool truncated = false;
  const std::vector<FoundAnswer> answers = FindAnswers(text, ActionSpace::kPlan, &truncated);
  int best = 0;
  for (const FoundAnswer& answer : answers) best = std::max(best, answer.rank);

  PlanReply plans(request, notes);
  if (best == 0) {
    const std::vector<Json> items = PlansInProse(text);
    if (!items.empty()) {
      notes->Add("no JSON: the steps in the text are taken");
      ReadAnswer(items, notes, &plans);
    }
  } else if (best <= 2) {
    // One object for each proposal.
    std::vector<Json> items;
    for (const FoundAnswer& answer : answers) {
      if (answer.rank == best) items.push_back(answer.value);
    }
    ReadAnswer(items, notes, &plans);
  } else {
    // The last is the final one, unless nothing in it can be used.
    for (auto answer = answers.rbegin(); answer != answers.rend() && plans.empty(); ++answer) {
      if (answer->rank == best) ReadAnswer(ItemsOf(*answer), notes, &plans);
    }
  }
  for (const FoundAnswer& answer : answers) {
    if (!answer.next_model.is_null()) {
      reply->next_model = ModelMeant(answer.next_model, request, notes);
    }
  }
  reply->proposals = plans.Take();
  if (!reply->proposals.empty()) {
    if (truncated) notes->Add("the reply was cut off: what was complete is used");
    return;
  }
  if (best == 0 && plans.reasons().empty() && IsRefusal(text)) {
    reply->failure = CallFailure::kRefused;
    reply->error = "the model declined: " + Tidy(text, 200);
    return;
  }
  SetUnusable(truncated,
              plans.reasons().empty()
                  ? "the reply holds no plan: answer with one JSON object {\"proposals\": [...]}"
                  : "no proposal can be used: " + Join(plans.reasons(), "; "),
              reply);
}

}  // namespace banyan

#include "search/free_moves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/register_tile.h"
#include "schedule/transform_base.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr int kMoveTries = 16;  // of one move, each at most one plan applied
constexpr int kCrossTries = 6;
// A free move may make a program's straight-line code this much larger than its parent's, which is
// known to build in time; small programs may always grow to kSmallCode. One runaway build costs
// more than many trials.
constexpr double kCodeGrowth = 2.5;
constexpr int64_t kSmallCode = 512;
constexpr double kPairChance = 0.25;  // of changing a second parameter too
constexpr double kTwinChance = 0.5;   // of changing a step's twins on other blocks alike
constexpr int kChainSteps = 8;        // longest random chain
// Before anything is learnt: the numbers of a tile are what refinement is mostly about.
constexpr double kTileBias = 3;
constexpr double kNumberBias = 3;
// A tile that suits the registers better is changed to the sooner: by its expected gain to this
// power, within limits, since the estimate knows nothing of caches and copies.
constexpr double kTilePower = 4;
constexpr double kMostTileOdds = 16;
// A gain that counts as a full win for the credit of a parameter; smaller ones count in part.
constexpr double kFullWin = 0.05;

Json RebasedValue(const Json& value, const std::string& from, const std::string& to) {
  if (value.is_structured()) {
    Json out = value;
    for (Json& item : out) item = RebasedValue(item, from, to);
    return out;
  }
  if (!value.is_string()) return value;
  const std::string& text = value.get_ref<const std::string&>();
  if (text == from) return to;
  if (text.size() > from.size() && text[from.size()] == '.' &&
      text.compare(0, from.size(), from) == 0) {
    return to + text.substr(from.size());
  }
  return value;
}

void Diff(const Json& before, const Json& after, const std::string& path,
          std::vector<std::string>* out) {
  if (before == after) return;
  if (before.is_object() && after.is_object()) {
    for (const auto& [key, value] : before.items()) {
      const auto it = after.find(key);
      Diff(value, it == after.end() ? Json() : *it, path + "." + key, out);
    }
    for (const auto& [key, value] : after.items()) {
      if (!before.contains(key)) Diff(Json(), value, path + "." + key, out);
    }
    return;
  }
  if (before.is_array() && after.is_array() && before.size() == after.size()) {
    for (size_t i = 0; i < before.size(); ++i) {
      Diff(before[i], after[i], fmt::format("{}.{}", path, i), out);
    }
    return;
  }
  const bool numbers = before.is_number() && after.is_number();
  const char* direction = !numbers ? "~" : after.get<double>() > before.get<double>() ? "+" : "-";
  out->push_back(path + "|" + direction);
}

// Statements of straight-line code, the measure of build time.
int64_t CodeSize(const ProgramView& program, const Target& target) {
  int64_t size = 0;
  for (size_t i = 0; i < program.blocks.size(); ++i) {
    size += StraightLineOps(program, target, static_cast<int>(i), -1, LoopKind::kSerial);
  }
  return size;
}

// Index by weight; weights are >= 0 and not all 0.
size_t PickWeighted(const std::vector<double>& weights, Rng& rng) {
  double total = 0;
  for (const double weight : weights) total += weight;
  double mark = rng.Uniform() * total;
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    mark -= weights[i];
    if (mark < 0) return i;
  }
  return last;
}

Plan Prefix(const Plan& plan, size_t size) {
  return {{plan.steps.begin(), plan.steps.begin() + static_cast<std::ptrdiff_t>(size)}};
}

}  // namespace

std::string BlockOf(const Step& step) {
  if (!step.args.is_object()) return "";
  if (const auto it = step.args.find("block"); it != step.args.end() && it->is_string()) {
    return it->get<std::string>();
  }
  for (const Json& value : step.args) {
    const Json& first = value.is_array() && !value.empty() ? value.front() : value;
    if (!first.is_string()) continue;
    const std::string text = first.get<std::string>();
    if (const size_t dot = text.find('.'); dot != std::string::npos && dot > 0) {
      return text.substr(0, dot);
    }
  }
  return "";
}

Step Rebased(const Step& step, const std::string& from, const std::string& to) {
  return {step.op, from.empty() ? step.args : RebasedValue(step.args, from, to)};
}

std::vector<std::string> ChangedParameters(const Step& before, const Step& after) {
  std::vector<std::string> keys;
  Diff(before.args, after.args, "", &keys);
  const std::string prefix = after.op + "|" + BlockOf(before) + "|";
  for (std::string& key : keys) key = prefix + key;
  return keys;
}

const std::vector<Step>& MoveMaker::Neighbours(const Plan& plan, size_t index) {
  const uint64_t key = PlanHash(Prefix(plan, index + 1));
  if (const auto it = neighbours_.find(key); it != neighbours_.end()) return it->second;
  std::vector<Step>& found = neighbours_[key];
  const Step& step = plan.steps[index];
  const Transformation* transformation = FindTransformation(step.op);
  if (transformation == nullptr) return found;
  auto before = compiler_->Apply(Prefix(plan, index));
  if (!before.ok() || before->program == nullptr) return found;
  found = transformation->Neighbours(*before->program, compiler_->target(), step);
  return found;
}

double MoveMaker::Weight(const std::vector<std::string>& keys) const {
  double wins = 1;
  double tries = 2;
  for (const std::string& key : keys) {
    const auto it = records_.find(key);
    if (it == records_.end()) continue;
    wins += it->second.wins;
    tries += it->second.tries;
  }
  return wins / tries;
}

std::vector<MoveMaker::Choice> MoveMaker::ChoicesAt(const Plan& plan, const ProgramView* program,
                                                    size_t index) {
  std::vector<Choice> choices;
  // The changed plan's text is put together, not printed anew for every neighbour.
  const std::string before = PrintPlan(Prefix(plan, index));
  std::string after;
  for (size_t i = index + 1; i < plan.steps.size(); ++i) after += PrintStep(plan.steps[i]) + "\n";
  for (const Step& step : Neighbours(plan, index)) {
    if (step == plan.steps[index]) continue;
    if (tried_.contains(PlanTextHash(before + PrintStep(step) + "\n" + after))) continue;
    Choice choice{.index = index, .step = step, .keys = ChangedParameters(plan.steps[index], step)};
    const bool numeric = !choice.keys.empty() && choice.keys.front().back() != '~';
    choice.weight = Weight(choice.keys) * (numeric ? kNumberBias : 1);
    if (program != nullptr) {
      const double gain =
          RegisterTileGain(*program, compiler_->target(), plan.steps[index], choice.step);
      choice.odds = std::clamp(std::pow(gain, kTilePower), 1 / kMostTileOdds, kMostTileOdds);
      choice.weight *= choice.odds;
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

std::optional<MoveMaker::Choice> MoveMaker::PickChange(const Plan& plan, const ProgramView* program,
                                                       Rng& rng) {
  // The step first, then one of its neighbours: neighbours of a step not looked at yet cost the
  // compiler's time.
  std::vector<double> weights;
  std::map<size_t, std::vector<Choice>> tiles;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    double bias = 1;
    if (step.op == "tile") {
      const std::vector<Choice>& choices =
          tiles.emplace(i, ChoicesAt(plan, program, i)).first->second;
      for (const Choice& choice : choices) bias = std::max(bias, choice.odds);
      bias *= kTileBias;
    }
    weights.push_back(bias * Weight({step.op + "|" + BlockOf(step)}));
  }
  for (size_t left = plan.steps.size(); left > 0; --left) {
    const size_t index = PickWeighted(weights, rng);
    const auto known = tiles.find(index);
    std::vector<Choice> choices =
        known != tiles.end() ? std::move(known->second) : ChoicesAt(plan, program, index);
    if (!choices.empty()) {
      std::vector<double> odds;
      for (const Choice& choice : choices) odds.push_back(choice.weight);
      return std::move(choices[PickWeighted(odds, rng)]);
    }
    weights[index] = 0;
  }
  return std::nullopt;
}

Plan MoveMaker::Changed(const Plan& plan, const Choice& choice, Rng& rng) {
  Plan changed = plan;
  changed.steps[choice.index] = choice.step;
  const Step& before = plan.steps[choice.index];
  const std::string block = BlockOf(before);
  Plan twins = changed;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const std::string other = BlockOf(plan.steps[i]);
    if (other.empty() || other == block || plan.steps[i] != Rebased(before, block, other)) continue;
    twins.steps[i] = Rebased(choice.step, block, other);
  }
  if (twins == changed || !rng.Chance(kTwinChance)) return changed;
  return tried_.contains(PlanHash(twins)) ? changed : twins;
}

std::shared_ptr<const ProgramView> MoveMaker::ProgramOf(const Plan& plan) {
  const auto candidate = compiler_->Apply(plan);
  return candidate.ok() ? candidate->program : nullptr;
}

int64_t MoveMaker::CodeLimit(const ProgramView* parent) const {
  if (parent == nullptr) return kSmallCode;
  const auto size = static_cast<double>(CodeSize(*parent, compiler_->target()));
  return std::max(kSmallCode, static_cast<int64_t>(kCodeGrowth * size));
}

std::optional<Candidate> MoveMaker::TryNew(const Plan& plan, int64_t code_limit) {
  if (!tried_.insert(PlanHash(plan)).second) return std::nullopt;
  auto candidate = compiler_->Apply(plan);
  if (!candidate.ok() || known_(*candidate)) return std::nullopt;
  if (candidate->program == nullptr ||
      CodeSize(*candidate->program, compiler_->target()) > code_limit) {
    return std::nullopt;
  }
  return std::move(candidate).value();
}

std::optional<FreeMove> MoveMaker::Mutate(const Plan& plan, Rng& rng, bool* exhausted) {
  *exhausted = false;
  const std::shared_ptr<const ProgramView> program = ProgramOf(plan);
  const int64_t code_limit = CodeLimit(program.get());
  for (int attempt = 0; attempt < kMoveTries; ++attempt) {
    const std::optional<Choice> choice = PickChange(plan, program.get(), rng);
    if (!choice) {
      *exhausted = true;
      return std::nullopt;
    }
    const Plan changed = Changed(plan, *choice, rng);
    std::optional<Candidate> candidate = TryNew(changed, code_limit);
    if (!candidate) {
      Debit(choice->keys);
      continue;
    }
    FreeMove move{
        .candidate = *std::move(candidate),
        .origin = "mutation",
        .reason = fmt::format("step {} becomes {}", choice->index + 1, PrintStep(choice->step)),
        .keys = choice->keys};
    move.keys.push_back(choice->step.op + "|" + BlockOf(choice->step));
    if (rng.Chance(kPairChance)) {
      const std::optional<Choice> second = PickChange(changed, move.candidate.program.get(), rng);
      if (second && second->index != choice->index) {
        std::optional<Candidate> both = TryNew(Changed(changed, *second, rng), code_limit);
        if (both) {
          tried_.erase(PlanHash(changed));  // not measured: may come again
          move.candidate = *std::move(both);
          move.keys.insert(move.keys.end(), second->keys.begin(), second->keys.end());
          move.reason +=
              ", step " + std::to_string(second->index + 1) + " becomes " + PrintStep(second->step);
        }
      }
    }
    return move;
  }
  return std::nullopt;
}

std::optional<FreeMove> MoveMaker::Cross(const Plan& plan, const Plan& other, Rng& rng) {
  // Blocks that both plans say something about, and not the same.
  std::map<std::string, std::pair<std::vector<Step>, std::vector<Step>>> by_block;
  for (const Step& step : plan.steps) by_block[BlockOf(step)].first.push_back(step);
  for (const Step& step : other.steps) by_block[BlockOf(step)].second.push_back(step);
  std::vector<std::string> blocks;
  for (const auto& [block, steps] : by_block) {
    if (!block.empty() && !steps.first.empty() && !steps.second.empty() &&
        steps.first != steps.second) {
      blocks.push_back(block);
    }
  }
  rng.Shuffle(blocks);
  const int64_t code_limit =
      std::max(CodeLimit(ProgramOf(plan).get()), CodeLimit(ProgramOf(other).get()));
  if (blocks.size() > kCrossTries) blocks.resize(kCrossTries);
  for (const std::string& block : blocks) {
    // The other's steps stand where the first of the replaced ones stood.
    Plan crossed;
    bool placed = false;
    for (const Step& step : plan.steps) {
      if (BlockOf(step) != block) {
        crossed.steps.push_back(step);
      } else if (!placed) {
        placed = true;
        const std::vector<Step>& graft = by_block[block].second;
        crossed.steps.insert(crossed.steps.end(), graft.begin(), graft.end());
      }
    }
    std::optional<Candidate> candidate = TryNew(crossed, code_limit);
    if (!candidate) continue;
    return FreeMove{.candidate = *std::move(candidate),
                    .origin = "crossover",
                    .reason = "steps about " + block + " from another plan",
                    .keys = {"crossover"}};
  }
  return std::nullopt;
}

std::optional<FreeMove> MoveMaker::Sample(const Candidate& from, Rng& rng) {
  const auto& transformations = AllTransformations();
  Candidate at = from;
  const auto wanted = static_cast<size_t>(rng.Between(1, kChainSteps));
  size_t added = 0;
  for (int attempt = 0; attempt < kMoveTries && added < wanted && at.program != nullptr;
       ++attempt) {
    const Transformation* transformation = rng.Pick(transformations);
    const std::optional<Step> step = transformation->Sample(*at.program, compiler_->target(), rng);
    if (!step) continue;
    auto next = compiler_->Extend(at, {*step});
    if (!next.ok()) continue;
    at = std::move(next).value();
    ++added;
  }
  if (added == 0 || known_(at)) return std::nullopt;
  return FreeMove{.candidate = std::move(at),
                  .origin = "sample",
                  .reason = fmt::format("{} random legal steps", added),
                  .keys = {}};
}

void MoveMaker::Credit(const std::vector<std::string>& keys, double gain) {
  const double win = std::clamp(gain / kFullWin, 0.0, 1.0);
  for (const std::string& key : keys) {
    Record& record = records_[key];
    record.tries += 1;
    record.wins += win;
  }
}

void MoveMaker::Debit(const std::vector<std::string>& keys) {
  // Did not apply, or was known: weaker evidence against the parameter than a measured loss.
  for (const std::string& key : keys) records_[key].tries += 0.25;
}

}  // namespace banyan

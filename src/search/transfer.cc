#include "search/transfer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr double kLeastShare = 2.0 / 3.0;  // of the steps
constexpr size_t kNeighbours = 8;          // of a step that are tried

bool IsPowerOfTwo(int64_t number) { return (number & (number - 1)) == 0; }

// The divisor of `extent` that is nearest by ratio; of two the larger one.
int64_t NearestDivisor(int64_t extent, int64_t wanted, bool power_of_two) {
  int64_t best = 1;
  double best_distance = std::abs(std::log(static_cast<double>(wanted)));
  for (int64_t divisor = 1; divisor * divisor <= extent; ++divisor) {
    if (extent % divisor != 0) continue;
    for (const int64_t candidate : {divisor, extent / divisor}) {
      if (power_of_two && !IsPowerOfTwo(candidate)) continue;
      const double distance =
          std::abs(std::log(static_cast<double>(candidate) / static_cast<double>(wanted)));
      if (distance < best_distance || (distance == best_distance && candidate > best)) {
        best = candidate;
        best_distance = distance;
      }
    }
  }
  return best;
}

int64_t Fitted(int64_t extent, int64_t wanted, bool power_of_two = false) {
  if (wanted < 1 || extent < 1 || extent % wanted == 0) return wanted;
  const int64_t divisor = NearestDivisor(extent, wanted, power_of_two);
  const bool near = divisor <= 2 * wanted && wanted <= 2 * divisor;
  return near || wanted > extent ? divisor : wanted;
}

int FindLoopOf(const ProgramView& program, const std::string& block, const std::string& loop) {
  const int relative = program.FindLoop(block + "." + loop);
  return relative >= 0 ? relative : program.FindLoop(loop);
}

// Inner parts first: they are what registers and vectors were chosen for.
void FitTile(const ProgramView& program, const std::set<std::string>& vectorized, Json* args) {
  const auto factors = args->find("factors");
  const auto block = args->find("block");
  if (factors == args->end() || !factors->is_object() || block == args->end()) return;
  for (auto& [loop, parts] : factors->items()) {
    const int index = FindLoopOf(program, block->get<std::string>(), loop);
    if (index < 0 || !parts.is_array()) continue;
    const LoopView& view = program.loops[static_cast<size_t>(index)];
    int64_t left = view.extent;
    for (size_t i = parts.size(); i-- > 0;) {
      if (!parts[i].is_number_integer()) break;
      const std::string name = view.name + "." + std::to_string(i + 1);
      const int64_t fitted = Fitted(left, parts[i].get<int64_t>(), vectorized.count(name) > 0);
      parts[i] = fitted;
      left = std::max<int64_t>(1, left / std::max<int64_t>(1, fitted));
    }
  }
}

// "d1/16" and "d1%16": the number is the size of a part of dimension 1.
void FitMap(Json* args, const ProgramView& program) {
  const auto map = args->find("map");
  if (map == args->end() || !map->is_array()) return;
  int buffer = -1;
  if (const auto name = args->find("buffer"); name != args->end() && name->is_string()) {
    buffer = program.FindBuffer(name->get<std::string>());
  } else if (const auto block = args->find("block"); block != args->end() && block->is_string()) {
    const int index = program.FindBlock(block->get<std::string>());
    if (index >= 0 && !program.blocks[static_cast<size_t>(index)].writes.empty()) {
      buffer = program.blocks[static_cast<size_t>(index)].writes.front().buffer;
    }
  }
  if (buffer < 0) return;
  const std::vector<int64_t>& shape = program.buffers[static_cast<size_t>(buffer)].shape;
  for (Json& term : *map) {
    if (!term.is_string()) continue;
    const std::string text = term.get<std::string>();
    const size_t mark = text.find_first_of("/%");
    size_t dim = 0;
    int64_t size = 0;
    if (mark == std::string::npos || text.empty() || text[0] != 'd') continue;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data() + 1, text.data() + mark, dim).ec != std::errc() ||
        dim >= shape.size()) {
      continue;
    }
    const auto read = std::from_chars(text.data() + mark + 1, end, size);
    if (read.ec != std::errc() || read.ptr != end) continue;  // a longer chain stays
    term = text.substr(0, mark + 1) + std::to_string(Fitted(shape[dim], size));
  }
}

// How far numbers of two steps are apart; infinity where more than numbers differ.
double Distance(const Json& a, const Json& b) {
  if (a == b) return 0;
  if (a.is_number() && b.is_number()) {
    const double x = std::abs(a.get<double>());
    const double y = std::abs(b.get<double>());
    return x > 0 && y > 0 ? std::abs(std::log(x / y)) : 1;
  }
  if (a.is_structured() && a.type() == b.type() && a.size() == b.size()) {
    double sum = 0;
    auto other = b.begin();
    for (const Json& item : a) sum += Distance(item, *other++);
    return sum;
  }
  return 4;  // another name or another form
}

// Legal neighbours of a step that does not fit, nearest first.
std::vector<Step> Alternatives(const Step& step, const ProgramView& program, const Target& target) {
  std::vector<Step> steps = NeighbourSteps(program, target, step);
  std::stable_sort(steps.begin(), steps.end(), [&step](const Step& a, const Step& b) {
    return Distance(step.args, a.args) < Distance(step.args, b.args);
  });
  if (steps.size() > kNeighbours) steps.resize(kNeighbours);
  return steps;
}

}  // namespace

Step FitSizes(const Step& step, const ProgramView& program, const std::set<std::string>& vectorized,
              bool maps) {
  Step fitted = step;
  if (step.op == "tile") FitTile(program, vectorized, &fitted.args);
  if (maps) FitMap(&fitted.args, program);
  auto canonical = CanonicalStep(fitted);
  if (!canonical.ok()) return step;
  return std::move(canonical).value();
}

std::optional<AdaptedPlan> Adapt(Compiler* compiler, const Plan& plan) {
  auto at = compiler->Root();
  if (!at.ok()) return std::nullopt;
  AdaptedPlan adapted{.candidate = *std::move(at)};
  std::set<std::string> vectorized;
  for (const Step& step : plan.steps) {
    const auto loop = step.args.find("loop");
    if (step.op == "vectorize" && loop != step.args.end() && loop->is_string()) {
      vectorized.insert(loop->get<std::string>());
    }
  }
  for (const Step& step : plan.steps) {
    const auto try_step = [&](const Step& attempt) {
      auto next = compiler->Extend(adapted.candidate, {attempt});
      if (!next.ok()) return false;
      adapted.candidate = *std::move(next);
      if (!(attempt == step)) ++adapted.changed;
      return true;
    };
    const auto program = adapted.candidate.program;
    if (program == nullptr) return std::nullopt;
    if (try_step(FitSizes(step, *program, vectorized, /*maps=*/false))) continue;
    if (try_step(FitSizes(step, *program, vectorized, /*maps=*/true)) || try_step(step)) continue;
    bool done = false;
    for (const Step& other : Alternatives(step, *program, compiler->target())) {
      done = try_step(other);
      if (done) break;
    }
    if (!done) ++adapted.left_out;
  }
  const auto size = static_cast<double>(plan.steps.size());
  const double kept = size - static_cast<double>(adapted.left_out);
  if (kept < kLeastShare * size || adapted.candidate.plan.steps.empty()) return std::nullopt;
  return adapted;
}

}  // namespace banyan

#include "tvm/stand_in.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "base/rng.h"
#include "schedule/program.h"
#include "tvm/element_eval.h"
#include "tvm/live_schedule.h"

namespace banyan {
namespace {

constexpr int64_t kElements = 1000;
constexpr int64_t kRows = 25;
constexpr double kRowBudgetS = 5;  // then the rest comes from rows that are begun

int64_t LargestDivisor(int64_t value, int64_t most) {
  for (int64_t divisor = std::min(value, most); divisor > 1; --divisor) {
    if (value % divisor == 0) return divisor;
  }
  return 1;
}

// The block's iter that alone indexes dimension `dim` of what it writes; -1: none.
int IterOfDimension(const BlockView& block, size_t dim) {
  const LinearForm& index = block.writes[0].indices[dim];
  int found = -1;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (!index.uses(i)) continue;
    if (found >= 0 || index.coefficients[i] != 1) return -1;
    found = static_cast<int>(i);
  }
  return index.affine ? found : -1;
}

// The name of the one loop that drives the iter; empty: several do.
std::string LoopOf(const ProgramView& program, const BlockView& block, int iter) {
  const LinearForm& binding = block.iters[iter].binding;
  std::string name;
  for (size_t l = 0; l < block.loops.size(); ++l) {
    if (!binding.uses(l)) continue;
    if (!name.empty()) return {};
    name = program.loops[block.loops[l]].name;
  }
  return name;
}

// Rows x vectors inside the reductions: order ..., i0, j0, reductions, i1, j1.
Status ScheduleBlock(LiveSchedule& schedule, const ProgramView& program, const BlockView& block,
                     const Target& target) {
  const Error plain = IllegalStep("left as it is");
  if (block.opaque || block.writes.size() != 1 || block.writes[0].indices.empty()) return plain;
  if (block.has_condition || block.has_predicate) return plain;
  const size_t dims = block.writes[0].indices.size();
  const int j = IterOfDimension(block, dims - 1);
  if (j < 0) return plain;
  const int lanes = target.lanes(program.buffers[block.writes[0].buffer].element_bits);
  const int64_t width = LargestDivisor(block.iters[j].extent, std::max(2 * lanes, 4));
  if (width < 4) return plain;
  const std::string j_loop = LoopOf(program, block, j);
  if (j_loop.empty()) return plain;
  const std::string j0 = j_loop + ".0";
  const std::string j1 = j_loop + ".1";
  BANYAN_RETURN_IF_ERROR(schedule.Split(j_loop, {0, width}, {j0, j1}));
  if (!block.is_reduction) return schedule.SetLoopKind(j1, LoopKind::kVectorized);

  std::vector<std::string> reductions;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind != IterKind::kReduction) continue;
    reductions.push_back(LoopOf(program, block, static_cast<int>(i)));
    if (reductions.back().empty()) return plain;
  }
  std::vector<std::string> order = {j0};
  order.insert(order.end(), reductions.begin(), reductions.end());
  const int i = dims >= 2 ? IterOfDimension(block, dims - 2) : -1;
  const std::string i_loop = i >= 0 ? LoopOf(program, block, i) : "";
  std::string i1;
  if (const int64_t rows = i_loop.empty() ? 1 : LargestDivisor(block.iters[i].extent, 4);
      rows > 1) {
    i1 = i_loop + ".1";
    BANYAN_RETURN_IF_ERROR(schedule.Split(i_loop, {0, rows}, {i_loop + ".0", i1}));
    order.insert(order.begin(), i_loop + ".0");
    order.push_back(i1);
  }
  order.push_back(j1);
  BANYAN_RETURN_IF_ERROR(schedule.Reorder(order));
  BANYAN_RETURN_IF_ERROR(schedule.SetLoopKind(j1, LoopKind::kVectorized));
  if (!i1.empty()) BANYAN_RETURN_IF_ERROR(schedule.SetLoopKind(i1, LoopKind::kUnrolled));
  if (!block.has_init) return Ok{};
  return schedule.DecomposeReduction(block.name, reductions.front(), block.name + "_init");
}

double MeanSize(const GuardedTensor& tensor) {
  double sum = 0;
  const int64_t elements = tensor.spec().elements();
  for (int64_t i = 0; i < elements; ++i) {
    const double size = std::abs(ReadElement(tensor.spec().dtype, tensor.data(), i));
    if (std::isfinite(size)) sum += size;
  }
  return sum / static_cast<double>(elements);
}

}  // namespace

Result<std::string> StandInModule(const Workload& workload, const Target& target) {
  BANYAN_ASSIGN_OR_RETURN(std::unique_ptr<LiveSchedule> schedule,
                          MakeLiveSchedule(workload.module_json, workload.entry));
  BANYAN_ASSIGN_OR_RETURN(const auto program, schedule->Program());
  for (const BlockView& block : program->blocks) {
    std::unique_ptr<LiveSchedule> attempt = schedule->Copy();
    if (ScheduleBlock(*attempt, *program, block, target).ok()) schedule = std::move(attempt);
  }
  return schedule->ModuleJson();
}

Status CanCheckStandIn(const Workload& workload) {
  // Only the program's form is looked at; any address stands for an input.
  static const char kPlace = 0;
  std::vector<const void*> inputs;
  for (const TensorSpec& spec : workload.parameters)
    inputs.push_back(spec.is_output ? nullptr : &kPlace);
  const auto evaluator = ElementEvaluator::Make(workload, inputs);
  if (!evaluator.ok()) return evaluator.error();
  return Ok{};
}

Status CheckStandIn(const Workload& workload, const std::vector<GuardedTensor>& tensors,
                    uint64_t seed) {
  std::vector<const void*> inputs;
  for (const GuardedTensor& tensor : tensors) {
    inputs.push_back(tensor.spec().is_output ? nullptr : tensor.data());
  }
  BANYAN_ASSIGN_OR_RETURN(const auto evaluator, ElementEvaluator::Make(workload, inputs));
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Rng rng(seed, "stand-in check");
  for (size_t p = 0; p < tensors.size(); ++p) {
    const TensorSpec& spec = tensors[p].spec();
    if (!spec.is_output) continue;
    const bool is_float = spec.dtype.find("float") != std::string::npos;
    const double tolerance = RelativeTolerance(spec.dtype, workload.reduction_length);
    const double mean = is_float ? MeanSize(tensors[p]) : 0;
    const int64_t row_length = spec.shape.empty() ? 1 : spec.shape.back();
    const int64_t rows = spec.elements() / row_length;
    const int64_t wanted = std::min(kElements, spec.elements());
    int64_t a_row = std::max((wanted + kRows - 1) / kRows, (wanted + rows - 1) / rows);
    const double output_start_s = seconds();
    for (int64_t checked = 0; checked < wanted;) {
      // All elements where they are few, else random rows and random places within.
      const bool all = wanted == spec.elements();
      const int64_t row = all ? checked / row_length : static_cast<int64_t>(rng.Below(rows));
      int64_t count = std::min({all ? row_length : a_row, row_length, wanted - checked});
      const int64_t from = all ? 0 : static_cast<int64_t>(rng.Below(row_length));
      for (int64_t n = 0; n < count; ++n) {
        // A stride coprime to many lengths spreads them over the row.
        const int64_t column = all ? n : (from + n * 17) % row_length;
        const int64_t flat = row * row_length + column;
        const double expected = evaluator->Element(p, flat);
        const double got = ReadElement(spec.dtype, tensors[p].data(), flat);
        const bool right =
            is_float ? std::abs(got - expected) <= tolerance * (std::abs(expected) + mean) ||
                           (std::isnan(got) && std::isnan(expected)) || got == expected
                     : got == expected;
        if (!right) {
          return Internal("the stand-in for the reference is wrong: " + spec.name +
                          IndexText(spec, flat) + " = " + std::to_string(got) + " instead of " +
                          std::to_string(expected));
        }
        // A row that takes long: the rest from rows that are begun.
        if (n + 1 == count && seconds() - output_start_s > kRowBudgetS) {
          count = std::min(row_length, wanted - checked);
        }
      }
      checked += count;
      evaluator->Trim();
    }
  }
  return Ok{};
}

}  // namespace banyan

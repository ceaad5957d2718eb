// What a prompt says of the machine, the workload and the run so far.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/format.h"
#include "base/strings.h"
#include "model/prompt_parts.h"

namespace banyan {
namespace {

constexpr size_t kLineBytes = 300;
constexpr size_t kFewFailures = 3;
constexpr size_t kFewBest = 1;

// "1.23 ms, 45.6x the unscheduled program, 78.9 GFLOP/s, 68.2 % of peak"
std::string Speed(const ModelRequest& request, double latency_ms) {
  if (!std::isfinite(latency_ms)) return "not measured";
  std::string text = FormatMs(latency_ms);
  if (std::isfinite(request.default_latency_ms) && request.default_latency_ms > 0) {
    text += fmt::format(", {} the unscheduled program",
                        FormatRatio(request.default_latency_ms / latency_ms));
  }
  const double gflops = GflopsOf(request.workload->flops, latency_ms);
  if (std::isfinite(gflops)) text += ", " + FormatGflops(gflops);
  const double peak = request.peak_gflops * request.target->cores;
  if (std::isfinite(gflops) && peak > 0) {
    text += fmt::format(", {} of peak", FormatPercent(gflops / peak));
  }
  return text;
}

std::string Outcome(const ModelRequest& request, const MeasuredPlan& plan) {
  return plan.failure.empty() ? Speed(request, plan.latency_ms)
                              : "failed: " + PromptLine(plan.failure);
}

}  // namespace

std::string PromptLine(std::string_view text) { return OneLine(text, kLineBytes); }

std::string Fence(std::string_view language, std::string_view text) {
  std::string body(text);
  if (!body.empty() && body.back() != '\n') body += '\n';
  return fmt::format("```{}\n{}```\n", language, body);
}

std::string NumberedPlan(const Plan& plan) {
  std::string text;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    text += fmt::format("{}. {}\n", i + 1, PrintStep(plan.steps[i]));
  }
  return text;
}

std::string Score(double score) {
  return std::isfinite(score) ? fmt::format("{:.4f}", score) : "unknown";
}

std::string MachineSection(const ModelRequest& request) {
  const Target& target = *request.target;
  std::string text = fmt::format("{}{}, {} core{} used\n", PromptLine(target.cpu_model),
                                 target.cpu.empty() ? "" : " (" + PromptLine(target.cpu) + ")",
                                 target.cores, target.cores == 1 ? "" : "s");
  text += fmt::format(
      "- vectors of {} bits: {} float32; {} vector registers; {} fused multiply-adds start in a "
      "cycle\n",
      target.vector_bits, target.lanes(32), target.vector_registers, target.fma_units);
  text += fmt::format("- a core's caches: L1 {} ({} ways), L2 {}{}; lines of {} bytes\n",
                      FormatBytes(target.l1_bytes), target.l1_ways, FormatBytes(target.l2_bytes),
                      target.l3_bytes > 0 ? ", L3 " + FormatBytes(target.l3_bytes) : "",
                      target.line_bytes);
  if (request.peak_gflops > 0) {
    text +=
        fmt::format("- measured float32 peak of a core: {}\n", FormatGflops(request.peak_gflops));
  }
  return text;
}

std::string WorkloadSection(const ModelRequest& request) {
  const Workload& workload = *request.workload;
  std::string text = PromptLine(workload.id) + "\n";
  double bytes = 0;
  for (const TensorSpec& tensor : workload.parameters) {
    bytes += static_cast<double>(tensor.bytes());
    text += fmt::format("- {} {}[{}] {} ({})\n", tensor.is_output ? "output" : "input", tensor.name,
                        fmt::join(tensor.shape, ", "), tensor.dtype, FormatBytes(tensor.bytes()));
  }
  text += "- row-major: the last index is contiguous\n";
  text += fmt::format("- {:.4g} MFLOP", workload.flops / 1e6);
  if (bytes > 0) {
    text += fmt::format(", {:.3g} FLOP per byte of its tensors", workload.flops / bytes);
  }
  if (request.peak_gflops > 0) {
    const double ms = workload.flops / (request.peak_gflops * request.target->cores) / 1e6;
    text += fmt::format("; at peak it would take {}", FormatMs(ms));
  }
  return text + "\n";
}

std::string PlanSection(const ModelRequest& request) {
  const Plan& plan = request.leaf.plan;
  if (plan.steps.empty()) {
    return "Empty: the program above is the unscheduled one. keep_steps is 0.\n";
  }
  return fmt::format("The program above is the unscheduled one after these {} step{}:\n",
                     plan.steps.size(), plan.steps.size() == 1 ? "" : "s") +
         NumberedPlan(plan);
}

std::string MeasuredSection(const ModelRequest& request, bool further_best) {
  std::string text;
  text += "Unscheduled program: " +
          (std::isfinite(request.default_latency_ms) ? FormatMs(request.default_latency_ms)
                                                     : std::string("not measured")) +
          "\n";
  for (const MeasuredPlan& step : request.path) {
    if (step.plan.steps.empty()) continue;  // the unscheduled program
    text += fmt::format("An ancestor of {} steps: {}\n", step.plan.steps.size(),
                        Outcome(request, step));
  }
  if (!request.leaf.plan.steps.empty()) {
    text += "The plan so far: " + Speed(request, request.leaf_latency_ms) + "\n";
  }
  const size_t shown = further_best ? request.best.size() : std::min(request.best.size(), kFewBest);
  for (size_t i = 0; i < shown; ++i) {
    const MeasuredPlan& plan = request.best[i];
    text += fmt::format("\nBest plan of this run, number {}: {}\n", i + 1, Outcome(request, plan));
    text += plan.plan == request.leaf.plan ? "(it is the plan so far)\n" : NumberedPlan(plan.plan);
  }
  if (shown < request.best.size()) {
    text +=
        fmt::format("(left out for length: {} further good plans)\n", request.best.size() - shown);
  }
  return text;
}

std::string FailuresSection(const ModelRequest& request, bool all) {
  std::string text;
  const size_t shown =
      all ? request.failures.size() : std::min(request.failures.size(), kFewFailures);
  for (size_t i = 0; i < shown; ++i) text += "- " + PromptLine(request.failures[i]) + "\n";
  if (shown < request.failures.size()) {
    text +=
        fmt::format("(left out for length: {} older failures)\n", request.failures.size() - shown);
  }
  return text;
}

std::string ExamplesSection(const ModelRequest& request) {
  std::string text;
  for (const ExamplePlan& example : request.examples) {
    text += fmt::format("{}, {} its unscheduled program:\n", PromptLine(example.workload),
                        FormatRatio(example.speedup));
    text += Fence("", PrintPlan(example.plan));
  }
  return text;
}

std::string ReviewSection(const ModelRequest& request, bool texts) {
  if (!request.review) return {};
  const Review& review = *request.review;
  std::string text = fmt::format(
      "{} proposed the step below for this program, and the result is {} "
      "(score {} before, {} after; higher is better). Do the step again, better{}.\n",
      PromptLine(review.model), review.measured ? "slower, as measured" : "predicted to be worse",
      Score(review.parent.score), Score(review.child.score),
      review.measured ? "" : ": your first proposal replaces it");
  if (review.taken_back > 0) {
    text +=
        fmt::format("It stands in place of the last {} of the plan's steps.\n", review.taken_back);
  }
  if (!review.steps.empty()) text += Fence("", PrintPlan(Plan{review.steps}));
  if (!review.mutators.empty()) text += "Its mutators: " + Join(review.mutators, ", ") + "\n";
  if (review.child.script.empty()) return text;
  if (!texts) return text + "(left out for length: the program after that step)\n";
  return text + "The program after that step:\n" + Fence("python", review.child.script);
}

std::string ModelsSection(const ModelRequest& request) {
  if (request.pool.empty()) return {};
  std::string text;
  for (const ModelStanding& model : request.pool) {
    const ModelInfo& info = model.info;
    text += fmt::format("- {}{}: {}", PromptLine(info.name),
                        info.name == request.model ? " (you)" : "", ModelRoleName(info.role));
    if (info.parameters_b > 0) text += fmt::format(", {:.4g} B parameters", info.parameters_b);
    if (info.price.in > 0 || info.price.out > 0) {
      text += fmt::format(", ${:.4g} in and ${:.4g} out per million tokens", info.price.in,
                          info.price.out);
    }
    text += fmt::format("; {} call{}", model.calls, model.calls == 1 ? "" : "s");
    if (model.calls > 0) {
      text += fmt::format(", hit rate {}",
                          FormatPercent(static_cast<double>(model.hits) /
                                        static_cast<double>(std::max<int64_t>(1, model.calls))));
      if (request.action_space == ActionSpace::kPlan) {
        text += fmt::format(", mean gain {:+.1f} %", 100 * (std::exp(model.mean_gain) - 1));
      }
    }
    if (model.alterations > 0) text += fmt::format(", {} redone steps", model.alterations);
    if (model.errors > 0) {
      text += fmt::format(", {} unusable repl{}", model.errors, model.errors == 1 ? "y" : "ies");
    }
    text += "\n";
  }
  if (!request.ask_history.empty()) {
    text += "Behind the last steps of this path, nearest first: " +
            PromptLine(Join(request.ask_history, ", ")) + "\n";
  }
  return text;
}

std::string BudgetSection(const ModelRequest& request) {
  std::vector<std::string> parts;
  const BudgetLeft& left = request.left;
  constexpr auto kAll = std::numeric_limits<int64_t>::max();
  const int64_t trials = std::max(left.trials, request.trials_left);
  const int64_t calls = std::max(left.calls, request.calls_left);
  if (trials < kAll) parts.push_back(fmt::format("{} trials (programs built and timed)", trials));
  if (calls < kAll) parts.push_back(fmt::format("{} calls to models", calls));
  auto add = [&](double amount, const char* what) {
    if (std::isfinite(amount) && amount > 0)
      parts.push_back(fmt::format("{:.6g} {}", amount, what));
  };
  add(left.strong_calls, "calls to strong models");
  add(left.tokens, "tokens");
  if (std::isfinite(left.cost_usd) && left.cost_usd > 0) parts.push_back(FormatUsd(left.cost_usd));
  // Seconds left depend on the machine's clock: to whole minutes, so that prompts stay comparable.
  if (std::isfinite(left.seconds) && left.seconds > 0) {
    parts.push_back(fmt::format("about {:.0f} minutes", std::ceil(left.seconds / 60)));
  }
  return parts.empty() ? std::string() : Join(parts, ", ") + "\n";
}

}  // namespace banyan

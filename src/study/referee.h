#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/types.h"
#include "study/sign_flip.h"

namespace banyan {

// Says what a comparison of two arms shows: docs/study.md, "The referee". Pure functions.

struct RefereeOptions {
  double alpha = 0.05;                  // of all comparisons of a study together, (0, 1)
  int min_pairs = 6;                    // below: "too few pairs to tell"
  double noninferiority_margin = 0.02;  // latency may be this much worse and count as "not worse"
  int bootstrap_workloads = 8;          // from here on workloads are resampled as well
  int bootstrap_samples = 10'000;
  uint64_t seed = 0;  // of resampling
};

// One matched pair: same workload, seed, budget, target and harness.
struct PairedRatio {
  std::string workload;
  double log_ratio = 0;  // ln(baseline latency / arm latency): above 0 the arm is faster
};

enum class Verdict { kTooFewPairs, kFaster, kSlower, kNoDifferenceShown };
const char* VerdictName(Verdict verdict);  // "faster", "no difference shown", ...

struct WorkloadGeomean {
  std::string workload;
  int pairs = 0;
  double speedup = 1;
};

struct Judgement {
  int pairs = 0;
  int wins = 0;  // pairs in which the arm is faster
  int losses = 0;
  double speedup = 1;   // geomean of baseline / arm over all pairs
  Interval speedup_ci;  // inverts the test; infinite ends where nothing can be refused
  PValue p;             // two-sided, of no difference
  double p_holm = 1;    // adjusted for all comparisons of the study
  PValue not_worse_p;   // one-sided, of being worse by the margin or more
  double not_worse_p_holm = 1;
  bool not_worse = false;                  // shown, at alpha / 2
  std::vector<WorkloadGeomean> workloads;  // in the order of their first pair
  // The same without the pair that lies farthest from the median of all.
  std::optional<size_t> extreme_pair;  // its index
  double speedup_without_extreme = 1;
  double p_without_extreme = 1;
  std::optional<Interval> workload_ci;  // bootstrap over workloads
  Verdict verdict = Verdict::kTooFewPairs;
};

// All comparisons of one study, since their p-values are adjusted for one another. In order.
std::vector<Judgement> Judge(const std::vector<std::vector<PairedRatio>>& comparisons,
                             const RefereeOptions& options = {});

// "p = 0.012", "p < 0.001".
std::string PText(double p);

// What a comparison is about, for the claim.
struct ClaimNames {
  std::string arm;
  std::string baseline;
  std::string budget;  // "32 trials, 4 calls"
};

// The verdict in a sentence or two: what may be claimed from the numbers, and for what only.
std::string ClaimText(const Judgement& judgement, const ClaimNames& names,
                      const RefereeOptions& options = {});

// Of something spent (strong calls, money), summed over the pairs.
struct Saving {
  double baseline = 0;
  double arm = 0;
  // 100 (1 - arm / baseline); NaN if the baseline spent nothing.
  double reduction_percent() const;
  // Less spent and latency shown not to be worse: only then it is a saving.
  bool Supported(const Judgement& judgement) const;
};
// `what`: "strong calls" (fewer) or "money" (less).
std::string SavingText(const Saving& saving, const std::string& what, const Judgement& judgement,
                       const RefereeOptions& options = {}, const std::string& fewer = "fewer");

}  // namespace banyan

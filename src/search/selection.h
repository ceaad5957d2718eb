#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "search/run_config.h"
#include "search/tree.h"

namespace banyan {

// Raw log-speedups to [0, 1], only at selection. Min-max over the measured nodes, where the low end
// is their `value_floor` quantile: most of the distance between the unscheduled program and a good
// one says nothing about which of two good ones is better.
class ValueRange {
 public:
  // `log_speedups` need not be sorted; empty: everything is worth 1.
  static ValueRange Of(std::vector<double> log_speedups, double floor_quantile);

  double Normalise(double log_speedup) const;

 private:
  double low_ = 0;
  double high_ = 0;
};

// One thing that selection may do at a node: go to a child, or make a new one (`edge` -1).
struct Arm {
  int edge = -1;
  double value = 0;  // Q in [0, 1]
  double prior = 0;  // P, a share
  int64_t visits = 0;
  int64_t in_flight = 0;
};

// Q of what lies below an edge, in [0, 1]: the best there, mixed with the mean (failures as 0) by
// `mean_share`. For a child with nothing known: `unknown`.
double BackedUpValue(const Value& value, const ValueRange& range, double mean_share,
                     double unknown);

// PUCT (Rosin 2011; Silver et al. 2017) with virtual loss: v outcomes on their way count as visits
// in the exploration term, and as `virtual_loss` visits of value 0 each in Q:
//   (n Q) / (n + w v) + c P sqrt(N) / (1 + n + v), and Q itself where n = 0.
// w = 1 is the loss of Chaslot et al. (2008); w = 0 only watches what is on its way (Liu et al.
// 2020).
double PuctScore(const Arm& arm, int64_t parent_visits, double c, double virtual_loss);

// Progressive widening (Coulom 2007): a node of N visits may have max(1, floor(k N^a)) tried
// children.
int64_t WideningLimit(int64_t visits, double k, double a);

}  // namespace banyan

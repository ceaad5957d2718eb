#pragma once

namespace banyan {

// What one core can do, measured now. Independent of TVM and of any workload. Each takes about 20
// ms; the caller pins the thread. Not concurrent with other work on the core.

// Best multiply-add rate from registers, float32, GFLOP/s: independent chains of the widest vector
// multiply-add that the CPU has.
double MeasurePeakGflops();

// Time of a fixed piece of work (multiply-adds over 256 KiB of data, so that clock rate and cache
// both count), in ms: the median of a few runs. Compare with an earlier value to see drift.
double MeasureDriftKernelMs();

}  // namespace banyan

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "schedule/live_schedule.h"
#include "schedule/workload.h"

namespace banyan {

inline constexpr char kMatmul[] = "matmul:M=32,N=48,K=64";
inline constexpr char kMlp[] = "mlp:T=16,H=16,I=32";

// A built-in workload with a live schedule of it, for tests. Failures are test failures.
class Scheduled {
 public:
  explicit Scheduled(const std::string& workload_spec);

  LiveSchedule* operator->() { return schedule_.get(); }
  LiveSchedule& operator*() { return *schedule_; }
  const Workload& workload() const { return workload_; }

  std::shared_ptr<const ProgramView> View();
  const BlockView& Block(const std::string& name);  // valid until the next change
  // "C.i C.j C.k": the names of the loops around a block; with extents "C.i:32 ...".
  std::string Loops(const std::string& block);
  std::string Extents(const std::string& block);
  std::string Blocks();  // in program order

  // The scheduled program gives what the unscheduled one gives.
  void ExpectSameResult();

 private:
  Workload workload_;
  std::unique_ptr<LiveSchedule> schedule_;
  std::shared_ptr<const ProgramView> view_;
};

// The one-line reason of a failure, which is kIllegalStep; a test failure if `status` is fine.
std::string Reason(const Status& status);

}  // namespace banyan

#define EXPECT_OK(expr)                                                          \
  do {                                                                           \
    const auto& banyan_ok_ = (expr);                                             \
    EXPECT_TRUE(banyan_ok_.ok()) << #expr << ": " << banyan_ok_.error().message; \
  } while (false)

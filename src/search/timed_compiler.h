#pragma once

#include <ctime>
#include <utility>

#include "schedule/compiler.h"

namespace banyan {

// CPU seconds of the calling thread.
inline double ThreadCpuS() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Forwards to a borrowed compiler and adds up the CPU time spent there, so that the search's own
// time can be told from the compiler's. As thread-safe as the compiler: not at all.
class TimedCompiler final : public Compiler {
 private:
  template <typename F>
  auto Timed(F call) {
    const double start_s = ThreadCpuS();
    auto result = call();
    spent_s_ += ThreadCpuS() - start_s;
    return result;
  }

 public:
  explicit TimedCompiler(Compiler* compiler) : compiler_(compiler) {}

  double spent_s() const { return spent_s_; }

  const Workload& workload() const override { return compiler_->workload(); }
  const Target& target() const override { return compiler_->target(); }
  CompilerCounters counters() const override { return compiler_->counters(); }
  Result<Candidate> Root() override {
    return Timed([&] { return compiler_->Root(); });
  }
  Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) override {
    return Timed([&] { return compiler_->Extend(parent, steps); });
  }
  Result<Candidate> Apply(const Plan& plan) override {
    return Timed([&] { return compiler_->Apply(plan); });
  }
  Result<std::string> ModuleJson(const Candidate& candidate) override {
    return Timed([&] { return compiler_->ModuleJson(candidate); });
  }
  Result<std::string> Script(const Candidate& candidate) override {
    return Timed([&] { return compiler_->Script(candidate); });
  }
  Result<std::string> TracePython(const Candidate& candidate) override {
    return Timed([&] { return compiler_->TracePython(candidate); });
  }
  Result<Json> TraceJson(const Candidate& candidate) override {
    return Timed([&] { return compiler_->TraceJson(candidate); });
  }
  Result<std::vector<std::vector<float>>> Features(const Candidate& candidate) override {
    return Timed([&] { return compiler_->Features(candidate); });
  }

 private:
  Compiler* compiler_;
  double spent_s_ = 0;
};

}  // namespace banyan

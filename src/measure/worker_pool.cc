#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/subprocess.h"
#include "measure/measurer.h"
#include "measure/pool_engine.h"

namespace banyan {
namespace {

// The Measurer over a PoolEngine that has a thread of its own, so that builds follow runs and
// limits are watched while the caller is busy. All the engine's work is done in that thread, as
// closures; what the two threads share is guarded by one mutex.
class WorkerPool final : public Measurer {
 public:
  WorkerPool(std::vector<std::string> command, MeasureOptions options)
      : options_(options), capacity_(ProcessCpus().size() == 1 ? 2 : options.workers + 1) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
      wake_read_ = ends[0];
      wake_write_ = ends[1];
    }
    thread_ =
        std::thread([this, command = std::move(command)]() mutable { Run(std::move(command)); });
  }

  ~WorkerPool() override {
    Post([this](PoolEngine&) { stopping_ = true; });
    thread_.join();
    if (wake_read_ >= 0) close(wake_read_);
    if (wake_write_ >= 0) close(wake_write_);
  }

  Result<ReferenceOutcome> Prepare(const Workload& workload, const Target& target,
                                   uint64_t input_seed) override {
    const auto split = SplitCpus(ProcessCpus(), options_.run_cpu, target.cores);
    // The caller's own work may not disturb runs.
    if (split.ok()) static_cast<void>(PinThread(0, split->build));
    auto outcome = Ask<Result<ReferenceOutcome>>(
        [&](PoolEngine& engine) { return engine.Prepare(workload, target, input_seed); });
    capacity_ = Ask<int>([](PoolEngine& engine) { return engine.workers(); }) + 1;
    return outcome;
  }

  void Submit(TrialRequest request) override {
    ++in_flight_;
    Post([request = std::move(request)](PoolEngine& engine) mutable {
      engine.Submit(std::move(request));
    });
  }

  int Capacity() const override { return capacity_; }
  int InFlight() const override { return in_flight_; }

  std::optional<TrialOutcome> Wait(double timeout_s) override {
    std::unique_lock lock(mutex_);
    // More than a year is for ever, and would overflow the clock.
    const std::chrono::duration<double> timeout(std::clamp(timeout_s, 0.0, 3e7));
    const auto finished = [this] { return !done_.empty(); };
    if (timeout_s > 0) changed_.wait_for(lock, timeout, finished);
    if (done_.empty()) return std::nullopt;
    TrialOutcome outcome = std::move(done_.front());
    done_.pop_front();
    --in_flight_;
    return outcome;
  }

  void SetStopAbove(double latency_ms) override {
    Post([latency_ms](PoolEngine& engine) { engine.SetStopAbove(latency_ms); });
  }

  void CancelAll() override {
    // Waits, so that every trial's end can be had from Wait(0) at once.
    Ask<bool>([](PoolEngine& engine) {
      engine.CancelAll();
      return true;
    });
  }

  Result<std::vector<FinalOutcome>> Finals(const std::vector<TrialRequest>& finalists) override {
    return Ask<Result<std::vector<FinalOutcome>>>(
        [&](PoolEngine& engine) { return engine.Finals(finalists); });
  }

  Result<double> PeakGflops() override {
    return Ask<Result<double>>([](PoolEngine& engine) { return engine.PeakGflops(); });
  }

  double build_s() const override { return Locked(&WorkerPool::build_s_); }
  double run_s() const override { return Locked(&WorkerPool::run_s_); }
  double drift() const override { return Locked(&WorkerPool::drift_); }

 private:
  using Command = std::function<void(PoolEngine&)>;

  void Post(Command command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    const char byte = 0;
    // A full pipe wakes as well.
    const ssize_t ignored = write(wake_write_, &byte, 1);
    static_cast<void>(ignored);
  }

  // Has the engine's thread compute something and waits for it.
  template <typename T, typename F>
  T Ask(F compute) {
    std::promise<T> promise;
    auto future = promise.get_future();
    Post([this, &promise, &compute](PoolEngine& engine) {
      T answer = compute(engine);
      Publish(engine);
      promise.set_value(std::move(answer));
    });
    return future.get();
  }

  double Locked(double WorkerPool::*member) const {
    const std::lock_guard lock(mutex_);
    return this->*member;
  }

  // Makes the engine's news visible to the caller.
  void Publish(PoolEngine& engine) {
    auto done = engine.TakeDone();
    const std::lock_guard lock(mutex_);
    for (TrialOutcome& outcome : done) done_.push_back(std::move(outcome));
    build_s_ = engine.build_s();
    run_s_ = engine.run_s();
    drift_ = engine.drift();
    if (!done_.empty()) changed_.notify_all();
  }

  // The thread.
  void Run(std::vector<std::string> command) {
    // Signals are the caller's; a worker that dies while it is written to is no reason to die.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    PoolEngine engine(std::move(command), options_);
    while (!stopping_) {
      std::deque<Command> commands;
      {
        const std::lock_guard lock(mutex_);
        commands.swap(commands_);
      }
      for (const Command& posted : commands) posted(engine);
      if (stopping_) break;
      // Without a pipe to be woken by, looks often.
      engine.Step(wake_read_ >= 0 ? 60 : 0.01, wake_read_);
      char bytes[64];
      while (read(wake_read_, bytes, sizeof(bytes)) > 0) {
      }
      Publish(engine);
    }
  }

  const MeasureOptions options_;
  int wake_read_ = -1;
  int wake_write_ = -1;
  // The caller's alone.
  int capacity_;
  int in_flight_ = 0;
  // The thread's alone.
  bool stopping_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Command> commands_;  // these are guarded by mutex_
  std::deque<TrialOutcome> done_;
  double build_s_ = 0;
  double run_s_ = 0;
  double drift_ = std::numeric_limits<double>::quiet_NaN();

  std::thread thread_;
};

}  // namespace

Status Validate(const MeasureOptions& options) {
  const auto bad = [](const char* name, const char* range) {
    return InvalidArgument(fmt::format("measure option {} must be {}", name, range));
  };
  if (options.workers < 1 || options.workers > kMaxWorkers) return bad("workers", "in [1, 64]");
  if (!(options.build_timeout_s > 0)) return bad("build_timeout_s", "above 0");
  if (!(options.build_race_factor >= 0)) return bad("build_race_factor", "0 or above");
  if (!(options.build_race_grace_s >= 0)) return bad("build_race_grace_s", "0 or above");
  if (!(options.run_timeout_s > 0)) return bad("run_timeout_s", "above 0");
  if (!(options.reference_timeout_s > 0)) return bad("reference_timeout_s", "above 0");
  if (options.memory_limit_bytes < 1 << 20) return bad("memory_limit_bytes", "at least 1 MiB");
  if (options.output_limit_bytes < 1) return bad("output_limit_bytes", "above 0");
  for (const Timing& timing : {options.timing, options.final_timing}) {
    if (timing.number < 1 || timing.repeat < 1 || !(timing.min_repeat_ms >= 0)) {
      return bad("timing", "number >= 1, repeat >= 1, min_repeat_ms >= 0");
    }
  }
  return Ok{};
}

std::unique_ptr<Measurer> MakeWorkerPool(std::vector<std::string> worker_command,
                                         MeasureOptions options) {
  return std::make_unique<WorkerPool>(std::move(worker_command), options);
}

}  // namespace banyan

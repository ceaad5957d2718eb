#include "tvm/kernel_host.h"

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/extra/module.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "tvm/cpu_speed.h"
#include "tvm/ffi.h"
#include "tvm/kernel_buffers.h"
#include "tvm/pipeline.h"
#include "tvm/stand_in.h"

namespace banyan {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kStandInFlops = 5e9;   // above this the unscheduled program would take too long
constexpr double kRepeatBelowMs = 100;  // a slower default program is timed by its one run
// A first call of this length says of itself whether a candidate is hopeless: loading its code and
// touching its memory for the first time is small against it.
constexpr double kTellingMs = 100;
constexpr char kMagic[] = "banyan-reference-1\n";

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A kernel in memory. The module owns the code.
struct Kernel {
  ffi::Module module;
  ffi::Function function;
};

class TvmKernelHost : public KernelHost {
 public:
  Status SetWorkload(const Workload& workload, const Target& target, uint64_t input_seed) override;
  Result<ReferenceOutcome> MakeReference(const std::string& path, const Timing& timing) override;
  Status LoadReference(const std::string& path) override;
  Status Build(uint64_t handle, const std::string& module_json) override;
  Result<RunResult> Run(uint64_t handle, const Timing& timing, bool check) override;
  void Drop(uint64_t handle) override { kernels_.erase(handle); }
  Result<double> DriftKernelMs() override { return MeasureDriftKernelMs(); }
  Result<double> PeakGflops() override { return MeasurePeakGflops(); }

 private:
  Result<Kernel> CompileKernel(const std::string& module_json, const ffi::ObjectRef& target,
                               ErrorCode code);
  Result<Kernel> CompileUnoptimised(const std::string& module_json);
  Status Call(const Kernel& kernel);
  // One sample: the mean time of at least `number` calls that fill `min_repeat_ms`.
  Result<double> Sample(const Kernel& kernel, const Timing& timing, double enough_ms, bool first,
                        bool* hopeless);
  Status Time(const Kernel& kernel, const Timing& timing, double spent_ms,
              std::vector<double>* samples_ms, bool* stopped_early);
  // Empty: right. Fills the worst difference.
  std::string CheckOutputs(double* worst);
  std::string CheckUntouched();
  void RefillInputs();
  Status WriteReference(const std::string& path);
  std::string ReferenceHeader() const;

  std::optional<Workload> workload_;
  Target target_;
  uint64_t input_seed_ = 0;
  ffi::ObjectRef target_object_;
  std::vector<GuardedTensor> tensors_;  // parameters in calling order
  std::vector<uint64_t> input_hashes_;  // 0 for outputs
  std::vector<DLTensor> views_;
  std::vector<ffi::AnyView> arguments_;
  std::map<size_t, std::vector<unsigned char>> reference_;  // by parameter index
  std::map<uint64_t, Kernel> kernels_;
};

Status TvmKernelHost::SetWorkload(const Workload& workload, const Target& target,
                                  uint64_t input_seed) {
  BANYAN_RETURN_IF_ERROR(LoadTvm());
  kernels_.clear();
  reference_.clear();
  tensors_.clear();
  workload_.reset();
  target_ = target;
  input_seed_ = input_seed;
  // Read by TVM when a kernel first runs in parallel. The caller pins the process; TVM must not
  // re-pin.
  setenv("TVM_NUM_THREADS", std::to_string(target.cores).c_str(), 1);
  setenv("TVM_BIND_THREADS", "0", 1);
  for (size_t i = 0; i < workload.parameters.size(); ++i) {
    BANYAN_ASSIGN_OR_RETURN(GuardedTensor tensor,
                            GuardedTensor::Make(workload.parameters[i], static_cast<int>(5 * i)));
    tensors_.push_back(std::move(tensor));
  }
  RefillInputs();
  views_.assign(tensors_.size(), DLTensor{});
  arguments_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const TensorSpec& spec = tensors_[i].spec();
    views_[i].data = tensors_[i].data();
    views_[i].device = DLDevice{kDLCPU, 0};
    views_[i].ndim = static_cast<int32_t>(spec.shape.size());
    views_[i].dtype = ffi::StringToDLDataType(spec.dtype);
    views_[i].shape = const_cast<int64_t*>(spec.shape.data());
    arguments_.emplace_back(&views_[i]);
  }
  workload_ = workload;
  auto object = TryTvm([&] { return TargetObject(target); }, ErrorCode::kInvalidArgument);
  if (!object.ok()) return object.error();
  target_object_ = *object;
  return Ok{};
}

void TvmKernelHost::RefillInputs() {
  input_hashes_.assign(tensors_.size(), 0);
  for (size_t i = 0; i < tensors_.size(); ++i) {
    tensors_[i].WriteGuards();
    if (tensors_[i].spec().is_output) {
      tensors_[i].Poison();
    } else {
      tensors_[i].FillRandom(ChildSeed(input_seed_, "input", i));
      input_hashes_[i] = tensors_[i].ContentHash();
    }
  }
}

Result<Kernel> TvmKernelHost::CompileUnoptimised(const std::string& module_json) {
  Json json = Json::parse(target_.json, nullptr, false);
  if (!json.is_object()) return Internal("the target is no JSON object: " + target_.json);
  json["opt-level"] = 0;
  Target plain = target_;
  plain.json = json.dump();
  BANYAN_ASSIGN_OR_RETURN(const ffi::ObjectRef target,
                          TryTvm([&] { return TargetObject(plain); }, ErrorCode::kInternal));
  return CompileKernel(module_json, target, ErrorCode::kInvalidArgument);
}

Result<Kernel> TvmKernelHost::CompileKernel(const std::string& module_json,
                                            const ffi::ObjectRef& target, ErrorCode code) {
  return TryTvm(
      [&]() -> Result<Kernel> {
        Kernel kernel{Compile(ModuleFromJson(module_json), target), ffi::Function(nullptr)};
        const auto function = kernel.module->GetFunction(workload_->entry);
        if (!function.has_value()) {
          return Error{code, "the compiled program has no function '" + workload_->entry + "'", {}};
        }
        kernel.function = *function;
        return kernel;
      },
      code);
}

Status TvmKernelHost::Build(uint64_t handle, const std::string& module_json) {
  if (!workload_) return Internal("Build before SetWorkload");
  auto kernel = CompileKernel(module_json, target_object_, ErrorCode::kIllegalStep);
  if (!kernel.ok()) return kernel.error();
  kernels_.insert_or_assign(handle, std::move(*kernel));
  return Ok{};
}

Status TvmKernelHost::Call(const Kernel& kernel) {
  return TryTvm([&] {
    ffi::Any result;
    kernel.function.CallPacked(arguments_.data(), static_cast<int32_t>(arguments_.size()), &result);
  });
}

Result<double> TvmKernelHost::Sample(const Kernel& kernel, const Timing& timing, double enough_ms,
                                     bool first, bool* hopeless) {
  const int32_t count = static_cast<int32_t>(arguments_.size());
  return TryTvm([&] {
    int64_t calls = 0;
    int64_t batch = std::max(timing.number, 1);
    double elapsed_ms = 0;
    const auto start = Clock::now();
    while (calls < timing.number || elapsed_ms < timing.min_repeat_ms) {
      for (int64_t i = 0; i < batch; ++i) {
        ffi::Any result;
        kernel.function.CallPacked(arguments_.data(), count, &result);
        if (calls > 0) continue;
        elapsed_ms = MsSince(start);
        // The first call already tells of a candidate far behind: do not spend the whole sample on
        // it.
        *hopeless = first && i == 0 && elapsed_ms > 2 * timing.stop_above_ms;
        if (*hopeless || elapsed_ms > enough_ms) return elapsed_ms / static_cast<double>(i + 1);
      }
      calls += batch;
      elapsed_ms = MsSince(start);
      if (elapsed_ms > enough_ms) break;
      // Read the clock rarely for short kernels, without running far over the time asked for.
      const double each_ms = std::max(elapsed_ms / static_cast<double>(calls), 1e-6);
      const double left = (timing.min_repeat_ms - elapsed_ms) / each_ms;
      batch = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(left)), 1, calls * 4);
    }
    return elapsed_ms / static_cast<double>(calls);
  });
}

Status TvmKernelHost::Time(const Kernel& kernel, const Timing& timing, double spent_ms,
                           std::vector<double>* samples_ms, bool* stopped_early) {
  const auto start = Clock::now();
  for (int i = 0; i < std::max(timing.repeat, 1); ++i) {
    const double enough_ms =
        std::min(kEnoughSampleMs, timing.enough_ms - spent_ms) - MsSince(start);
    if (i > 0 && enough_ms < 0) return Ok{};
    bool hopeless = false;
    auto sample = Sample(kernel, timing, enough_ms, i == 0, &hopeless);
    if (!sample.ok()) return sample.error();
    samples_ms->push_back(*sample);
    if (i == 0 && (hopeless || *sample > timing.stop_above_ms)) {
      *stopped_early = true;
      return Ok{};
    }
  }
  return Ok{};
}

std::string TvmKernelHost::CheckUntouched() {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const std::string& name = tensors_[i].spec().name;
    if (!tensors_[i].GuardsIntact()) return "wrote outside of tensor " + name;
    if (!tensors_[i].spec().is_output && tensors_[i].ContentHash() != input_hashes_[i]) {
      return "changed input " + name;
    }
  }
  return {};
}

std::string TvmKernelHost::CheckOutputs(double* worst) {
  for (const auto& [index, expected] : reference_) {
    const TensorSpec& spec = tensors_[index].spec();
    const Comparison result =
        CompareTensor(spec, tensors_[index].data(), expected.data(),
                      RelativeTolerance(spec.dtype, workload_->reduction_length));
    *worst = std::max(*worst, result.worst);
    if (result.wrong > 0) {
      return std::to_string(result.wrong) + " of " + std::to_string(spec.elements()) +
             " elements of " + spec.name + " are wrong, first " + spec.name +
             IndexText(spec, result.first_wrong) + " = " + std::to_string(result.got) +
             " instead of " + std::to_string(result.expected);
    }
  }
  return {};
}

Result<RunResult> TvmKernelHost::Run(uint64_t handle, const Timing& timing, bool check) {
  const auto found = kernels_.find(handle);
  if (found == kernels_.end()) return Internal("Run of a kernel that was not built");
  if (check && reference_.empty())
    return Internal("Run with a check before the reference is there");
  const Kernel& kernel = found->second;
  RunResult result;
  const auto fail = [&](FailureKind kind, std::string text) {
    result.failure = kind;
    result.failure_text = std::move(text);
    result.samples_ms.clear();
    return result;
  };
  const auto verify = [&]() -> std::string {
    std::string wrong = CheckUntouched();
    if (!wrong.empty()) {
      RefillInputs();  // what it destroyed, the next kernel needs
      return wrong;
    }
    return CheckOutputs(&result.max_relative_error);
  };

  if (check) {
    for (GuardedTensor& tensor : tensors_) {
      if (tensor.spec().is_output) tensor.Poison();
    }
  }
  // The checked run also warms up.
  const auto start = Clock::now();
  if (const Status status = Call(kernel); !status.ok()) {
    return fail(FailureKind::kRunError, status.error().message);
  }
  const double checked_ms = MsSince(start);
  if (check) {
    if (std::string wrong = verify(); !wrong.empty()) {
      return fail(FailureKind::kWrongResult, std::move(wrong));
    }
    const bool hopeless = checked_ms > std::max(kTellingMs, 2 * timing.stop_above_ms);
    if (hopeless || checked_ms > timing.enough_ms) {
      result.samples_ms = {checked_ms};
      result.stopped_early = checked_ms > timing.stop_above_ms;
      return result;
    }
  }
  if (timing.repeat == 1 && checked_ms > kEnoughSampleMs) {
    result.samples_ms = {checked_ms};  // a whole sample already, as those of finals are
    return result;
  }
  if (const Status status =
          Time(kernel, timing, check ? checked_ms : 0, &result.samples_ms, &result.stopped_early);
      !status.ok()) {
    return fail(FailureKind::kRunError, status.error().message);
  }
  if (check) {
    // Again after many runs on their own outputs: a kernel that forgets to start afresh shows now.
    if (std::string wrong = verify(); !wrong.empty()) {
      return fail(FailureKind::kWrongResult, "after repeated runs: " + wrong);
    }
  }
  return result;
}

Result<ReferenceOutcome> TvmKernelHost::MakeReference(const std::string& path,
                                                      const Timing& timing) {
  if (!workload_) return Internal("MakeReference before SetWorkload");
  const auto start = Clock::now();
  ReferenceOutcome outcome;
  outcome.stand_in = workload_->flops > kStandInFlops;
  std::string module_json = workload_->module_json;
  if (outcome.stand_in) {
    // A program that cannot be checked element by element has to run as it is.
    outcome.stand_in = CanCheckStandIn(*workload_).ok();
    if (outcome.stand_in) {
      BANYAN_ASSIGN_OR_RETURN(module_json, StandInModule(*workload_, target_));
    }
  }
  auto kernel = CompileKernel(module_json, target_object_, ErrorCode::kInvalidArgument);
  // LLVM's vectoriser breaks some programs of odd small shapes, and its verifier then refuses them.
  // The result needs no speed; the time of such code would mean nothing and is not taken.
  const bool plain_code = !kernel.ok();
  if (plain_code) {
    auto unoptimised = CompileUnoptimised(module_json);
    if (unoptimised.ok()) kernel = std::move(unoptimised);
  }
  if (!kernel.ok()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the workload does not compile: " + kernel.error().message,
                 kernel.error().context};
  }
  RefillInputs();
  const auto first = Clock::now();
  if (const Status status = Call(*kernel); !status.ok()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the workload does not run: " + status.error().message, status.error().context};
  }
  const double first_ms = MsSince(first);
  if (std::string wrong = CheckUntouched(); !wrong.empty()) {
    RefillInputs();
    return InvalidArgument("the workload itself " + wrong + ": its result would mean nothing");
  }
  reference_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].spec().is_output) continue;
    const auto* bytes = static_cast<const unsigned char*>(tensors_[i].data());
    reference_[i].assign(bytes, bytes + tensors_[i].bytes());
  }
  if (outcome.stand_in) {
    BANYAN_RETURN_IF_ERROR(CheckStandIn(*workload_, tensors_, input_seed_));
  }
  if (outcome.stand_in || plain_code) {
    outcome.default_latency_ms = kNaN;
  } else {
    if (first_ms < kRepeatBelowMs) {
      Timing unstopped = timing;
      unstopped.stop_above_ms = std::numeric_limits<double>::infinity();
      bool stopped = false;
      BANYAN_RETURN_IF_ERROR(Time(*kernel, unstopped, 0, &outcome.samples_ms, &stopped));
    } else {
      outcome.samples_ms = {first_ms};
    }
    outcome.default_latency_ms = RankingLatencyMs(outcome.samples_ms);
  }
  BANYAN_RETURN_IF_ERROR(WriteReference(path));
  outcome.wall_s = MsSince(start) * 1e-3;
  return outcome;
}

// Tells a file of another workload or seed from ours.
std::string TvmKernelHost::ReferenceHeader() const {
  std::string header = kMagic + HashHex(workload_->hash) + " " + HashHex(input_seed_);
  for (const TensorSpec& spec : workload_->parameters) {
    if (spec.is_output)
      header += " " + spec.name + ":" + spec.dtype + ":" + std::to_string(spec.bytes());
  }
  return header + "\n";
}

Status TvmKernelHost::WriteReference(const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::string header = ReferenceHeader();
  file.write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const auto& [index, bytes] : reference_) {
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  file.close();
  if (!file) return EnvironmentError("cannot write the reference output to " + path);
  return Ok{};
}

Status TvmKernelHost::LoadReference(const std::string& path) {
  if (!workload_) return Internal("LoadReference before SetWorkload");
  std::ifstream file(path, std::ios::binary);
  if (!file) return EnvironmentError("cannot read the reference output from " + path);
  std::string header(ReferenceHeader().size(), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (!file || header != ReferenceHeader()) {
    return Error{
        ErrorCode::kCorrupt, path + " is no reference output of this workload and seed", {}};
  }
  reference_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].spec().is_output) continue;
    std::vector<unsigned char>& bytes = reference_[i];
    bytes.resize(tensors_[i].bytes());
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  if (!file) {
    reference_.clear();
    return Error{ErrorCode::kCorrupt, path + " is cut short", {}};
  }
  return Ok{};
}

}  // namespace

std::unique_ptr<KernelHost> MakeTvmKernelHost() { return std::make_unique<TvmKernelHost>(); }

}  // namespace banyan

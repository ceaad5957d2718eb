#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/commands.h"
#include "app/doctor.h"
#include "app/machine.h"
#include "app/output.h"
#include "app/wiring.h"
#include "base/cpu.h"
#include "base/format.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "store/store.h"
#include "tvm/cpu_info.h"
#include "tvm/cpu_speed.h"
#include "tvm/kernel_host.h"
#include "tvm/target.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

using Level = Finding::Level;

const char* LevelName(Level level) {
  switch (level) {
    case Level::kGood:
      return "ok";
    case Level::kAdvice:
      return "note";
    case Level::kProblem:
      return "FAIL";
  }
  return "FAIL";
}

// Compiles a small default program, as a builder does.
class SmallBuilder final : public Builder {
 public:
  SmallBuilder(KernelHost* host, std::string module_json)
      : host_(host), module_json_(std::move(module_json)) {}
  Status Build() override {
    const Status status = host_->Build(1, module_json_);
    host_->Drop(1);
    return status;
  }

 private:
  KernelHost* host_;
  std::string module_json_;
};

class Doctor {
 public:
  explicit Doctor(std::string store) : store_(std::move(store)) {}

  void Run() {
    CheckCpu();
    CheckPermissions();
    CheckDisk();
    CheckTvm();
    CheckSpeed();
    if (tvm_works_) CheckBesideBuild();
  }

  const std::vector<Finding>& findings() const { return findings_; }
  const Json& figures() const { return figures_; }
  bool healthy() const {
    for (const Finding& finding : findings_) {
      if (finding.level == Level::kProblem) return false;
    }
    return true;
  }

 private:
  void Add(std::string name, std::string text, Level level = Level::kGood,
           std::string advice = {}) {
    findings_.push_back({std::move(name), std::move(text), std::move(advice), level});
  }

  void CheckCpu() {
    const CpuInfo cpu = ReadCpuInfo();
    const auto bytes = [](int64_t size) {
      return size > 0 ? FormatBytes(size) : std::string("unknown");
    };
    Add("cpu", fmt::format("{}, caches L1 {}, L2 {}, L3 {} a core", cpu.model, bytes(cpu.l1_bytes),
                           bytes(cpu.l2_bytes), bytes(cpu.l3_bytes)));
    Add("machine", fmt::format("{}, {} of memory", OperatingSystem(), bytes(MemoryBytes())));
    figures_["memory_bytes"] = MemoryBytes();
    cpus_ = ProcessCpus();
    run_cpu_ = RunCpu({});
    figures_["cpu_model"] = cpu.model;
    figures_["allowed_cpus"] = cpus_;
    figures_["run_cpu"] = run_cpu_;
    const std::vector<int> siblings = SmtSiblings(run_cpu_);
    const std::string text =
        fmt::format("{} allowed; kernels run on cpu {}", cpus_.size(), run_cpu_);
    if (cpus_.size() < 2) {
      Add("cores", text, Level::kAdvice,
          "with one core builds and measurements take turns: allow a second one");
    } else if (!siblings.empty()) {
      Add("cores",
          text + fmt::format(", whose core it shares with cpu {}", fmt::join(siblings, ", ")),
          Level::kAdvice, "SMT siblings disturb each other: keep the sibling idle while tuning");
    } else {
      Add("cores", text);
    }
  }

  void CheckPermissions() {
    const bool pinned = PinThread(0, {run_cpu_}).ok();
    if (pinned) (void)PinThread(0, cpus_);
    const bool memory = ResidentBytes(getpid()) > 0;
    figures_["may_pin"] = pinned;
    figures_["may_watch_memory"] = memory;
    if (pinned && memory) return Add("permissions", "may pin threads and read /proc");
    Add("permissions",
        fmt::format("{}{}{}", pinned ? "" : "may not pin threads", pinned || memory ? "" : "; ",
                    memory ? "" : "may not read /proc"),
        Level::kProblem,
        pinned ? "mount /proc: without it a worker's memory cannot be limited"
               : "allow sched_setaffinity: without it latencies are noisy");
  }

  void CheckDisk() {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const std::string folder = fs::absolute(store_, ignored).parent_path().string();
    const auto free_bytes = [](const std::string& path) {
      struct statvfs disk {};
      return statvfs(path.c_str(), &disk) == 0
                 ? static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize)
                 : 0.0;
    };
    const std::string temporary = fs::temp_directory_path(ignored).string();
    const double here = free_bytes(folder);
    const double there = free_bytes(temporary);
    figures_["store_free_bytes"] = here;
    figures_["temporary_free_bytes"] = there;
    const std::string text =
        fmt::format("{} free for the store, {} in {}", FormatBytes(static_cast<int64_t>(here)),
                    FormatBytes(static_cast<int64_t>(there)), temporary);
    if (access(folder.c_str(), W_OK) != 0) {
      Add("disk", fmt::format("folder '{}' is not writable", folder), Level::kProblem,
          "pass a store in another folder with --store");
    } else if (here < 64e6 || there < 64e6) {
      Add("disk", text, Level::kAdvice, "free some space: a run needs some megabytes");
    } else {
      Add("disk", text);
    }
    if (!fs::exists(store_, ignored))
      return Add("store", store_ + " (will be made by `banyan tune`)");
    const auto store = Store::Open(store_, Store::Mode::kRead);
    if (!store.ok()) return Add("store", store.error().message, Level::kProblem);
    const auto runs = (*store)->ListRuns();
    if (!runs.ok()) return Add("store", runs.error().message, Level::kProblem);
    Add("store", fmt::format("{}: {} runs", store_, runs->size()));
  }

  void CheckTvm() {
    const auto target = DetectTarget(1);
    if (!target.ok()) {
      return Add("tvm", target.error().message, Level::kProblem, "run `make setup`");
    }
    target_ = *target;
    auto workload = MakeBuiltinWorkload({.name = "matmul", .parameters = {}});
    host_ = MakeTvmKernelHost();
    const Status status =
        workload.ok() ? host_->SetWorkload(*workload, target_, 0) : Status(workload.error());
    if (!status.ok())
      return Add("tvm", status.error().message, Level::kProblem, "run `make setup`");
    workload_ = *std::move(workload);
    tvm_works_ = true;
    figures_["target"] = target_.json;
    figures_["versions"] = ToolVersions();
    Add("tvm", fmt::format("target {}, {} vector registers of {} bits", target_.cpu,
                           target_.vector_registers, target_.vector_bits));
  }

  void CheckSpeed() {
    const auto peak = PeakGflopsOfRunCore({});
    const NoiseReport noise = MeasureNoise(run_cpu_, 15);
    figures_["peak_gflops"] = peak.ok() ? NumberOrNull(*peak) : Json(nullptr);
    figures_["timer_noise"] = noise.spread;
    if (peak.ok())
      Add("peak", fmt::format("{} of float32 multiply-adds on one core", FormatGflops(*peak)));
    const std::string text = fmt::format("a fixed {} kernel varies by {} over 15 runs",
                                         FormatMs(noise.kernel_ms), FormatPercent(noise.spread));
    if (noise.spread > 0.05) {
      Add("noise", text, Level::kAdvice,
          "something else uses this machine, or its clock changes: end other programs while "
          "tuning");
    } else {
      Add("noise", text);
    }
  }

  void CheckBesideBuild() {
    if (cpus_.size() < 2) {
      figures_["slow_down_beside_build"] = nullptr;
      return;
    }
    SmallBuilder builder(host_.get(), workload_.module_json);
    const int build_cpu = cpus_.front();
    const BesideBuild report = MeasureBesideBuild(run_cpu_, build_cpu, builder);
    figures_["slow_down_beside_build"] = NumberOrNull(report.slow_down);
    figures_["builds_beside"] = report.builds;
    const std::string text = fmt::format("a kernel slows by {} while cpu {} compiles",
                                         FormatPercent(std::max(0.0, report.slow_down)), build_cpu);
    if (report.slow_down > 0.03) {
      Add("beside", text, Level::kAdvice,
          "the cores share something (a hidden SMT sibling?): finals run with builders idle, as "
          "always; "
          "compare only final latencies");
    } else {
      Add("beside", text);
    }
  }

  const std::string store_;
  std::vector<Finding> findings_;
  Json figures_ = Json::object();
  std::vector<int> cpus_;
  int run_cpu_ = 0;
  Target target_;
  Workload workload_;
  std::unique_ptr<KernelHost> host_;
  bool tvm_works_ = false;
};

}  // namespace

Result<int> RunDoctor(const CommonOptions& common) {
  Doctor doctor(common.store);
  doctor.Run();
  if (common.json) {
    Json findings = Json::array();
    for (const Finding& finding : doctor.findings()) {
      findings.push_back(
          {{"name", finding.name},
           {"level", LevelName(finding.level)},
           {"text", finding.text},
           {"advice", finding.advice.empty() ? Json(nullptr) : Json(finding.advice)}});
    }
    Json object = {{"healthy", doctor.healthy()}};
    object.update(doctor.figures());
    object["findings"] = std::move(findings);
    PrintJson(object);
  } else {
    for (const Finding& finding : doctor.findings()) {
      fmt::print("{:<4}  {:<11}  {}\n", LevelName(finding.level), finding.name,
                 OneLine(finding.text, 2000));
      if (!finding.advice.empty()) fmt::print("{:19}-> {}\n", "", finding.advice);
    }
  }
  return doctor.healthy() ? 0 : 1;
}

}  // namespace banyan

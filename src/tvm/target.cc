#include "tvm/target.h"

#include <tvm/ffi/container/map.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "tvm/cpu_info.h"
#include "tvm/ffi.h"

namespace banyan {
namespace {

std::string Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

Error BadTarget(const std::string& text, const std::string& reason) {
  std::string shown = text.size() > 60 ? text.substr(0, 57) + "..." : text;
  return InvalidArgument("target '" + shown + "': " + reason);
}

// TVM's own reason, without the repetition of the text at its end.
Error RejectedByTvm(const std::string& text, Error reason) {
  const size_t tail = reason.message.find(". Target creation from");
  if (tail != std::string::npos) reason.message.resize(tail);
  Error out = BadTarget(text, reason.message);
  out.context = std::move(reason.context);
  return out;
}

// The command-line form of older TVM ("llvm -mcpu=x -mattr=+a,+b --num-cores=4"), which TVM 0.27
// refuses, as the JSON that it takes.
Result<Json> ParseCommandLineForm(const std::string& text) {
  std::istringstream words(text);
  std::string word;
  words >> word;
  Json target = {{"kind", word}};
  while (words >> word) {
    const size_t name = word.find_first_not_of('-');
    const size_t equals = word.find('=');
    if (name == 0 || name > 2 || name == std::string::npos || equals == std::string::npos) {
      return BadTarget(text, "expected -option=value, not '" + word + "'");
    }
    const std::string key = word.substr(name, equals - name);
    const std::string value = word.substr(equals + 1);
    if (key == "mattr" || key == "keys" || key == "libs") {
      Json list = Json::array();
      std::istringstream items(value);
      for (std::string item; std::getline(items, item, ',');) list.push_back(item);
      target[key] = std::move(list);
    } else if (!value.empty() && value.find_first_not_of("0123456789") == std::string::npos &&
               value.size() < 10) {
      target[key] = std::stoi(value);
    } else {
      target[key] = value;
    }
  }
  return target;
}

std::string FirstPart(const std::string& triple) { return triple.substr(0, triple.find('-')); }

void FillRegisters(const std::vector<std::string>& features, const CpuInfo& cpu, Target& target) {
  const auto has = [&](const char* feature) {
    return std::find(features.begin(), features.end(), feature) != features.end();
  };
  target.vector_bits = 128;
  target.vector_registers = has("neon") || has("sve") ? 32 : 16;
  target.fma_units = 2;
  if (has("avx512f")) {
    target.vector_bits = 512;
    target.vector_registers = 32;
    // Client cores fuse two 256-bit units into one; a virtual machine may name a server core after
    // such a client core, and AMX gives that away. Zen 4 splits a 512-bit operation in two.
    static const std::vector<std::string> kOneUnit = {"rocketlake", "tigerlake", "icelake-client",
                                                      "cannonlake", "znver4"};
    if (!cpu.has_amx && std::find(kOneUnit.begin(), kOneUnit.end(), target.cpu) != kOneUnit.end()) {
      target.fma_units = 1;
    }
  } else if (has("avx")) {
    target.vector_bits = 256;
  }
}

Result<Target> MakeTarget(const std::string& shown, Json config, int cores) {
  if (!config.contains("kind") && !config.contains("tag")) {
    return BadTarget(shown, "the JSON names no \"kind\" (for a CPU: \"llvm\")");
  }
  if (config.value("kind", std::string("llvm")) != "llvm") {
    return BadTarget(shown,
                     "kind '" + config.value("kind", std::string()) +
                         "' is not offered: kernels are built with \"llvm\" and run on the CPU");
  }
  if (cores > 0) config["num-cores"] = cores;
  if (!config.contains("num-cores")) config["num-cores"] = 1;
  if (!config["num-cores"].is_number_integer() || config["num-cores"].get<int64_t>() < 1 ||
      config["num-cores"].get<int64_t>() > 1024) {
    return BadTarget(shown, "num-cores must be an integer in [1, 1024]");
  }
  return TryTvm(
      [&]() -> Result<Target> {
        const std::string system = CallTvm<std::string>("target.llvm_get_system_triple");
        std::string triple = system;
        if (config.contains("mtriple") && config["mtriple"].is_string()) triple = config["mtriple"];
        if (FirstPart(triple) != FirstPart(system)) {
          return BadTarget(shown, "kernels for " + FirstPart(triple) +
                                      " do not run on this machine (" + FirstPart(system) + ")");
        }
        Target target;
        if (config.contains("mcpu") && config["mcpu"].is_string()) target.cpu = config["mcpu"];
        // TVM would only warn and compile for a generic CPU.
        if (!target.cpu.empty() && !CallTvm<bool>("target.llvm_is_valid_cpu", target.cpu, triple)) {
          return BadTarget(shown, "LLVM knows no CPU '" + target.cpu + "' (mcpu) for " + triple);
        }
        ffi::ObjectRef object;
        try {
          object = CallTvm<ffi::ObjectRef>("target.Target", config.dump());
        } catch (const ffi::Error& error) {
          return RejectedByTvm(shown, ErrorFromTvm(error, ErrorCode::kInvalidArgument));
        }
        // A host of its own: without one MakePackedAPI fails.
        if (!config.contains("host")) {
          object = CallTvm<ffi::ObjectRef>("target.WithHost", object, object);
        }
        target.json = CallTvm<std::string>("target.TargetAsJSON", object);
        target.cores = config["num-cores"].get<int>();

        std::vector<std::string> features;
        const auto map =
            CallTvm<ffi::Map<ffi::String, ffi::Any>>("target.llvm_get_cpu_features", object);
        for (const auto& entry : map) features.emplace_back(entry.first);

        const CpuInfo cpu = ReadCpuInfo();
        FillRegisters(features, cpu, target);
        if (target.cpu.empty()) target.cpu = "generic";
        target.cpu_model = cpu.model;
        if (cpu.l1_bytes > 0) target.l1_bytes = cpu.l1_bytes;
        if (cpu.l1_ways > 0) target.l1_ways = cpu.l1_ways;
        if (cpu.l2_bytes > 0) target.l2_bytes = cpu.l2_bytes;
        target.l3_bytes = cpu.l3_bytes;
        if (cpu.line_bytes > 0) target.line_bytes = cpu.line_bytes;

        Json identity = {{"target", target.json},    {"model", target.cpu_model},
                         {"l1", target.l1_bytes},    {"l1_ways", target.l1_ways},
                         {"l2", target.l2_bytes},    {"l3", target.l3_bytes},
                         {"line", target.line_bytes}};
        target.fingerprint = Hash64(identity.dump());
        return target;
      },
      ErrorCode::kInvalidArgument);
}

}  // namespace

Result<Target> DetectTarget(int cores) { return ParseTarget("host", cores); }

Result<Target> ParseTarget(std::string_view text, int cores) {
  const std::string trimmed = Trim(text);
  if (trimmed.empty()) return InvalidArgument("the target is empty: try 'host'");
  if (cores < 0 || cores > 1024) return InvalidArgument("cores must be in [1, 1024]");
  if (trimmed == "host") {
    auto cpu = TryTvm([] { return CallTvm<std::string>("target.llvm_get_system_cpu"); },
                      ErrorCode::kEnvironment);
    if (!cpu.ok()) return cpu.error();
    return MakeTarget(trimmed, Json{{"kind", "llvm"}, {"mcpu", *cpu}}, cores);
  }
  if (trimmed.front() == '{') {
    Json config = Json::parse(trimmed, nullptr, false);
    if (config.is_discarded() || !config.is_object()) {
      return BadTarget(trimmed, "it starts like JSON but is no JSON object");
    }
    return MakeTarget(trimmed, std::move(config), cores);
  }
  if (trimmed.find_first_of(" \t") == std::string::npos && trimmed.find('/') != std::string::npos) {
    // A tag ("nvidia/nvidia-a100"): TVM knows what it stands for.
    auto exported = TryTvm(
        [&] {
          return CallTvm<std::string>("target.TargetAsJSON",
                                      CallTvm<ffi::ObjectRef>("target.Target", trimmed));
        },
        ErrorCode::kInvalidArgument);
    if (!exported.ok()) return RejectedByTvm(trimmed, exported.error());
    return MakeTarget(trimmed, Json::parse(*exported), cores);
  }
  BANYAN_ASSIGN_OR_RETURN(Json config, ParseCommandLineForm(trimmed));
  return MakeTarget(trimmed, std::move(config), cores);
}

}  // namespace banyan

// Commands that only print what is built in: workloads, schema, version; and the hidden worker.
#include <fmt/format.h>

#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "app/schemas.h"
#include "app/version.h"
#include "app/wiring.h"
#include "measure/worker.h"
#include "tvm/kernel_host.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

Json WorkloadsJson() {
  Json families = Json::array();
  for (const WorkloadFamily& family : BuiltinWorkloads()) {
    Json parameters = Json::object();
    for (const WorkloadParameter& parameter : family.parameters) {
      Json entry = {{"summary", parameter.summary}};
      if (parameter.default_from.empty()) {
        entry["default"] = parameter.default_value;
      } else {
        entry["default_from"] = parameter.default_from;
      }
      entry["low"] = parameter.low;
      entry["high"] = parameter.high;
      parameters[parameter.name] = std::move(entry);
    }
    families.push_back({{"name", family.name},
                        {"summary", family.summary},
                        {"definition", family.definition},
                        {"flops", family.flops},
                        {"parameters", std::move(parameters)},
                        {"dtypes", family.dtypes}});
  }
  return {{"workloads", std::move(families)}};
}

}  // namespace

Result<int> RunWorkloads(const CommonOptions& common) {
  if (common.json) {
    PrintJson(WorkloadsJson());
    return 0;
  }
  for (const WorkloadFamily& family : BuiltinWorkloads()) {
    std::vector<std::string> sizes;
    for (const WorkloadParameter& parameter : family.parameters) {
      sizes.push_back(fmt::format("{}={}", parameter.name,
                                  parameter.default_from.empty()
                                      ? std::to_string(parameter.default_value)
                                      : parameter.default_from));
    }
    fmt::print("{}: {}\n    {}\n    sizes: {}; dtype: {}\n", family.name, family.summary,
               family.definition, fmt::join(sizes, " "), fmt::join(family.dtypes, ", "));
  }
  fmt::print(
      "\nOther sizes: NAME:KEY=VALUE,... for example `banyan tune {}`. Your own program: a TVM\n"
      "module (prog.json) or a Python file with TVMScript (prog.py or prog.py:name).\n",
      "mlp:T=96,H=640");
  return 0;
}

Result<int> RunSchema(const CommonOptions&, const SchemaOptions& options) {
  if (options.of == "plan") {
    PrintJson(PlanSchema());
  } else if (options.of == "reply") {
    PrintJson(ReplySchema());
  } else if (options.of == "event") {
    PrintJson(EventSchema());
  } else {
    PrintJson({{"plan", PlanSchema()}, {"reply", ReplySchema()}, {"event", EventSchema()}});
  }
  return 0;
}

Result<int> RunVersion(const CommonOptions& common) {
  const Json versions = ToolVersions();
  if (common.json) {
    PrintJson(versions);
    return 0;
  }
  fmt::print("banyan {}\n", kVersion);
  for (const auto& [tool, version] : versions.items()) {
    const auto text = version.get<std::string>();
    if (tool != "banyan" && !text.empty()) fmt::print("  {} {}\n", tool, text);
  }
  return 0;
}

Result<int> RunWorker() { return WorkerMain(*MakeTvmKernelHost()); }

}  // namespace banyan

// banyan_meta_walk WORKLOAD: DescribeMetaWalk in a process of its own.
#include <cstdio>

#include "schedule/workload.h"
#include "tvm/meta_compiler.h"
#include "tvm/target.h"
#include "tvm/testing/meta_states.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

int Run(const char* text) {
  const auto spec = ParseWorkloadSpec(text);
  if (!spec.ok()) return 2;
  auto workload = MakeBuiltinWorkload(*spec);
  auto target = DetectTarget(1);
  if (!workload.ok() || !target.ok()) return 2;
  auto compiler = MakeMetaScheduleCompiler(*workload, *target);
  if (!compiler.ok()) return 2;
  std::fputs(DescribeMetaWalk(compiler->get()).c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace banyan

int main(int argc, char** argv) { return banyan::Run(argc == 2 ? argv[1] : ""); }

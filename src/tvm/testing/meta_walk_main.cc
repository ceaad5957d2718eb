// banyan_meta_walk WORKLOAD: DescribeMetaWalk in a process of its own.
#include <cstdio>

#include "schedule/workload.h"
#include "tvm/meta_compiler.h"
#include "tvm/target.h"
#include "tvm/testing/meta_states.h"
#include "tvm/workloads.h"

int main(int argc, char** argv) {
  using namespace banyan;
  const auto spec = ParseWorkloadSpec(argc == 2 ? argv[1] : "");
  if (!spec.ok()) return 2;
  auto workload = MakeBuiltinWorkload(*spec);
  auto target = DetectTarget(1);
  if (!workload.ok() || !target.ok()) return 2;
  auto compiler = MakeMetaScheduleCompiler(*workload, *target);
  if (!compiler.ok()) return 2;
  std::fputs(DescribeMetaWalk(compiler->get()).c_str(), stdout);
  return 0;
}

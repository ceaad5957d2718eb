#include "tvm/meta_compiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "base/rng.h"
#include "base/subprocess.h"
#include "schedule/mutator_steps.h"
#include "tvm/database.h"
#include "tvm/ffi.h"
#include "tvm/pipeline.h"
#include "tvm/target.h"
#include "tvm/testing/meta_states.h"
#include "tvm/testing/run_program.h"
#include "tvm/testing/scheduled.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

Workload Builtin(const std::string& text) {
  const auto spec = ParseWorkloadSpec(text);
  EXPECT_TRUE(spec.ok()) << text;
  auto workload = MakeBuiltinWorkload(*spec);
  EXPECT_TRUE(workload.ok()) << workload.error().message;
  return *workload;
}

std::unique_ptr<Compiler> CompilerFor(const std::string& text, size_t capacity = 256,
                                      int cores = 1) {
  auto target = DetectTarget(cores);
  EXPECT_TRUE(target.ok()) << target.error().message;
  auto compiler = MakeMetaScheduleCompiler(Builtin(text), *target, capacity);
  EXPECT_TRUE(compiler.ok()) << compiler.error().message;
  return compiler.ok() ? std::move(*compiler) : nullptr;
}

// The first `count` samples that pass TVM's postprocessors.
std::vector<Candidate> Samples(Compiler* compiler, size_t count) {
  const auto root = compiler->Root();
  EXPECT_TRUE(root.ok()) << root.error().message;
  std::vector<Candidate> samples;
  for (uint64_t draw = 0; samples.size() < count && draw < 20 * count; ++draw) {
    auto sample = compiler->Extend(*root, {DesignSpaceStep(draw)});
    if (sample.ok()) {
      samples.push_back(*sample);
    } else {
      EXPECT_EQ(sample.error().code, ErrorCode::kIllegalStep) << sample.error().message;
    }
  }
  EXPECT_EQ(samples.size(), count);
  return samples;
}

// `length` random mutators from `from`, a failing one drawn again.
Candidate Chain(Compiler* compiler, Candidate from, size_t length, uint64_t seed) {
  Rng rng(seed);
  size_t tries = 0;
  for (size_t done = 0; done < length && tries < 30 * length; ++tries) {
    const auto next =
        compiler->Extend(from, {MutateStep(rng.Pick(MutatorNames()), rng.Below(kMutatorDraws))});
    if (next.ok()) {
      from = *next;
      ++done;
    } else {
      EXPECT_EQ(next.error().code, ErrorCode::kIllegalStep);
      EXPECT_FALSE(next.error().message.empty());
      EXPECT_EQ(next.error().message.find('\n'), std::string::npos) << next.error().message;
    }
  }
  EXPECT_EQ(from.plan.steps.size(), length + 1) << PrintPlan(from.plan);
  return from;
}

void ExpectRightResult(Compiler* compiler, const Candidate& candidate) {
  const Workload& workload = compiler->workload();
  const Values inputs = ExactInputs(workload, 7);
  const auto expected = RunProgram(workload, workload.module_json, inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const auto module = compiler->ModuleJson(candidate);
  ASSERT_TRUE(module.ok()) << module.error().message;
  const auto outputs = RunProgram(workload, *module, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message << "\n" << *compiler->Script(candidate);
  ASSERT_EQ(outputs->size(), expected->size());
  for (size_t t = 0; t < expected->size(); ++t) {
    ASSERT_EQ((*outputs)[t].size(), (*expected)[t].size());
    for (size_t i = 0; i < (*expected)[t].size(); ++i) {
      const double want = (*expected)[t][i];
      ASSERT_NEAR((*outputs)[t][i], want, 1e-4 * (1 + std::abs(want))) << "at " << i << " of\n"
                                                                       << PrintPlan(candidate.plan);
    }
  }
}

class MetaScheduleOn : public testing::TestWithParam<const char*> {};

TEST_P(MetaScheduleOn, SamplesAndChainsComputeTheSame) {
  auto compiler = CompilerFor(GetParam());
  ASSERT_NE(compiler, nullptr);
  uint64_t seed = 1;
  for (const Candidate& sample : Samples(compiler.get(), 3)) {
    ASSERT_NE(sample.program, nullptr);
    EXPECT_FALSE(sample.program->blocks.empty());
    ExpectRightResult(compiler.get(), sample);
    ExpectRightResult(compiler.get(), Chain(compiler.get(), sample, 5, seed++));
  }
}

// What a TVM user does with an exported record: the trace on the unscheduled program, no
// postprocessors after it.
TEST_P(MetaScheduleOn, ATraceReplaysOnTheWorkloadAndGivesTheProgram) {
  auto compiler = CompilerFor(GetParam());
  ASSERT_NE(compiler, nullptr);
  const Candidate candidate = Chain(compiler.get(), Samples(compiler.get(), 1)[0], 3, 5);
  const auto trace = compiler->TraceJson(candidate);
  ASSERT_TRUE(trace.ok()) << trace.error().message;
  const auto hash = TryTvm([&] {
    const auto schedule = CallTvm<ffi::ObjectRef>(
        "s_tir.schedule.TracedSchedule", ModuleFromJson(compiler->workload().module_json),
        /*seed=*/77, /*debug_mask=*/0, /*error_render_level=*/0, /*enable_check=*/true);
    CallTvm<void>("s_tir.schedule.TraceApplyJSONToSchedule",
                  CallTvm("ffi.json.Parse", trace->dump()), schedule);
    return static_cast<uint64_t>(CallTvm<int64_t>(
        "ffi.StructuralHash", CallTvm<ffi::ObjectRef>("s_tir.schedule.ScheduleGetMod", schedule),
        false, false));
  });
  ASSERT_TRUE(hash.ok()) << hash.error().message;
  EXPECT_EQ(*hash, candidate.program_hash);

  const auto folder = std::filesystem::path(testing::TempDir()) / "banyan_meta_database";
  std::filesystem::remove_all(folder);
  EXPECT_OK(
      WriteDatabase(compiler->workload(), compiler->target(), {{*trace, {1.5}}}, folder.string()));
  std::filesystem::remove_all(folder);
}

TEST_P(MetaScheduleOn, TheSamePlansGiveTheSameProgramsInAnyProcess) {
  auto first = CompilerFor(GetParam());
  auto second = CompilerFor(GetParam(), /*capacity=*/0);  // everything is built anew
  ASSERT_TRUE(first != nullptr && second != nullptr);
  // TVM's global state is not what it was for the first.
  Samples(second.get(), 2);
  const std::string here = DescribeMetaWalk(first.get());
  EXPECT_NE(here.find("mutate("), std::string::npos) << here;
  EXPECT_EQ(here, DescribeMetaWalk(second.get()));

  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto other = RunCommand({.argv = {(folder / "banyan_meta_walk").string(), GetParam()}});
  ASSERT_TRUE(other.ok()) << other.error().message;
  EXPECT_TRUE(other->status.ok()) << other->status.Text() << other->err;
  EXPECT_EQ(here, other->out);
}

INSTANTIATE_TEST_SUITE_P(Workloads, MetaScheduleOn,
                         testing::Values(kMatmul, "mlp:T=8,H=32,I=48", "attention:H=2,T=16,D=8",
                                         "conv-small:C=8,H=14,O=8"));

std::string ReasonOf(const Result<Candidate>& candidate) {
  EXPECT_FALSE(candidate.ok());
  if (candidate.ok()) return {};
  EXPECT_EQ(candidate.error().code, ErrorCode::kIllegalStep) << candidate.error().message;
  EXPECT_EQ(candidate.error().message.find('\n'), std::string::npos);
  return candidate.error().message;
}

TEST(MetaSchedule, TheRootIsTheWorkloadAsWritten) {
  auto compiler = CompilerFor(kMatmul);
  const auto root = compiler->Root();
  ASSERT_TRUE(root.ok()) << root.error().message;
  Scheduled plain(kMatmul);
  EXPECT_EQ(root->program_hash, *plain->ProgramHash());
  EXPECT_EQ(*compiler->Script(*root), *plain->Script());
  EXPECT_EQ(root->program->blocks[0].name, plain.View()->blocks[0].name);
  EXPECT_FALSE(compiler->Features(*root)->empty());
}

TEST(MetaSchedule, IllegalPlansHaveReasons) {
  auto compiler = CompilerFor(kMatmul);
  const Candidate sample = Samples(compiler.get(), 1)[0];
  const auto root = compiler->Root();
  EXPECT_NE(ReasonOf(compiler->Extend(*root, {MutateStep("unroll", 1)}))
                .find("step 1, mutate(mutator=unroll, draw=1): mutate needs a sample"),
            std::string::npos);
  EXPECT_NE(ReasonOf(compiler->Extend(sample, {DesignSpaceStep(1)})).find("step 2, design_space"),
            std::string::npos);
  const auto tile = ParsePlan("vectorize(loop=C.j)");
  ASSERT_TRUE(tile.ok());
  EXPECT_FALSE(compiler->Apply(*tile).ok());
  const auto foreign = ParsePlan("design_space(sample=1)\nprimitive(name=StorageAlign, args=[C])");
  ASSERT_TRUE(foreign.ok());
  EXPECT_FALSE(compiler->Apply(*foreign).ok());
  // There is nothing to compute elsewhere in a single product.
  EXPECT_NE(ReasonOf(compiler->Extend(sample, {MutateStep("compute_location", 1)}))
                .find("compute_location finds nothing to change here"),
            std::string::npos);
  EXPECT_FALSE(compiler->Extend(sample, {{"mutate", {{"mutator", "thread_binding"}}}}).ok());
}

TEST(MetaSchedule, EveryTextAndTheFeaturesAreThere) {
  auto compiler = CompilerFor("conv-small:C=8,H=14,O=8");
  const Candidate candidate = Chain(compiler.get(), Samples(compiler.get(), 1)[0], 2, 3);
  EXPECT_NE(compiler->Script(candidate)->find("T.sblock"), std::string::npos);
  const std::string trace = *compiler->TracePython(candidate);
  EXPECT_NE(trace.find("sample_perfect_tile"), std::string::npos) << trace;
  EXPECT_NE(trace.find("enter_postproc"), std::string::npos);
  const auto features = compiler->Features(candidate);
  ASSERT_TRUE(features.ok()) << features.error().message;
  ASSERT_FALSE(features->empty());
  EXPECT_EQ(features->front().size(), compiler->Features(*compiler->Root())->front().size());
  EXPECT_NE(candidate.program_hash, compiler->Root()->program_hash);
}

TEST(MetaSchedule, APictureNamesBlocksAndLoopsByOrigin) {
  auto compiler = CompilerFor(kMatmul);
  // Some sample has a register tile: the vectorised loop belongs to the product.
  bool vectorised = false;
  for (const Candidate& sample : Samples(compiler.get(), 8)) {
    for (const LoopView& loop : sample.program->loops) {
      vectorised |= loop.kind == LoopKind::kVectorized && loop.name.rfind("C", 0) == 0;
    }
  }
  EXPECT_TRUE(vectorised);
}

TEST(MetaSchedule, ADroppedStateIsRebuilt) {
  auto small = CompilerFor(kMatmul, /*capacity=*/1);
  auto large = CompilerFor(kMatmul);
  const Candidate candidate = Chain(large.get(), Samples(large.get(), 1)[0], 4, 9);
  const auto again = small->Apply(candidate.plan);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->program_hash, candidate.program_hash);
  // The cache holds the last state only: asking for the parent builds it from the root.
  Plan parent = candidate.plan;
  parent.steps.pop_back();
  EXPECT_EQ(small->Apply(parent)->program_hash, large->Apply(parent)->program_hash);
  EXPECT_GT(small->counters().evictions, 0u);
  EXPECT_EQ(*small->TracePython(candidate), *large->TracePython(candidate));
}

TEST(MetaSchedule, SeveralCoresGetParallelLoops) {
  auto compiler = CompilerFor("matmul:M=128,N=128,K=64", 256, /*cores=*/4);
  bool parallel = false;
  for (const Candidate& sample : Samples(compiler.get(), 8)) {
    for (const LoopView& loop : sample.program->loops) parallel |= loop.kind == LoopKind::kParallel;
  }
  EXPECT_TRUE(parallel);
}

TEST(MetaSchedule, ATextThatIsNoProgramIsRefused) {
  Workload workload = Builtin(kMatmul);
  workload.module_json = "{}";
  const auto compiler = MakeMetaScheduleCompiler(workload, *DetectTarget(1));
  ASSERT_FALSE(compiler.ok());
  EXPECT_EQ(compiler.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace banyan

#include "tvm/program_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tvm/live_schedule.h"
#include "tvm/te.h"
#include "tvm/testing/scheduled.h"

namespace banyan {
namespace {

using Coefficients = std::vector<int64_t>;

// "c0+c1*x1..." of the names of what the form is over; "~" before one that is not affine.
std::string Text(const LinearForm& form, const std::vector<std::string>& names) {
  std::string text = form.affine ? "" : "~";
  for (size_t k = 0; k < form.coefficients.size(); ++k) {
    const int64_t c = form.coefficients[k];
    if (c != 0)
      text += (text.empty() || text == "~" ? "" : "+") + (c == 1 ? "" : std::to_string(c) + "*") +
              names[k];
  }
  if (form.constant != 0) text += (form.constant > 0 ? "+" : "") + std::to_string(form.constant);
  return text;
}

std::string Text(const ProgramView& program, const BlockView& block, const AccessView& access) {
  std::vector<std::string> names;
  for (const IterView& iter : block.iters) names.push_back(iter.name);
  std::string text = program.buffers[static_cast<size_t>(access.buffer)].name + "[";
  for (const LinearForm& index : access.indices) {
    text += (text.back() == '[' ? "" : ", ") + Text(index, names);
  }
  return text + "]";
}

std::string Reads(const ProgramView& program, const BlockView& block) {
  std::string text;
  for (const AccessView& read : block.reads)
    text += (text.empty() ? "" : " ") + Text(program, block, read);
  return text;
}

std::string Binding(const ProgramView& program, const BlockView& block, const std::string& iter) {
  std::vector<std::string> names;
  for (const int loop : block.loops) names.push_back(program.loops[static_cast<size_t>(loop)].name);
  return Text(block.iters[static_cast<size_t>(block.FindIter(iter))].binding, names);
}

std::string Names(const ProgramView& program, const std::vector<int>& blocks) {
  std::string text;
  for (const int b : blocks)
    text += (text.empty() ? "" : " ") + program.blocks[static_cast<size_t>(b)].name;
  return text;
}

double Flops(const ProgramView& program) {
  double flops = 0;
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    flops += program.blocks[b].flops_per_iteration *
             static_cast<double>(program.Iterations(static_cast<int>(b)));
  }
  return flops;
}

TEST(ProgramView, Matmul) {
  Scheduled s("matmul:M=32,N=48,K=64,dtype=float64");
  const auto program = s.View();
  ASSERT_EQ(program->blocks.size(), 1u);
  const BlockView& C = program->blocks[0];
  EXPECT_EQ(C.name, "C");
  EXPECT_TRUE(C.is_reduction && C.has_init && C.is_output && C.multiply_add);
  EXPECT_FALSE(C.is_init || C.has_condition || C.has_predicate || C.opaque);
  EXPECT_EQ(C.combiner, "add");
  EXPECT_EQ(C.flops_per_iteration, 2);
  ASSERT_EQ(C.iters.size(), 3u);
  EXPECT_EQ(C.iters[0].name, "i");
  EXPECT_EQ(C.iters[0].kind, IterKind::kSpatial);
  EXPECT_EQ(C.iters[2].name, "k");
  EXPECT_EQ(C.iters[2].kind, IterKind::kReduction);
  EXPECT_EQ(C.iters[2].extent, 64);
  EXPECT_EQ(Reads(*program, C), "A[i, k] B[k, j]");
  EXPECT_EQ(Text(*program, C, C.writes[0]), "C[i, j]");
  const BufferView& A = program->buffers[static_cast<size_t>(C.reads[0].buffer)];
  EXPECT_EQ(A.shape, (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(A.dtype, "float64");
  EXPECT_EQ(A.element_bits, 64);
  EXPECT_EQ(A.scope, "global");
  EXPECT_TRUE(A.is_parameter);
  EXPECT_EQ(program->Iterations(0), 32 * 48 * 64);
}

TEST(ProgramView, BindingsOfSplitAndFusedLoops) {
  Scheduled s("matmul:M=32,N=48,K=64");
  EXPECT_OK(s->Split("C.i", {2, 4, 4}, {"a", "b", "c"}));
  EXPECT_OK(s->Split("C.k", {0, 8}, {"k0", "k1"}));
  EXPECT_OK(s->Reorder({"k0", "b"}));
  auto program = s.View();
  EXPECT_EQ(Binding(*program, s.Block("C"), "i"), "16*a+c+4*b");
  EXPECT_EQ(Binding(*program, s.Block("C"), "k"), "8*k0+k1");
  EXPECT_OK(s->Split("C.j", {5, 10}, {"j0", "j1"}));
  EXPECT_TRUE(s.Block("C").has_predicate);
  EXPECT_OK(s->Fuse({"j0", "j1"}, "j"));
  program = s.View();
  EXPECT_EQ(Binding(*program, s.Block("C"), "j"), "j");
  EXPECT_OK(s->Split("j", {0, 7}, {"x", "y"}));
  EXPECT_OK(s->Fuse({"a", "k0"}, "mixed"));
  program = s.View();
  EXPECT_EQ(Binding(*program, s.Block("C"), "k"), "~mixed+k1");
}

TEST(ProgramView, ConvolutionWithPadding) {
  Scheduled s("conv:N=1,C=4,O=8,H=6,W=7,stride=2");
  const auto program = s.View();
  const BlockView& pad = program->blocks[0];
  EXPECT_EQ(pad.name, "pad");
  EXPECT_TRUE(pad.has_condition);
  EXPECT_FALSE(pad.is_reduction || pad.opaque);
  EXPECT_EQ(pad.flops_per_iteration, 0);
  EXPECT_EQ(Reads(*program, pad), "data[n, c, h-1, w-1]");
  const BlockView& conv = program->blocks[1];
  EXPECT_EQ(Reads(*program, conv), "pad[n, rc, 2*y+ry, 2*x+rx] weight[oc, rc, ry, rx]");
  EXPECT_TRUE(conv.multiply_add);
  EXPECT_FALSE(conv.is_output);
  EXPECT_EQ(Names(*program, conv.producers), "pad");
  EXPECT_EQ(Names(*program, conv.consumers), "O");
  EXPECT_TRUE(program->blocks[2].is_output);
}

TEST(ProgramView, Softmax) {
  Scheduled s("softmax:rows=8,cols=12");
  const auto program = s.View();
  const BlockView& top = s.Block("top");
  EXPECT_EQ(top.combiner, "max");
  EXPECT_FALSE(top.multiply_add);
  EXPECT_EQ(s.Block("total").combiner, "add");
  EXPECT_FALSE(s.Block("total").multiply_add);
  EXPECT_EQ(Reads(*program, program->blocks[1]), "X[i, j] top[i]");
  EXPECT_EQ(Names(*program, program->blocks[1].consumers), "total O");
  EXPECT_EQ(Names(*program, program->blocks[3].producers), "exponent total");
  EXPECT_EQ(program->blocks[1].combiner, "");
}

TEST(ProgramView, ChainOfTwoProducts) {
  Scheduled s("attention:B=1,H=2,T=16,D=8");
  auto program = s.View();
  EXPECT_EQ(Reads(*program, s.Block("scores")), "Q[b, h, i, k] K[b, h, j, k]");
  EXPECT_EQ(Reads(*program, s.Block("O")), "scores[b, h, i, k] V[b, h, k, d]");
  EXPECT_OK(s->Split("O.i", {0, 8}, {"O.i.0", "O.i.1"}));
  EXPECT_OK(s->ComputeAt("scores", "O.i.0", false));
  program = s.View();
  EXPECT_EQ(Binding(*program, s.Block("scores"), "i"), "8*O.i.0+scores.i");
  EXPECT_EQ(Names(*program, program->BlocksUnder(program->FindLoop("O.i.0"))), "scores O");
  EXPECT_EQ(program->Iterations(program->FindBlock("scores")), 2 * 16 * 16 * 8);
}

TEST(ProgramView, InitialisationsAreNobodysProducers) {
  Scheduled s("mlp:T=16,H=16,I=32");
  EXPECT_OK(s->DecomposeReduction("gate", "gate.k", "gate.init"));
  const auto program = s.View();
  EXPECT_TRUE(s.Block("gate.init").is_init);
  EXPECT_EQ(Names(*program, s.Block("gated").producers), "gate up");
  EXPECT_EQ(s.Block("gate").combiner, "add");
  EXPECT_EQ(Reads(*program, s.Block("gate")), "X[t, k] W_gate[k, i]");
  EXPECT_TRUE(s.Block("gate.init").consumers.empty());
}

TEST(ProgramView, CountsTheOperationsOfTheWorkloads) {
  for (const char* spec :
       {"matmul:M=8,N=8,K=8", "mlp:T=4,H=8,I=8", "moe:T=4,E=2,H=4,I=8", "attention:B=1,H=2,T=8,D=4",
        "conv:C=4,O=4,H=6,W=6", "softmax:rows=8,cols=8", "gemv:M=8,K=8"}) {
    Scheduled s(spec);
    EXPECT_EQ(Flops(*s.View()), s.workload().flops) << spec;
  }
}

// What built-in workloads do not have: a gather, a transposed and an uneven index, an argument of
// another type, a reduction by product.
TEST(ProgramView, IndicesThatAreNotLinear) {
  const auto json = TryTvm([] {
    using namespace te;  // NOLINT(google-build-using-namespace)
    const Tensor X = Input("X", {16, 8}, "float32");
    const Tensor where = Input("where", {8}, "int32");
    const Tensor gathered =
        Compute("gathered", {{"i", 8}, {"j", 8}},
                [&](const std::vector<Expr>& x) { return X(where(x[0]), x[1]); });
    const Tensor O = Compute("O", {{"i", 4}, {"j", 4}}, [&](const std::vector<Expr>& x) {
      return gathered(x[1] * 2 + 1, x[0] + x[1]) + gathered(x[1] * 2 + 1, x[0] + x[1]);
    });
    const auto module = MakeModule({X, where, O});
    return std::string(CallTvm<ffi::String>("ffi.ToJSONGraphString", module, nullptr));
  });
  ASSERT_TRUE(json.ok()) << json.error().message;
  const auto schedule = MakeLiveSchedule(*json, "main");
  ASSERT_TRUE(schedule.ok()) << schedule.error().message;
  const auto program = *(*schedule)->Program();
  const BlockView& gathered = program->blocks[0];
  EXPECT_EQ(Reads(*program, gathered), "where[i] X[~i, j]");
  const BlockView& O = program->blocks[1];
  EXPECT_EQ(Reads(*program, O), "gathered[2*j+1, i+j]");  // once, though loaded twice
  EXPECT_EQ(O.flops_per_iteration, 1);
  EXPECT_EQ(program->buffers[static_cast<size_t>(program->FindBuffer("where"))].dtype, "int32");
}

}  // namespace
}  // namespace banyan

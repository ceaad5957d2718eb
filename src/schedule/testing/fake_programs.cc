#include "schedule/testing/fake_programs.h"

#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace banyan {
namespace {

struct Index {
  std::vector<std::pair<int, int64_t>> terms;  // iter, coefficient
  int64_t constant = 0;
};

class Builder {
 public:
  int Buffer(const std::string& name, std::vector<int64_t> shape, bool parameter) {
    BufferView buffer;
    buffer.name = name;
    buffer.shape = std::move(shape);
    buffer.dtype = "float32";
    buffer.scope = "global";
    buffer.is_parameter = parameter;
    program.buffers.push_back(std::move(buffer));
    return static_cast<int>(program.buffers.size()) - 1;
  }

  BlockView& Block(const std::string& name,
                   const std::vector<std::pair<std::string, int64_t>>& spatial,
                   const std::vector<std::pair<std::string, int64_t>>& reduction) {
    BlockView block;
    block.name = name;
    auto add = [&](const auto& iters, IterKind kind) {
      for (const auto& [iter, extent] : iters) {
        LoopView loop;
        loop.name = name + "." + iter;
        loop.extent = extent;
        loop.parent = block.loops.empty() ? -1 : block.loops.back();
        program.loops.push_back(loop);
        block.loops.push_back(static_cast<int>(program.loops.size()) - 1);
        block.iters.push_back({iter, kind, extent, {}});
      }
    };
    add(spatial, IterKind::kSpatial);
    add(reduction, IterKind::kReduction);
    for (size_t i = 0; i < block.iters.size(); ++i) {
      block.iters[i].binding.coefficients.assign(block.loops.size(), 0);
      block.iters[i].binding.coefficients[i] = 1;
    }
    block.is_reduction = !reduction.empty();
    block.has_init = block.is_reduction;
    if (block.is_reduction) block.combiner = "add";
    block.multiply_add = block.is_reduction;
    block.flops_per_iteration = block.is_reduction ? 2 : 1;
    program.blocks.push_back(std::move(block));
    return program.blocks.back();
  }

  static AccessView Access(const BlockView& block, int buffer, const std::vector<Index>& indices) {
    AccessView access;
    access.buffer = buffer;
    for (const auto& index : indices) {
      LinearForm form;
      form.constant = index.constant;
      form.coefficients.assign(block.iters.size(), 0);
      for (const auto& [iter, coefficient] : index.terms) {
        form.coefficients[static_cast<size_t>(iter)] = coefficient;
      }
      access.indices.push_back(std::move(form));
    }
    return access;
  }

  ProgramView Finish() {
    for (size_t p = 0; p < program.blocks.size(); ++p) {
      for (size_t c = 0; c < program.blocks.size(); ++c) {
        for (const auto& read : program.blocks[c].reads) {
          if (p == c || read.buffer != program.blocks[p].writes[0].buffer) continue;
          program.blocks[p].consumers.push_back(static_cast<int>(c));
          program.blocks[c].producers.push_back(static_cast<int>(p));
        }
      }
      program.blocks[p].is_output =
          program.buffers[static_cast<size_t>(program.blocks[p].writes[0].buffer)].is_parameter;
    }
    return std::move(program);
  }

  ProgramView program;
};

Index At(int iter) { return {{{iter, 1}}, 0}; }

void AddMatmul(Builder& builder, const std::string& name, int a, int b, int c, int64_t m, int64_t n,
               int64_t k) {
  auto& block = builder.Block(name, {{"i", m}, {"j", n}}, {{"k", k}});
  block.reads = {Builder::Access(block, a, {At(0), At(2)}),
                 Builder::Access(block, b, {At(2), At(1)})};
  block.writes = {Builder::Access(block, c, {At(0), At(1)})};
}

}  // namespace

ProgramView FakeMatmulProgram(int64_t m, int64_t n, int64_t k) {
  Builder builder;
  const int a = builder.Buffer("A", {m, k}, true);
  const int b = builder.Buffer("B", {k, n}, true);
  const int c = builder.Buffer("C", {m, n}, true);
  AddMatmul(builder, "C", a, b, c, m, n, k);
  return builder.Finish();
}

ProgramView FakeMlpProgram(int64_t t, int64_t h, int64_t i) {
  Builder builder;
  const int x = builder.Buffer("X", {t, h}, true);
  const int g = builder.Buffer("G", {h, i}, true);
  const int u = builder.Buffer("U", {h, i}, true);
  const int d = builder.Buffer("D", {i, h}, true);
  const int o = builder.Buffer("O", {t, h}, true);
  const int gate = builder.Buffer("gate", {t, i}, false);
  const int up = builder.Buffer("up", {t, i}, false);
  const int gated = builder.Buffer("gated", {t, i}, false);
  AddMatmul(builder, "gate", x, g, gate, t, i, h);
  AddMatmul(builder, "up", x, u, up, t, i, h);
  auto& block = builder.Block("gated", {{"i", t}, {"j", i}}, {});
  block.reads = {Builder::Access(block, gate, {At(0), At(1)}),
                 Builder::Access(block, up, {At(0), At(1)})};
  block.writes = {Builder::Access(block, gated, {At(0), At(1)})};
  AddMatmul(builder, "O", gated, d, o, t, h, i);
  return builder.Finish();
}

ProgramView FakeConvProgram(int64_t channels, int64_t size) {
  Builder builder;
  const int x = builder.Buffer("X", {1, channels, size, size}, true);
  const int w = builder.Buffer("W", {channels, channels, 3, 3}, true);
  const int out = builder.Buffer("out", {1, channels, size, size}, true);
  const int pad = builder.Buffer("pad", {1, channels, size + 2, size + 2}, false);
  const int conv = builder.Buffer("conv", {1, channels, size, size}, false);
  auto& padding =
      builder.Block("pad", {{"n", 1}, {"c", channels}, {"h", size + 2}, {"w", size + 2}}, {});
  padding.reads = {Builder::Access(padding, x, {At(0), At(1), {{{2, 1}}, -1}, {{{3, 1}}, -1}})};
  padding.writes = {Builder::Access(padding, pad, {At(0), At(1), At(2), At(3)})};
  padding.has_condition = true;
  auto& product = builder.Block("conv", {{"n", 1}, {"oc", channels}, {"y", size}, {"x", size}},
                                {{"rc", channels}, {"ry", 3}, {"rx", 3}});
  product.reads = {
      Builder::Access(product, pad, {At(0), At(4), {{{2, 1}, {5, 1}}, 0}, {{{3, 1}, {6, 1}}, 0}}),
      Builder::Access(product, w, {At(1), At(4), At(5), At(6)})};
  product.writes = {Builder::Access(product, conv, {At(0), At(1), At(2), At(3)})};
  auto& scale = builder.Block("out", {{"n", 1}, {"c", channels}, {"h", size}, {"w", size}}, {});
  scale.reads = {Builder::Access(scale, conv, {At(0), At(1), At(2), At(3)})};
  scale.writes = {Builder::Access(scale, out, {At(0), At(1), At(2), At(3)})};
  return builder.Finish();
}

Target FakeTarget() {
  Target target;
  target.json = R"({"kind": "fake"})";
  target.cpu = "fake";
  target.cpu_model = "a fake CPU";
  target.vector_bits = 512;
  target.vector_registers = 32;
  target.fingerprint = Hash64(target.json);
  return target;
}

Workload FakeWorkload() {
  Workload workload;
  workload.id = "fake-matmul:M=64,N=64,K=64";
  workload.family = "fake";
  workload.module_json = "{}";
  workload.parameters = {{"A", {64, 64}, "float32", false},
                         {"B", {64, 64}, "float32", false},
                         {"C", {64, 64}, "float32", true}};
  workload.flops = 2.0 * 64 * 64 * 64;
  workload.reduction_length = 64;
  workload.hash = Hash64(workload.id);
  return workload;
}

}  // namespace banyan

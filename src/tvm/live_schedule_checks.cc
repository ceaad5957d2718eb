#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <tvm/ffi/reflection/accessor.h>

#include "tvm/live_schedule_tvm.h"

// Errors in the schedule's own names, and checks that TVM leaves out: what it accepts and then
// fails to build, or builds wrongly.
namespace banyan {
namespace {

// TVM's reasons that name its own terms, and what they mean for the next step.
constexpr auto kHints = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"does not have compact dataflow",
     "a reduction below is decomposed outside of the loop, or blocks below depend on one another "
     "across it: set loop kinds before decompose_reduction"},
    {"expected to be written by single block", "cache before decompose_reduction"},
    {"all the consumer(s) of the given block", "compute_at goes to a loop around all consumers"},
    {"all the producer(s) of the given block",
     "reverse_compute_at goes to a loop around all producers"},
    {"is not a reduction block", "its reduction is decomposed already, or it has none"},
    {"would introduce padding", "the factors of the layout must divide the extents, or pad"},
    {"match padding pattern", "only a block that chooses between a value and padding can be split"},
});

std::string WithHint(std::string reason) {
  for (const auto& [part, hint] : kHints) {
    if (reason.find(part) != std::string::npos) return fmt::format("{} ({})", reason, hint);
  }
  return reason;
}

// The node at an access path like ".body.block.body.seq[0]" below `node`; nullptr: none.
const ir::Node* Follow(const ir::Node* node, std::string_view path) {
  while (!path.empty() && node != nullptr) {
    const size_t end = std::min(path.find_first_of(".[", 1), path.size());
    std::string_view part = path.substr(1, end - 1);
    if (path[0] == '[') {
      size_t index = 0;
      for (const char c : part) {
        if (c >= '0' && c <= '9') index = index * 10 + static_cast<size_t>(c - '0');
      }
      node = index < ir::Size(node) ? ir::At(node, index) : nullptr;
    } else {
      const ir::Node* next = nullptr;
      ffi::reflection::ForEachFieldInfoWithEarlyStop(
          TVMFFIGetTypeInfo(node->type_index()), [&](const TVMFFIFieldInfo* field) {
            if (std::string_view(field->name.data, field->name.size) != part) return false;
            next = ffi::reflection::FieldGetter(field)(node).as<ffi::Object>();
            return true;
          });
      node = next;
    }
    path.remove_prefix(end);
  }
  return node;
}

// The labels of a kind in the listing, in its order.
std::vector<std::string> LabelsInOrder(const std::string& text, std::string_view kind) {
  const std::string mark = fmt::format("# {}#", kind);
  std::vector<std::string> labels;
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    labels.push_back(text.substr(at + 2, text.find('\n', at) - at - 2));
  }
  return labels;
}

}  // namespace

Error TvmLiveSchedule::Explain(const ffi::Error& error) const {
  const std::string text = error.message();
  // The paths of the labelled statements come in another order than the labels; both name the same
  // statements, and the labels stand in program order.
  std::vector<size_t> blocks;
  std::vector<size_t> loops;
  constexpr std::string_view kPath = "Access path: <root>.functions[";
  for (size_t at = text.find(kPath); at != std::string::npos; at = text.find(kPath, at + 1)) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    const size_t begin = line.find(']');
    if (begin == std::string::npos) continue;
    const ir::Node* node = Follow(skeleton_.function, std::string_view(line).substr(begin + 1));
    for (size_t b = 0; b < skeleton_.blocks.size(); ++b) {
      if (skeleton_.blocks[b].node == node) blocks.push_back(b);
    }
    for (size_t l = 0; l < skeleton_.loops.size(); ++l) {
      if (skeleton_.loops[l].node == node) loops.push_back(l);
    }
  }
  std::sort(blocks.begin(), blocks.end());
  std::sort(loops.begin(), loops.end());
  LabelNames names;
  if (const auto labels = LabelsInOrder(text, "s_tir.SBlock"); labels.size() == blocks.size()) {
    for (size_t i = 0; i < labels.size(); ++i) {
      names.emplace_back(labels[i], "block " + names_.block_names()[blocks[i]]);
    }
  }
  if (const auto labels = LabelsInOrder(text, "tirx.For"); labels.size() == loops.size()) {
    for (size_t i = 0; i < labels.size(); ++i) {
      names.emplace_back(labels[i], "loop " + names_.loop_names()[loops[i]]);
    }
  }
  Error explained = ErrorFromTvmText(error.kind(), text, ErrorCode::kIllegalStep, names);
  explained.message = WithHint(std::move(explained.message));
  return explained;
}

// TVM refuses these too, but late and in words about "data parallel block iters".
void TvmLiveSchedule::CheckSpatial(size_t loop, LoopKind kind) {
  const ProgramView& program = View();
  for (const BlockView& block : program.blocks) {
    const auto at = std::find(block.loops.begin(), block.loops.end(), static_cast<int>(loop));
    if (at == block.loops.end()) continue;
    const auto k = static_cast<size_t>(at - block.loops.begin());
    for (const IterView& iter : block.iters) {
      if (iter.kind == IterKind::kSpatial || !iter.binding.uses(k)) continue;
      Refuse(fmt::format(
          "loop {} drives the reduction iter {} of block {}: it cannot be {} (rfactor it, "
          "or take a loop of a spatial iter)",
          program.loops[loop].name, iter.name, block.name, LoopKindName(kind)));
    }
  }
}

void TvmLiveSchedule::CheckVectorizable(size_t loop) {
  CheckSpatial(loop, LoopKind::kVectorized);
  const ProgramView& program = View();
  const std::string& name = program.loops[loop].name;
  for (int outer = program.loops[loop].parent; outer >= 0;
       outer = program.loops[static_cast<size_t>(outer)].parent) {
    if (program.loops[static_cast<size_t>(outer)].kind == LoopKind::kVectorized) {
      Refuse(fmt::format("loop {} is inside the vectorized loop {}", name,
                         program.loops[static_cast<size_t>(outer)].name));
    }
  }
  const std::vector<int> below = program.BlocksUnder(static_cast<int>(loop));
  for (const int b : below) {
    const BlockView& block = program.blocks[static_cast<size_t>(b)];
    for (const int inner : block.loops) {
      const LoopView& view = program.loops[static_cast<size_t>(inner)];
      if (inner != static_cast<int>(loop) && view.kind == LoopKind::kVectorized &&
          inner > static_cast<int>(loop)) {
        Refuse(fmt::format("loop {} is around the vectorized loop {}", name, view.name));
      }
    }
    // The lanes would share the buffer between the two blocks: TVM builds it, wrongly.
    for (const int producer : block.producers) {
      if (std::find(below.begin(), below.end(), producer) == below.end()) continue;
      Refuse(fmt::format(
          "blocks {} and {} are both inside loop {}: only a loop around one of them can be "
          "vectorized",
          program.blocks[static_cast<size_t>(producer)].name, block.name, name));
    }
  }
}

void TvmLiveSchedule::CheckParallelizable(size_t loop) {
  CheckSpatial(loop, LoopKind::kParallel);
  const ProgramView& program = View();
  const std::string& name = program.loops[loop].name;
  auto parallel = [&](int other) {
    return program.loops[static_cast<size_t>(other)].kind == LoopKind::kParallel;
  };
  for (int outer = program.loops[loop].parent; outer >= 0;
       outer = program.loops[static_cast<size_t>(outer)].parent) {
    if (parallel(outer)) {
      Refuse(fmt::format("loop {} is inside the parallel loop {}: fuse them instead", name,
                         program.loops[static_cast<size_t>(outer)].name));
    }
  }
  for (const int b : program.BlocksUnder(static_cast<int>(loop))) {
    for (const int inner : program.blocks[static_cast<size_t>(b)].loops) {
      if (inner > static_cast<int>(loop) && parallel(inner)) {
        Refuse(fmt::format("loop {} is around the parallel loop {}: fuse them instead", name,
                           program.loops[static_cast<size_t>(inner)].name));
      }
    }
  }
}

void TvmLiveSchedule::CheckNotVectorized(const std::string& loop) const {
  for (auto at = static_cast<int>(LoopIndex(loop)); at >= 0;
       at = skeleton_.loops[static_cast<size_t>(at)].parent) {
    if (skeleton_.loops[static_cast<size_t>(at)].kind == LoopKind::kVectorized) {
      Refuse(fmt::format("loop {} is vectorized: a block inside it would be shared by its lanes",
                         names_.loop_names()[static_cast<size_t>(at)]));
    }
  }
}

}  // namespace banyan

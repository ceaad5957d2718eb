#include "schedule/program.h"

#include <algorithm>

namespace banyan {

const char* LoopKindName(LoopKind kind) {
  switch (kind) {
    case LoopKind::kSerial:
      return "serial";
    case LoopKind::kParallel:
      return "parallel";
    case LoopKind::kVectorized:
      return "vectorized";
    case LoopKind::kUnrolled:
      return "unrolled";
    case LoopKind::kThreadBound:
      return "thread-bound";
  }
  return "serial";
}

LinearForm LinearForm::Unit(size_t size, size_t at) {
  LinearForm form;
  form.coefficients.assign(size, 0);
  form.coefficients[at] = 1;
  return form;
}

int BlockView::FindIter(std::string_view iter_name) const {
  for (size_t i = 0; i < iters.size(); ++i) {
    if (iters[i].name == iter_name) return static_cast<int>(i);
  }
  return -1;
}

int64_t BufferView::elements() const {
  int64_t product = 1;
  for (const int64_t extent : shape) product *= extent;
  return product;
}

std::vector<int64_t> BufferView::strides() const {
  std::vector<int64_t> result(shape.size(), 1);
  for (size_t i = shape.size(); i > 1; --i) result[i - 2] = result[i - 1] * shape[i - 1];
  return result;
}

int ProgramView::FindBlock(std::string_view name) const {
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

int ProgramView::FindLoop(std::string_view name) const {
  for (size_t i = 0; i < loops.size(); ++i) {
    if (loops[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

int ProgramView::FindBuffer(std::string_view name) const {
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<int> ProgramView::BlocksUnder(int loop) const {
  std::vector<int> result;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto& around = blocks[i].loops;
    if (std::find(around.begin(), around.end(), loop) != around.end()) {
      result.push_back(static_cast<int>(i));
    }
  }
  return result;
}

int64_t ProgramView::Iterations(int block) const {
  int64_t product = 1;
  for (const int loop : blocks[static_cast<size_t>(block)].loops) {
    product *= loops[static_cast<size_t>(loop)].extent;
  }
  return product;
}

}  // namespace banyan

#include "schedule/structure.h"

#include <fmt/format.h>

#include <string>

#include "base/hash.h"

namespace banyan {
namespace {

void Add(const LinearForm& form, std::string* text) {
  *text += form.affine ? '(' : '?';
  for (const int64_t coefficient : form.coefficients) {
    *text += coefficient == 0 ? '0' : coefficient == 1 ? '1' : 'n';
  }
}

void Add(const AccessView& access, const char* kind, std::string* text) {
  *text += fmt::format(" {}{}", kind, access.buffer);
  for (const LinearForm& index : access.indices) Add(index, text);
}

}  // namespace

uint64_t ProgramStructure(const ProgramView& program) {
  std::string text;
  for (const BufferView& buffer : program.buffers) {
    text += fmt::format("buffer {} {} {}\n", buffer.dtype, buffer.shape.size(),
                        buffer.is_parameter ? 'p' : 'i');
  }
  for (const BlockView& block : program.blocks) {
    text += fmt::format("block {} {}{}{}{}", block.combiner, block.has_condition ? 'c' : '-',
                        block.has_call ? 'f' : '-', block.opaque ? 'o' : '-',
                        block.multiply_add ? 'm' : '-');
    for (const int loop : block.loops) {
      text += fmt::format(" l{}", LoopKindName(program.loops[static_cast<size_t>(loop)].kind));
    }
    for (const IterView& iter : block.iters) {
      text += fmt::format(" i{}", static_cast<int>(iter.kind));
      Add(iter.binding, &text);
    }
    for (const AccessView& access : block.reads) Add(access, "r", &text);
    for (const AccessView& access : block.writes) Add(access, "w", &text);
    text += '\n';
  }
  return Hash64(text);
}

}  // namespace banyan

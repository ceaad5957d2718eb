// The program in a prompt: an outline with Banyan's names, and what is legal there.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/format.h"
#include "base/strings.h"
#include "model/prompt_parts.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr size_t kEnumerated = 4000;  // legal steps of one transformation that are summed up
constexpr size_t kShownPlaces = 16;
constexpr size_t kShownForms = 4;  // of what follows a rule that the list shows
constexpr size_t kShownDivisors = 24;

const LoopView& LoopOf(const ProgramView& program, int loop) {
  return program.loops[static_cast<size_t>(loop)];
}

std::string FormText(const LinearForm& form, const std::vector<std::string>& names) {
  std::string text;
  if (!form.affine) {
    std::vector<std::string> used;
    for (size_t k = 0; k < names.size(); ++k) {
      if (form.uses(k)) used.push_back(names[k]);
    }
    return fmt::format("f({})", fmt::join(used, ", "));
  }
  auto add = [&](int64_t number, const std::string& name) {
    const int64_t size = number < 0 ? -number : number;
    if (!text.empty()) text += number < 0 ? " - " : " + ";
    if (text.empty() && number < 0) text += "-";
    if (name.empty() || size != 1) text += std::to_string(size);
    if (!name.empty()) text += (size != 1 ? "*" : "") + name;
  };
  for (size_t k = 0; k < names.size(); ++k) {
    if (form.uses(k)) add(form.coefficients[k], names[k]);
  }
  if (form.constant != 0 || text.empty()) add(form.constant, "");
  return text;
}

std::string AccessText(const ProgramView& program, const AccessView& access,
                       const std::vector<std::string>& iters) {
  std::vector<std::string> indices;
  for (const auto& form : access.indices) indices.push_back(FormText(form, iters));
  const std::string name = access.buffer < 0
                               ? std::string("?")
                               : program.buffers[static_cast<size_t>(access.buffer)].name;
  return fmt::format("{}[{}]", name, fmt::join(indices, ", "));
}

std::string BodyText(const ProgramView& program, const BlockView& block) {
  std::vector<std::string> iters;
  for (const auto& iter : block.iters) iters.push_back(iter.name);
  if (block.opaque || block.writes.empty()) return "(opaque: only `primitive` applies)";
  const std::string out = AccessText(program, block.writes[0], iters);
  std::vector<std::string> reads;
  for (const auto& read : block.reads) {
    std::string text = AccessText(program, read, iters);
    if (std::find(reads.begin(), reads.end(), text) == reads.end()) reads.push_back(text);
  }
  if (block.is_init) return out + " = initial value";
  if (block.multiply_add && reads.size() == 2) {
    return fmt::format("{} += {} * {}", out, reads[0], reads[1]);
  }
  const std::string value = fmt::format("f({})", fmt::join(reads, ", "));
  if (!block.is_reduction) return fmt::format("{} = {}", out, reads.empty() ? "constant" : value);
  if (block.combiner == "add") return fmt::format("{} += {}", out, value);
  return fmt::format("{} = {}({}, {})", out, block.combiner.empty() ? "combine" : block.combiner,
                     out, value);
}

std::string IterText(const BlockView& block) {
  std::vector<std::string> spatial;
  std::vector<std::string> reduction;
  for (const auto& iter : block.iters) {
    (iter.kind == IterKind::kReduction ? reduction : spatial)
        .push_back(fmt::format("{}={}", iter.name, iter.extent));
  }
  std::string text = spatial.empty() ? "" : "result " + Join(spatial, " ");
  if (!reduction.empty()) text += (text.empty() ? "sum " : ", sum ") + Join(reduction, " ");
  return text;
}

std::string RemarksOf(const ProgramView& program, int index) {
  const auto& block = program.blocks[static_cast<size_t>(index)];
  std::vector<std::string> remarks;
  if (const std::string iters = IterText(block); !iters.empty()) remarks.push_back(iters);
  const double flops = block.flops_per_iteration * static_cast<double>(program.Iterations(index));
  if (flops >= 1e4) remarks.push_back(fmt::format("{:.4g} MFLOP", flops / 1e6));
  if (block.is_reduction && block.has_init) remarks.emplace_back("initialisation inside");
  if (block.is_reduction && !block.has_init) remarks.emplace_back("initialisation split off");
  if (block.is_output) remarks.emplace_back("program output");
  if (block.has_condition) remarks.emplace_back("chooses by a condition (padding, mask)");
  if (block.has_predicate) remarks.emplace_back("guarded: a split does not divide");
  if (block.has_call) remarks.emplace_back("calls exp or the like");
  return Join(remarks, "; ");
}

}  // namespace

std::string OutlineOf(const ProgramView& program) {
  std::string out;
  std::vector<int> open;  // loops around the line last written
  for (size_t i = 0; i < program.blocks.size(); ++i) {
    const auto& block = program.blocks[i];
    size_t shared = 0;
    while (shared < open.size() && shared < block.loops.size() &&
           open[shared] == block.loops[shared]) {
      ++shared;
    }
    open = block.loops;
    for (size_t depth = shared; depth < block.loops.size(); ++depth) {
      const auto& loop = LoopOf(program, block.loops[depth]);
      out += fmt::format(
          "{}for {} < {}{}\n", std::string(2 * depth, ' '), loop.name, loop.extent,
          loop.kind == LoopKind::kSerial ? "" : fmt::format("  # {}", LoopKindName(loop.kind)));
    }
    out += fmt::format("{}{}: {}  # {}\n", std::string(2 * block.loops.size(), ' '), block.name,
                       BodyText(program, block), RemarksOf(program, static_cast<int>(i)));
  }
  return out;
}

std::string ProgramSection(const ProgramView& program) {
  std::string text =
      "Loops under the names that steps use, outermost first; then BLOCK: what it computes, over "
      "its iters.\n" +
      Fence("", OutlineOf(program));
  std::vector<std::string> buffers;
  for (const auto& buffer : program.buffers) {
    if (buffer.is_parameter) continue;
    buffers.push_back(fmt::format("{}[{}] {} ({}{})", buffer.name, fmt::join(buffer.shape, ", "),
                                  buffer.dtype, FormatBytes(buffer.bytes()),
                                  buffer.scope == "global" ? "" : ", " + buffer.scope));
  }
  if (!buffers.empty()) text += "Intermediates: " + Join(buffers, "; ") + ".\n";
  return text;
}

// ---- legal ranges ------------------------------------------------------------------------------

namespace {

std::string Places(const std::vector<std::string>& places, size_t at_most = kShownPlaces) {
  std::vector<std::string> shown(
      places.begin(),
      places.begin() + static_cast<std::ptrdiff_t>(std::min(places.size(), at_most)));
  if (places.size() > shown.size()) {
    shown.push_back(fmt::format("... ({} more)", places.size() - shown.size()));
  }
  return Join(shown, ", ");
}

std::string TextArg(const Step& step, const char* key) {
  const auto found = step.args.find(key);
  return found != step.args.end() && found->is_string() ? found->get<std::string>() : std::string();
}

class Ranges {
 public:
  explicit Ranges(const ModelRequest& request)
      : program_(*request.leaf.program), target_(*request.target) {}

  std::string Common() const {
    std::string text = TileSizes();
    for (const char* op : {"pack", "accumulate", "fuse_producer", "fuse_consumer", "inline",
                           "vectorize", "unroll", "parallelize"}) {
      text += fmt::format("- {}: {}\n", op, Summary(op));
    }
    return text;
  }

  std::string Rare() const {
    std::string text;
    for (const char* op : {"layout", "padding", "rfactor", "fuse_loops"}) {
      text += fmt::format("- {}: {}\n", op, Summary(op));
    }
    text += "- reorder: loops of one block that surround the same blocks, in any order\n";
    if (const auto steps = Legal("primitive"); !steps.empty()) {
      text += fmt::format("- primitive: among others {}\n", PrintStep(steps[0]));
    }
    return text;
  }

 private:
  std::vector<Step> Legal(const char* op) const {
    return FindTransformation(op)->Enumerate(program_, target_, kEnumerated);
  }

  // Sizes that divide the extents there are.
  std::string TileSizes() const {
    std::map<int64_t, bool> extents;
    for (const auto& loop : program_.loops) {
      if (loop.kind == LoopKind::kSerial && loop.extent > 1) extents[loop.extent] = true;
    }
    std::string text = "- tile: any serial loop; sizes that divide, by extent:";
    const char* separator = " ";
    for (const auto& [extent, unused] : extents) {
      std::vector<int64_t> divisors;
      for (int64_t d = 2; d <= std::min<int64_t>(extent / 2, 4096); ++d) {
        if (extent % d == 0) divisors.push_back(d);
      }
      std::string shown = divisors.empty() ? "none" : "";
      if (divisors.size() > kShownDivisors) divisors.resize(kShownDivisors);
      shown += fmt::format("{}", fmt::join(divisors, " "));
      text += fmt::format("{}{}: {}", separator, extent, shown);
      separator = "; ";
    }
    return text + ". Other sizes leave a guarded rest.\n";
  }

  std::string Summary(const std::string& op) const {
    // What varies, by what it belongs to, both in the order of the enumeration.
    std::vector<std::pair<std::string, std::vector<std::string>>> groups;
    auto add = [&](const std::string& owner, const std::string& place) {
      auto group = std::find_if(groups.begin(), groups.end(),
                                [&](const auto& item) { return item.first == owner; });
      if (group == groups.end()) group = groups.insert(groups.end(), {owner, {}});
      auto& places = group->second;
      if (!place.empty() && std::find(places.begin(), places.end(), place) == places.end()) {
        places.push_back(place);
      }
    };
    for (const Step& step : Legal(op.c_str())) {
      const std::string block = TextArg(step, "block");
      if (op == "accumulate") {
        if (step.args.contains("at")) add(block + " at", TextArg(step, "at"));
        if (!step.args.contains("at")) add(block + " init", TextArg(step, "init"));
      } else if (op == "pack") {
        add(fmt::format("{} reads {}; at", block, TextArg(step, "buffer")),
            step.args.contains("at") ? TextArg(step, "at") : "left out");
      } else if (op == "layout") {
        add(block, step.args.contains("map") ? "map=" + MapText(step) : "scope=local");
      } else if (op == "padding") {
        add(block, step.args.contains("at")
                       ? "split_off at=" + TextArg(step, "at")
                       : "pad_operands multiples=" + step.args["multiples"].dump());
      } else if (op == "inline") {
        add("", TextArg(step, "into") == "producer" ? block + " into=producer" : block);
      } else if (op == "fuse_loops") {
        add("loops next to each other of one nest, such as", PrintStep(step).substr(op.size()));
      } else if (!block.empty()) {
        add(block + " at", TextArg(step, "at"));
      } else {
        add("", TextArg(step, "loop"));
      }
    }
    if (groups.empty()) return "none at this program";
    const size_t at_most = op == "layout" || op == "fuse_loops" ? kShownForms : kShownPlaces;
    std::vector<std::string> shown;
    for (const auto& [owner, places] : groups) {
      shown.push_back(owner.empty() ? Places(places, at_most)
                                    : fmt::format("{}: {}", owner, Places(places, at_most)));
    }
    return Join(shown, " | ");
  }

  static std::string MapText(const Step& step) {
    return fmt::format("[{}]", fmt::join(step.args["map"].get<std::vector<std::string>>(), ", "));
  }

  const ProgramView& program_;
  const Target& target_;
};

}  // namespace

std::string RangesSection(const ModelRequest& request, bool rare) {
  std::string text = Ranges(request).Common();
  if (rare) return text + Ranges(request).Rare();
  return text +
         "(left out for length: ranges of layout, padding, rfactor, fuse_loops, reorder, "
         "primitive)\n";
}

}  // namespace banyan

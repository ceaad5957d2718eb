#include "model/reply_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace banyan {
namespace {

constexpr size_t kMaxBlocks = 256;
constexpr size_t kMaxLoops = 64;  // of one block
constexpr size_t kMaxNameBytes = 100;
constexpr size_t kLettersForTypos = 4;

std::string TextArg(const Json& args, const char* key) {
  const auto found = args.find(key);
  return found != args.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string TextOr(const Json& args, const char* key, const std::string& otherwise) {
  std::string text = TextArg(args, key);
  return text.empty() ? otherwise : text;
}

// Without case and separators: "J_1" and "j.1" are the same.
std::string Bare(std::string_view name) {
  std::string bare;
  for (const char c : name) {
    if (c == '.' || c == '_' || c == '-' || c == ' ') continue;
    bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return bare;
}

std::string Digits(std::string_view name) {
  std::string digits;
  for (const char c : name) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) digits += c;
  }
  return digits;
}

// "j.inner", "j_outer": the loop meant by the words of other compilers.
std::string PartsWords(const std::string& name, const std::vector<std::string>& names) {
  for (const char* word : {"inner", "outer"}) {
    const std::string suffix = word;
    if (name.size() <= suffix.size() + 1 || !name.ends_with(suffix)) continue;
    const char separator = name[name.size() - suffix.size() - 1];
    if (separator != '.' && separator != '_') continue;
    const std::string stem = name.substr(0, name.size() - suffix.size() - 1);
    std::string last;
    for (int part = 0; part < 4; ++part) {
      const std::string candidate = fmt::format("{}.{}", stem, part);
      if (std::find(names.begin(), names.end(), candidate) == names.end()) break;
      last = candidate;
      if (suffix == "outer") break;
    }
    return last;
  }
  return {};
}

// The one of `names` that is meant by `name`; nullopt: it is among them, or none or several are
// meant.
std::optional<std::string> Meant(const std::string& name, const std::vector<std::string>& names) {
  if (name.empty() || name.size() > kMaxNameBytes) return std::nullopt;
  if (std::find(names.begin(), names.end(), name) != names.end()) return std::nullopt;
  const std::string bare = Bare(name);
  std::optional<std::string> found;
  for (const std::string& candidate : names) {
    if (Bare(candidate) != bare) continue;
    if (found && *found != candidate) return std::nullopt;
    found = candidate;
  }
  if (found) return found;
  if (std::string part = PartsWords(name, names); !part.empty()) return part;
  const std::string digits = Digits(name);
  for (const std::string& candidate : names) {
    const size_t letters = candidate.size() - Digits(candidate).size();
    if (letters < kLettersForTypos || candidate.size() > kMaxNameBytes) continue;
    if (Digits(candidate) != digits) continue;
    const size_t size = std::max(candidate.size(), name.size());
    if (size - std::min(candidate.size(), name.size()) > 2) continue;
    if (EditDistance(name, candidate) > (letters >= 8 ? 2 : 1)) continue;
    if (found && *found != candidate) return std::nullopt;
    found = candidate;
  }
  return found;
}

bool Fix(std::string& name, const std::vector<std::string>& names) {
  auto meant = Meant(name, names);
  if (!meant) return false;
  name = *std::move(meant);
  return true;
}

}  // namespace

NameTracker::NameTracker(const ProgramView& program) {
  auto buffer_of = [&](int index) {
    if (index < 0) return Buffer();
    const auto& buffer = program.buffers[static_cast<size_t>(index)];
    return Buffer{buffer.name, buffer.shape};
  };
  for (const auto& view : program.blocks) {
    Block block;
    block.name = view.name;
    block.open = view.opaque;
    for (const int index : view.loops) {
      const auto& loop = program.loops[static_cast<size_t>(index)];
      block.loops.push_back({loop.name, loop.extent});
    }
    for (const auto& iter : view.iters) block.iters.push_back(iter.name);
    for (const auto& access : view.reads) block.reads.push_back(buffer_of(access.buffer));
    if (!view.writes.empty()) block.write = buffer_of(view.writes[0].buffer);
    blocks_.push_back(std::move(block));
  }
}

const NameTracker::Block* NameTracker::Find(const std::string& name) const {
  for (const Block& block : blocks_) {
    if (block.name == name) return &block;
  }
  return nullptr;
}

NameTracker::Block* NameTracker::Find(const std::string& name) {
  for (Block& block : blocks_) {
    if (block.name == name) return &block;
  }
  return nullptr;
}

int NameTracker::LoopOf(const Block& block, const std::string& name) {
  const std::string full = block.name + "." + name;
  for (const std::string* wanted : {&full, &name}) {
    for (size_t i = 0; i < block.loops.size(); ++i) {
      if (block.loops[i].name == *wanted) return static_cast<int>(i);
    }
  }
  return -1;
}

void NameTracker::AddBlock(Block block) {
  if (Find(block.name) == nullptr && blocks_.size() < kMaxBlocks) {
    blocks_.push_back(std::move(block));
  }
}

void NameTracker::Open(const std::string& name) {
  if (Block* block = Find(name)) block->open = true;
}

void NameTracker::Apply(const Step& step) {
  const Json& args = step.args;
  const std::string block = TextArg(args, "block");
  if (step.op == "tile") {
    Tile(args);
  } else if (step.op == "reorder") {
    if (Block* found = Find(block)) Reorder(*found, args["order"]);
  } else if (step.op == "fuse_loops") {
    FuseLoops(args);
  } else if (step.op == "pack") {
    Pack(args);
  } else if (step.op == "accumulate") {
    Accumulate(args);
  } else if (step.op == "fuse_producer" || step.op == "fuse_consumer") {
    Move(args);
  } else if (step.op == "inline") {
    std::erase_if(blocks_, [&](const Block& other) { return other.name == block; });
  } else if (step.op == "padding") {
    Open(block);
    if (args.contains("at")) {
      AddBlock({.name = TextOr(args, "name", block + "_fill"),
                .loops = {},
                .iters = {},
                .reads = {},
                .write = {},
                .open = true});
    } else {
      open_ = true;
    }
  } else if (step.op == "rfactor") {
    open_ = true;
    const std::string loop = TextArg(args, "loop");
    for (Block& other : blocks_) other.open = other.open || LoopOf(other, loop) >= 0;
  } else if (step.op == "layout") {
    if (args.value("pad", false)) Open(block);
    if (Block* found = Find(block)) {
      const std::string written = found->write.name;
      found->write.shape.clear();
      for (Block& other : blocks_) {
        for (Buffer& read : other.reads) {
          if (read.name == written) read.shape.clear();
        }
      }
    }
  } else if (step.op == "primitive" && TextArg(args, "name") != "Annotate") {
    open_ = true;
    for (Block& other : blocks_) other.open = true;
  }
}

void NameTracker::Tile(const Json& args) {
  const Block* tiled = Find(TextArg(args, "block"));
  if (tiled == nullptr) return;
  for (const auto& [key, factors] : args["factors"].items()) {
    const int at = LoopOf(*tiled, key);
    if (at < 0) continue;
    const Loop whole = tiled->loops[static_cast<size_t>(at)];
    std::vector<Loop> parts = {{whole.name + ".0", 0}};
    int64_t product = 1;
    for (const auto& factor : factors) {
      const auto size = factor.get<int64_t>();
      product = std::min(product * size, int64_t{1} << 40);
      parts.push_back({fmt::format("{}.{}", whole.name, parts.size()), size});
    }
    if (whole.extent > 0) parts[0].extent = (whole.extent + product - 1) / product;
    for (Block& block : blocks_) {
      const auto found = std::find_if(block.loops.begin(), block.loops.end(),
                                      [&](const Loop& loop) { return loop.name == whole.name; });
      if (found == block.loops.end() || block.loops.size() + parts.size() > kMaxLoops) continue;
      const auto next = block.loops.erase(found);
      block.loops.insert(next, parts.begin(), parts.end());
    }
  }
  if (args.contains("order")) {
    if (Block* block = Find(TextArg(args, "block"))) Reorder(*block, args["order"]);
  }
}

void NameTracker::Reorder(Block& block, const Json& order) {
  std::vector<size_t> places;
  std::vector<Loop> named;
  for (const auto& name : order) {
    const int at = LoopOf(block, name.get<std::string>());
    if (at < 0) continue;
    const auto place = static_cast<size_t>(at);
    if (std::find(places.begin(), places.end(), place) != places.end()) continue;
    places.push_back(place);
    named.push_back(block.loops[place]);
  }
  std::sort(places.begin(), places.end());
  for (size_t i = 0; i < places.size(); ++i) block.loops[places[i]] = named[i];
}

void NameTracker::FuseLoops(const Json& args) {
  const auto loops = args["loops"].get<std::vector<std::string>>();
  for (Block& block : blocks_) {
    const int first = LoopOf(block, loops[0]);
    if (first < 0) continue;
    const std::string owner = loops[0].substr(0, loops[0].find('.'));
    std::string name = loops[0];
    int64_t extent = block.loops[static_cast<size_t>(first)].extent;
    for (size_t i = 1; i < loops.size(); ++i) {
      const bool relative = loops[i].rfind(owner + ".", 0) == 0;
      name += "*" + (relative ? loops[i].substr(owner.size() + 1) : loops[i]);
      const int at = LoopOf(block, loops[i]);
      if (at < 0) continue;
      extent = std::min(extent * block.loops[static_cast<size_t>(at)].extent, int64_t{1} << 40);
      block.loops.erase(block.loops.begin() + at);
    }
    const int again = LoopOf(block, loops[0]);
    if (again >= 0) {
      block.loops[static_cast<size_t>(again)] = {TextOr(args, "name", name), extent};
    }
  }
}

void NameTracker::Pack(const Json& args) {
  Block* reader = Find(TextArg(args, "block"));
  const std::string buffer = TextArg(args, "buffer");
  Block copy;
  copy.name = TextOr(args, "name", buffer + "_pack");
  copy.open = true;
  if (reader != nullptr) {
    const auto shape = Shape(reader->name, buffer);
    const int at = args.contains("at") ? LoopOf(*reader, TextArg(args, "at")) : -1;
    copy.loops.assign(reader->loops.begin(), reader->loops.begin() + at + 1);
    for (size_t d = 0; d < shape.size(); ++d) {
      copy.loops.push_back({fmt::format("{}.v{}", copy.name, d), at < 0 ? shape[d] : 0});
      copy.iters.push_back(fmt::format("v{}", d));
    }
    copy.open = shape.empty();
    copy.reads = {{buffer, shape}};
    for (Block& other : blocks_) {
      const bool reads =
          other.name == reader->name ||
          (args.contains("readers") && std::find(args["readers"].begin(), args["readers"].end(),
                                                 Json(other.name)) != args["readers"].end());
      if (!reads) continue;
      for (Buffer& read : other.reads) {
        if (read.name == buffer) read = {};
      }
    }
  }
  AddBlock(std::move(copy));
}

void NameTracker::Accumulate(const Json& args) {
  Block* block = Find(TextArg(args, "block"));
  if (block == nullptr) return;
  const std::string name = block->name;
  if (args.contains("at")) {
    Block copy;
    copy.name = TextOr(args, "name", name + "_write");
    const int at = LoopOf(*block, TextArg(args, "at"));
    copy.loops.assign(block->loops.begin(), block->loops.begin() + at + 1);
    const size_t rank = block->write.shape.size();
    for (size_t d = 0; d < rank; ++d) {
      copy.loops.push_back({fmt::format("{}.v{}", copy.name, d), 0});
    }
    copy.open = rank == 0;
    copy.write = block->write;
    block->write = {};
    AddBlock(std::move(copy));
  }
  if (!args.contains("init")) return;
  AddBlock(
      {.name = name + "_init", .loops = {}, .iters = {}, .reads = {}, .write = {}, .open = true});
}

void NameTracker::Move(const Json& args) {
  Block* moved = Find(TextArg(args, "block"));
  if (moved == nullptr) return;
  const std::string at = TextArg(args, "at");
  for (const Block& other : blocks_) {
    const auto found = std::find_if(other.loops.begin(), other.loops.end(),
                                    [&](const Loop& loop) { return loop.name == at; });
    if (other.name == moved->name || found == other.loops.end()) continue;
    std::vector<Loop> loops(other.loops.begin(), found + 1);
    for (const std::string& iter : moved->iters) {
      loops.push_back({moved->name + "." + iter, 0});
    }
    moved->loops = std::move(loops);
    if (moved->iters.empty()) moved->open = true;
    return;
  }
  moved->open = true;
}

bool NameTracker::FixBlock(std::string& name) const {
  if (open_) return false;
  std::vector<std::string> names;
  for (const Block& block : blocks_) names.push_back(block.name);
  return Fix(name, names);
}

bool NameTracker::FixLoop(std::string& name) const {
  std::vector<std::string> names;
  std::vector<std::string> relative;
  for (const Block& block : blocks_) {
    if (open_ || block.open) return false;
    for (const Loop& loop : block.loops) {
      if (std::find(names.begin(), names.end(), loop.name) == names.end()) {
        names.push_back(loop.name);
        if (loop.name == block.name + "." + name) relative.push_back(loop.name);
      }
    }
  }
  if (std::find(names.begin(), names.end(), name) != names.end()) return false;
  if (relative.size() == 1) {
    name = relative[0];
    return true;
  }
  return Fix(name, names);
}

bool NameTracker::FixLoopOf(const std::string& block, std::string& name) const {
  const Block* found = Find(block);
  if (found == nullptr || found->open || LoopOf(*found, name) >= 0) return false;
  std::vector<std::string> full;
  std::vector<std::string> relative;
  for (const Loop& loop : found->loops) {
    full.push_back(loop.name);
    const bool own = loop.name.rfind(block + ".", 0) == 0;
    relative.push_back(own ? loop.name.substr(block.size() + 1) : loop.name);
  }
  return Fix(name, name.rfind(block + ".", 0) == 0 ? full : relative);
}

bool NameTracker::FixBuffer(const std::string& block, std::string& name) const {
  const Block* found = Find(block);
  if (found == nullptr) return false;
  std::vector<std::string> names;
  for (const Buffer& read : found->reads) {
    if (read.name.empty()) return false;
    names.push_back(read.name);
  }
  return Fix(name, names);
}

bool NameTracker::FixIter(const std::string& block, std::string& name) const {
  const Block* found = Find(block);
  return found != nullptr && Fix(name, found->iters);
}

int64_t NameTracker::Extent(const std::string& block, const std::string& loop) const {
  const Block* found = Find(block);
  if (found == nullptr) return 0;
  const int at = LoopOf(*found, loop);
  return at < 0 ? 0 : found->loops[static_cast<size_t>(at)].extent;
}

std::vector<int64_t> NameTracker::Shape(const std::string& block, const std::string& buffer) const {
  const Block* found = Find(block);
  if (found == nullptr) return {};
  if (buffer.empty()) return found->write.shape;
  for (const Buffer& read : found->reads) {
    if (read.name == buffer) return read.shape;
  }
  return {};
}

}  // namespace banyan

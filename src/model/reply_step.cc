#include "model/reply_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "model/reply_json.h"
#include "schedule/step_schema.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr size_t kMaxNotes = 40;
constexpr size_t kMaxNoteBytes = 240;
constexpr int kMaxNesting = 3;  // of lists of steps

std::string Lower(std::string_view text) {
  std::string lower;
  for (const char c : text.substr(0, 100)) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

// ---- operations and arguments by other names ---------------------------------------------------

struct Synonym {
  const char* name;
  const char* op;
};
constexpr Synonym kOperations[] = {
    {"split", "tile"},
    {"tiling", "tile"},
    {"cache_read", "pack"},
    {"cache_write", "accumulate"},
    {"decompose_reduction", "accumulate"},
    {"compute_at", "fuse_producer"},
    {"reverse_compute_at", "fuse_consumer"},
    {"compute_inline", "inline"},
    {"reverse_compute_inline", "inline"},
    {"vectorise", "vectorize"},
    {"vectorization", "vectorize"},
    {"vector", "vectorize"},
    {"simd", "vectorize"},
    {"parallel", "parallelize"},
    {"parallelise", "parallelize"},
    {"fuse", "fuse_loops"},
    {"transform_layout", "layout"},
    {"set_scope", "layout"},
    {"decompose_padding", "padding"},
    {"pad_einsum", "padding"},
    {"pad", "padding"},
};

// Arguments of any operation that has the second but not the first.
constexpr std::pair<const char*, const char*> kArguments[] = {
    {"block_name", "block"},    {"stage", "block"},        {"loop_name", "loop"},
    {"axis", "loop"},           {"tile_sizes", "factors"}, {"sizes", "factors"},
    {"splits", "factors"},      {"tiles", "factors"},      {"factor", "factors"},
    {"loop_order", "order"},    {"loops_order", "order"},  {"permutation", "order"},
    {"loops", "order"},         {"order", "loops"},        {"loop", "at"},
    {"location", "at"},         {"where", "at"},           {"write_back", "at"},
    {"write_at", "at"},         {"consumer_loop", "at"},   {"init_at", "init"},
    {"init_loop", "init"},      {"operand", "buffer"},     {"tensor", "buffer"},
    {"layout", "map"},          {"index_map", "map"},      {"mapping", "map"},
    {"storage_scope", "scope"}, {"memory", "scope"},       {"loops", "loop"},
};

bool Has(const Json& schema, const std::string& key) { return schema["properties"].contains(key); }

std::vector<std::string> Keys(const Json& schema) {
  std::vector<std::string> keys;
  for (const auto& item : schema["properties"].items()) keys.push_back(item.key());
  return keys;
}

std::string ArgumentMeant(const Json& schema, const std::string& key) {
  if (Has(schema, key)) return key;
  const std::string lower = Lower(key);
  if (Has(schema, lower)) return lower;
  for (const auto& [other, ours] : kArguments) {
    if (lower == other && Has(schema, ours)) return ours;
  }
  if (key.size() < 3) return {};
  return ClosestName(key.size() > 100 ? std::string() : lower, Keys(schema));
}

// Arguments wrapped once more: {"op": "tile", "args": {...}}.
bool IsWrapper(const std::string& key) {
  return key == "args" || key == "arguments" || key == "params" || key == "parameters" ||
         key == "kwargs";
}

bool IsRemark(const std::string& key) {
  return key == "reason" || key == "comment" || key == "description" || key == "why" ||
         key == "note" || key == "rationale" || key == "explanation" || key == "id" ||
         key == "step" || key == "type";
}

const Transformation* FindOperation(const std::string& name) {
  for (const auto* transformation : AllTransformations()) {
    if (transformation->name() == name) return transformation;
  }
  return nullptr;
}

}  // namespace

// ---- notes -------------------------------------------------------------------------------------

void ReplyNotes::Add(std::string_view note) {
  std::string line = Tidy(note, kMaxNoteBytes);
  if (notes_.size() > kMaxNotes) return;
  if (std::find(notes_.begin(), notes_.end(), line) != notes_.end()) return;
  if (notes_.size() == kMaxNotes) line = "further repairs are not listed";
  notes_.push_back(std::move(line));
}

std::string Tidy(std::string_view text, size_t max_bytes) {
  // Control characters at the ends have become spaces.
  return std::string(Trim(OneLine(text, max_bytes)));
}

std::string Quote(std::string_view text, size_t max_bytes) {
  return "'" + Tidy(text, max_bytes) + "'";
}

// ---- reading -----------------------------------------------------------------------------------

namespace {

LooseStep FromCall(LooseCall call, std::string_view written) {
  return {std::move(call.op), std::move(call.args), std::move(call.positional),
          Quote(written, 100)};
}

// {"op": "tile", "block": ...}, {"tile": {...}}, {"step": "tile(...)"}.
Result<std::vector<LooseStep>> FromObject(const Json& object) {
  LooseStep step;
  step.shown = Quote(object.dump(-1, ' ', true, Json::error_handler_t::replace), 100);
  if (object.contains(kCutKey)) {
    return InvalidArgument(fmt::format("{} is cut off", step.shown));
  }
  static constexpr const char* kOpKeys[] = {"op",        "transformation", "operation",
                                            "transform", "type",           "action",
                                            "primitive", "name",           "step"};
  for (const char* key : kOpKeys) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) continue;
    const auto& text = found->get_ref<const std::string&>();
    if (text.find('(') != std::string::npos) {
      size_t skipped = 0;
      return ReadLooseStepText(text, &skipped);
    }
    step.op = text;
    for (const auto& [name, value] : object.items()) {
      if (name != key) step.args[name] = value;
    }
    return std::vector<LooseStep>{std::move(step)};
  }
  if (object.size() == 1 && object.begin()->is_object()) {
    step.op = object.begin().key();
    step.args = object.begin().value();
    return std::vector<LooseStep>{std::move(step)};
  }
  return InvalidArgument(fmt::format("{} has no \"op\"", step.shown));
}

Result<std::vector<LooseStep>> ReadSteps(const Json& value, int depth) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const std::string_view trimmed = Trim(text);
    if (!trimmed.empty() && (trimmed[0] == '{' || trimmed[0] == '[') && depth < kMaxNesting) {
      const LooseJson json = ReadLooseJson(trimmed, 0);
      if (!json.failed && !json.truncated) return ReadSteps(json.value, depth + 1);
    }
    size_t skipped = 0;
    auto steps = ReadLooseStepText(text, &skipped);
    if (steps.ok() && steps->empty() && skipped > 0) {
      return InvalidArgument(fmt::format("{} is no step", Quote(text)));
    }
    return steps;
  }
  if (value.is_object()) return FromObject(value);
  if (!value.is_array()) return InvalidArgument("steps are a list of texts");
  if (depth >= kMaxNesting) return InvalidArgument("steps are nested too deeply");
  std::vector<LooseStep> all;
  for (const Json& item : value) {
    if (item.is_null()) continue;
    BANYAN_ASSIGN_OR_RETURN(auto some, ReadSteps(item, depth + 1));
    for (auto& step : some) all.push_back(std::move(step));
    if (all.size() > kMaxProposalSteps) {
      return InvalidArgument(fmt::format("more than {} steps", kMaxProposalSteps));
    }
  }
  return all;
}

}  // namespace

Result<std::vector<LooseStep>> ReadLooseSteps(const Json& value) { return ReadSteps(value, 0); }

Result<std::vector<LooseStep>> ReadLooseStepText(std::string_view text, size_t* skipped_lines,
                                                 bool in_prose) {
  std::vector<LooseStep> steps;
  size_t at = 0;
  bool prose = false;  // on this line
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\n') {
      *skipped_lines += prose ? 1 : 0;
      prose = false;
      ++at;
    } else if (c == '#' || text.compare(at, 2, "//") == 0) {
      at = std::min(text.find('\n', at), text.size());
    } else if (!IsWordByte(c)) {
      ++at;
    } else {
      size_t end = at;
      while (end < text.size() && IsWordByte(text[end])) ++end;
      const std::string word = Lower(text.substr(at, end - at));
      const bool called = end < text.size() && text[end] == '(';
      const bool known = FindOperation(word) != nullptr ||
                         std::any_of(std::begin(kOperations), std::end(kOperations),
                                     [&](const Synonym& synonym) { return word == synonym.name; });
      // At the start of a line a misspelt operation is one too; in prose f(x) is not.
      const bool first = !prose && !in_prose;
      if (called && (known || first)) {
        auto call = ReadLooseCall(text, at);
        if (!call) {
          return InvalidArgument(
              fmt::format("{} does not end or is no step", Quote(text.substr(at, 80))));
        }
        const size_t past = call->end;
        steps.push_back(FromCall(*std::move(call), text.substr(at, past - at)));
        if (steps.size() > kMaxProposalSteps) {
          return InvalidArgument(fmt::format("more than {} steps", kMaxProposalSteps));
        }
        at = past;
      } else {
        // "1." and "Step 1:" before a step are no prose.
        prose = prose || (std::isdigit(static_cast<unsigned char>(c)) == 0 && word != "step");
        at = end;
      }
    }
  }
  *skipped_lines += prose ? 1 : 0;
  return steps;
}

// ---- repair ------------------------------------------------------------------------------------

namespace {

class Repair {
 public:
  Repair(const NameTracker& names, ReplyNotes* notes) : names_(names), notes_(notes) {}

  Result<std::vector<Step>> Run(const LooseStep& loose) {
    BANYAN_RETURN_IF_ERROR(FindOp(loose.op));
    schema_ = &transformation_->schema();
    GatherArguments(loose);
    AddImplied(Lower(loose.op));
    for (const auto& [key, property] : (*schema_)["properties"].items()) {
      const auto found = args_.find(key);
      if (found == args_.end() || found->is_null()) continue;
      // A list of loops is that many steps.
      if (key == "loop" && (found->is_array() || IsListText(*found))) continue;
      CoerceValue(property, fmt::format("{}: {}", op_, key), *found, notes_);
    }
    std::vector<Json> all = Expand();
    std::vector<Step> steps;
    for (Json& args : all) {
      FixNames(args);
      FitFactors(op_, args, names_, notes_);
      auto step = CanonicalStep({op_, std::move(args)});
      if (!step.ok()) return InvalidArgument(Tidy(step.error().message, 300));
      const auto again = ParseStep(PrintStep(*step));
      if (!again.ok() || !(*again == *step)) {
        return InvalidArgument("it cannot be written as plan text");
      }
      steps.push_back(*std::move(step));
    }
    return steps;
  }

 private:
  Status FindOp(const std::string& written) {
    std::string op = Lower(written);
    std::replace(op.begin(), op.end(), '-', '_');
    std::replace(op.begin(), op.end(), ' ', '_');
    if (const auto dot = op.rfind('.'); dot != std::string::npos) op = op.substr(dot + 1);
    for (const Synonym& synonym : kOperations) {
      if (op == synonym.name) op = synonym.op;
    }
    transformation_ = FindOperation(op);
    if (transformation_ == nullptr) {
      std::vector<std::string> known;
      for (const auto* one : AllTransformations()) known.emplace_back(one->name());
      const std::string close = op.size() > 40 ? "" : ClosestName(op, known);
      transformation_ = FindOperation(close);
      if (transformation_ == nullptr) {
        return InvalidArgument(fmt::format("no transformation is called {}; known: {}",
                                           Quote(written, 40), Join(known, ", ")));
      }
    }
    op_ = std::string(transformation_->name());
    if (op_ != written) notes_->Add(fmt::format("{} read as {}", Quote(written, 40), op_));
    return {};
  }

  void GatherArguments(const LooseStep& loose) {
    std::vector<std::pair<std::string, Json>> given;
    for (const auto& [key, value] : loose.args.items()) {
      if (IsWrapper(key) && value.is_object() && !(op_ == "primitive" && key == "args")) {
        for (const auto& [inner, item] : value.items()) given.emplace_back(inner, item);
      } else {
        given.emplace_back(key, value);
      }
    }
    // Exact names first: "loops" may stand beside "order".
    for (const bool exact : {true, false}) {
      for (const auto& [key, value] : given) {
        if (Has(*schema_, key) == exact) TakeArgument(key, value, exact);
      }
    }
    size_t next = 0;
    for (const auto& key : Keys(*schema_)) {
      if (next >= loose.positional.size()) break;
      if (args_.contains(key)) continue;
      args_[key] = loose.positional[next++];
    }
    if (next > 0) notes_->Add(fmt::format("{}: arguments by position", op_));
  }

  void TakeArgument(const std::string& key, const Json& value, bool exact) {
    if (value.is_null()) return;
    if (exact) {
      args_[key] = value;
      return;
    }
    const std::string meant = ArgumentMeant(*schema_, key);
    if (!meant.empty() && !args_.contains(meant)) {
      notes_->Add(fmt::format("{}: {} read as {}", op_, Quote(key, 40), meant));
      args_[meant] = value;
    } else if (key == "block" || Lower(key) == "block_name") {
      block_hint_ = value.is_string() ? value.get<std::string>() : std::string();
    } else if (op_ == "tile" && Lower(key) == "loop") {
      loop_hint_ = value;
    } else if (!IsRemark(Lower(key))) {
      notes_->Add(fmt::format("{}: unknown argument {} left out", op_, Quote(key, 40)));
    }
  }

  // What the other compiler's operation says by its name.
  void AddImplied(const std::string& written) {
    if (written == "reverse_compute_inline") args_["into"] = "producer";
    if (written == "pad_einsum" && !args_.contains("mode")) args_["mode"] = "pad_operands";
    if (written == "decompose_reduction" && args_.contains("at") && !args_.contains("init")) {
      args_["init"] = args_["at"];
      args_.erase("at");
    }
    if (op_ == "padding" && !args_.contains("mode") && args_.contains("multiples") &&
        !args_.contains("at")) {
      args_["mode"] = "pad_operands";
    }
    if (op_ == "tile" && args_.contains("factors")) DropInferred(args_["factors"]);
    // split(block=O, loop=i, factors=[4, 8])
    if (op_ == "tile" && loop_hint_.is_string() && args_.contains("factors") &&
        !args_["factors"].is_object()) {
      Json factors = Json::object();
      factors[loop_hint_.get<std::string>().substr(0, 200)] = args_["factors"];
      args_["factors"] = std::move(factors);
    }
  }

  // [None, 8] and [-1, 8]: the outermost factor is inferred anyway.
  void DropInferred(Json& factors) {
    if (factors.is_array() && factors.size() > 1 &&
        (factors[0].is_null() || (factors[0].is_number() && factors[0] <= 0))) {
      factors.erase(size_t{0});
      notes_->Add("tile: an inferred outermost factor left out");
    } else if (factors.is_object()) {
      for (auto& [loop, sizes] : factors.items()) {
        if (sizes.is_array()) DropInferred(sizes);
      }
    }
  }

  static bool IsListText(const Json& value) {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return text.find(',') != std::string::npos || text.find('[') != std::string::npos;
  }

  std::vector<Json> Expand() {
    const auto found = args_.find("loop");
    if (found == args_.end() || !Has(*schema_, "loop")) return {args_};
    if (IsListText(*found)) {
      Json list = Json::array();
      std::string text = found->get<std::string>().substr(0, 1000);
      std::erase_if(text, [](char c) { return c == '[' || c == ']' || c == '"' || c == '\''; });
      for (const auto& part : Split(text, ',')) list.push_back(std::string(Trim(part)));
      *found = std::move(list);
    }
    if (!found->is_array()) return {args_};
    std::vector<Json> all;
    for (const Json& loop : *found) {
      if (all.size() >= 8) break;
      Json one = args_;
      one["loop"] = loop;
      all.push_back(std::move(one));
    }
    if (all.size() > 1) notes_->Add(fmt::format("{}: a list of loops made one step each", op_));
    return all.empty() ? std::vector<Json>{args_} : all;
  }

  void Fixed(const std::string& from, const std::string& to) {
    notes_->Add(fmt::format("{}: {} read as {}", op_, Quote(from, 60), to));
  }

  template <typename F>
  void FixText(Json& value, F fix) {
    if (!value.is_string()) return;
    std::string name(Trim(value.get_ref<const std::string&>()));
    const std::string before = name;
    if (fix(name)) Fixed(before, name);
    value = std::move(name);
  }

  void FixNames(Json& args) {
    std::string block;
    if (args.contains("block")) {
      FixText(args["block"], [&](std::string& name) { return names_.FixBlock(name); });
      if (args["block"].is_string()) block = args["block"].get<std::string>();
    }
    const bool fuses = op_ == "fuse_producer" || op_ == "fuse_consumer";
    for (const char* key : {"at", "init"}) {
      if (!args.contains(key)) continue;
      FixText(args[key], [&](std::string& name) {
        return fuses ? names_.FixLoop(name) : names_.FixLoopOf(block, name);
      });
    }
    if (args.contains("loop")) {
      FixText(args["loop"], [&](std::string& name) {
        if (!block_hint_.empty() && name.rfind(block_hint_ + ".", 0) != 0) {
          std::string full = block_hint_ + "." + name;
          names_.FixLoop(full);
          if (names_.Extent(block_hint_, full) > 0) return name = full, true;
        }
        return names_.FixLoop(name);
      });
    }
    if (args.contains("buffer")) {
      FixText(args["buffer"], [&](std::string& name) { return names_.FixBuffer(block, name); });
    }
    if (args.contains("loops") && args["loops"].is_array()) {
      for (Json& loop : args["loops"]) {
        FixText(loop, [&](std::string& name) { return names_.FixLoop(name); });
      }
    }
    if (args.contains("readers") && args["readers"].is_array()) {
      for (Json& reader : args["readers"]) {
        FixText(reader, [&](std::string& name) { return names_.FixBlock(name); });
      }
    }
    for (const char* key : {"factors", "multiples"}) {
      if (args.contains(key) && args[key].is_object()) FixKeys(block, key, args);
    }
    if (op_ == "reorder" && args.contains("order") && args["order"].is_array()) {
      for (Json& loop : args["order"]) {
        FixText(loop, [&](std::string& name) { return names_.FixLoopOf(block, name); });
      }
    }
    if (op_ == "tile" && args.contains("order") && args.contains("factors") &&
        args["factors"].is_object() && args["order"].is_array()) {
      FixTileOrder(block, args);
    }
  }

  void FixKeys(const std::string& block, const char* key, Json& args) {
    Json fixed = Json::object();
    for (const auto& [written, value] : args[key].items()) {
      std::string name(Trim(written));
      const bool changed = std::string(key) == "factors" ? names_.FixLoopOf(block, name)
                                                         : names_.FixIter(block, name);
      if (changed) Fixed(written, name);
      if (!fixed.contains(name)) fixed[name] = value;
    }
    args[key] = std::move(fixed);
  }

  // The order names the parts that this step makes: asked of the names after its splits.
  void FixTileOrder(const std::string& block, Json& args) {
    Json splits = Json::object();
    for (const auto& [loop, factors] : args["factors"].items()) {
      Json sizes = Json::array();
      for (const Json& factor : factors.is_array() ? factors : Json::array({factors})) {
        const bool small = factor.is_number_integer() && factor > 0 && factor < (1 << 20);
        sizes.push_back(small ? factor : Json(1));
      }
      if (sizes.size() > 8) return;
      splits[loop] = std::move(sizes);
    }
    NameTracker after = names_;
    after.Apply({"tile", {{"block", block}, {"factors", std::move(splits)}}});
    for (Json& loop : args["order"]) {
      FixText(loop, [&](std::string& name) { return after.FixLoopOf(block, name); });
    }
  }

  const NameTracker& names_;
  ReplyNotes* notes_;
  const Transformation* transformation_ = nullptr;
  const Json* schema_ = nullptr;
  std::string op_;
  Json args_ = Json::object();
  std::string block_hint_;  // of a step that takes full names of loops
  Json loop_hint_;          // of a split
};

}  // namespace

Result<std::vector<Step>> RepairStep(const LooseStep& loose, const NameTracker& names,
                                     ReplyNotes* notes) {
  return Repair(names, notes).Run(loose);
}

}  // namespace banyan

// Where a block is computed: fuse_producer, fuse_consumer, inline.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schedule/regions.h"
#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

// A fusion that computes a reduction this often over cannot win its locality back.
constexpr double kMaxRecomputation = 8;

std::string NamesOf(const ProgramView& program, const std::vector<int>& blocks) {
  std::vector<std::string_view> names;
  for (const int block : blocks) names.push_back(BlockOf(program, block).name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

class FuseBase : public TransformationBase {
 public:
  FuseBase(std::string_view name, std::string_view summary, bool producer)
      : TransformationBase(name, summary, R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block that moves"},
    "at": {"type": "string", "description": "full name of the loop of another block inside which it is computed from now on, piece by piece"},
    "keep_unit_loops": {"type": "boolean", "default": true,
      "description": "give the block a loop for each of its iterations, also where a piece has extent 1"}
  },
  "required": ["block", "at"]
})"),
        producer_(producer) {}

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(step.args, "block")));
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, Text(step.args, "at")));
    const auto& block = BlockOf(program, index);
    const auto& at = LoopOf(program, loop);
    if (block.opaque) return IllegalStep(fmt::format("block {} is opaque", block.name));
    if (PositionOf(block, loop) >= 0) {
      return IllegalStep(fmt::format("{} runs inside {} already", block.name, at.name));
    }
    if (VectorizedAround(program, loop) >= 0) {
      return IllegalStep(
          fmt::format("{} is inside a vectorised loop: choose a loop outside it", at.name));
    }
    if (at.kind == LoopKind::kVectorized || at.kind == LoopKind::kUnrolled) {
      return IllegalStep(
          fmt::format("{} is {}: choose a loop outside it", at.name, LoopKindName(at.kind)));
    }
    const auto& others = producer_ ? block.consumers : block.producers;
    if (others.empty()) {
      return IllegalStep(
          fmt::format("{} has no {}", block.name, producer_ ? "consumer" : "producer"));
    }
    if (producer_ && block.is_output) {
      return IllegalStep(fmt::format(
          "{} writes an output of the program: it cannot move into a consumer", block.name));
    }
    for (const int other : others) {
      if (BlockOf(program, other).is_init && !producer_) continue;
      if (PositionOf(BlockOf(program, other), loop) >= 0) continue;
      return IllegalStep(fmt::format("{} does not run inside {}; all of {} must",
                                     BlockOf(program, other).name, at.name,
                                     NamesOf(program, others)));
    }
    if (IsDecomposed(block) || block.is_init) {
      return IllegalStep(fmt::format(
          "the initialisation of {} is split off already: fuse before accumulate(init=...)",
          block.name));
    }
    if (!block.writes.empty()) {
      BANYAN_RETURN_IF_ERROR(NeedOneWriter(program, block.writes[0].buffer));
    }
    return producer_ ? CheckRecomputation(program, index, loop)
                     : CheckComplete(program, block, loop);
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const bool keep = step.args.value("keep_unit_loops", true);
    const auto& block = Text(step.args, "block");
    const auto& at = Text(step.args, "at");
    return producer_ ? schedule.ComputeAt(block, at, keep)
                     : schedule.ReverseComputeAt(block, at, keep);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("compute {} piece by piece inside {}", Text(step.args, "block"),
                       Text(step.args, "at"));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      std::set<int> seen;
      for (const int other : producer_ ? block.consumers : block.producers) {
        for (const int loop : BlockOf(program, other).loops) {
          if (!seen.insert(loop).second) continue;
          all.push_back({{"block", block.name}, {"at", LoopOf(program, loop).name}});
        }
      }
    }
    return all;
  }

  // One loop further out or in.
  std::vector<Json> Variants(const ProgramView& program, const Target&,
                             const Step& step) const override {
    std::vector<Json> all;
    const int loop = program.FindLoop(Text(step.args, "at"));
    if (loop < 0) return all;
    auto offer = [&](int other) {
      Json args = step.args;
      args["at"] = LoopOf(program, other).name;
      all.push_back(std::move(args));
    };
    if (LoopOf(program, loop).parent >= 0) offer(LoopOf(program, loop).parent);
    for (size_t i = 0; i < program.loops.size(); ++i) {
      if (program.loops[i].parent == loop) offer(static_cast<int>(i));
    }
    return all;
  }

 private:
  static Status CheckRecomputation(const ProgramView& program, int index, int loop) {
    const auto& block = BlockOf(program, index);
    if (!block.is_reduction) return {};
    const double times = RecomputationAt(program, index, loop);
    if (times <= kMaxRecomputation) return {};
    return IllegalStep(
        fmt::format("{} would be computed {:.0f} times over inside {}: choose a loop further out",
                    block.name, times, LoopOf(program, loop).name));
  }

  // From a piece of the producer's result TVM finds the consumer's iterations only if each index is
  // an iteration (plus a constant).
  static Status CheckPlainReads(const BlockView& block, const BlockView& producer) {
    for (const auto& access : block.reads) {
      if (producer.writes.empty() || access.buffer != producer.writes[0].buffer) continue;
      for (const auto& form : access.indices) {
        int used = 0;
        for (size_t k = 0; k < block.iters.size(); ++k) used += form.uses(k) ? 1 : 0;
        if (form.affine && used <= 1) continue;
        return IllegalStep(
            fmt::format("{} reads windows of the result of {}: use fuse_producer(block={})",
                        block.name, producer.name, producer.name));
      }
    }
    return {};
  }

  // A consumer moved under a producer's reduction loop would read unfinished sums; where pieces
  // overlap, a reduction would add its terms again.
  static Status CheckComplete(const ProgramView& program, const BlockView& block, int loop) {
    const auto& at_name = LoopOf(program, loop).name;
    for (const int other : block.producers) {
      const auto& producer = BlockOf(program, other);
      const int at = PositionOf(producer, loop);
      if (at < 0) continue;
      const int first = FirstReductionPosition(producer);
      if (first >= 0 && at >= first) {
        return IllegalStep(
            fmt::format("{} lies inside the reduction of {}, whose result is not finished there",
                        at_name, producer.name));
      }
      bool plain = CoversWithoutGaps(program, other, at);
      for (const auto& write : producer.writes) {
        for (const auto& form : write.indices) plain = plain && form.affine;
      }
      if (!plain) {
        return IllegalStep(fmt::format(
            "the pieces of {} inside {} overlap or leave gaps: choose a loop further out",
            producer.name, at_name));
      }
      BANYAN_RETURN_IF_ERROR(CheckPlainReads(block, producer));
      if (!block.is_reduction) continue;
      for (int i = 0; i <= at; ++i) {
        const auto position = static_cast<size_t>(i);
        if (DrivesSpatial(producer, position) ||
            LoopOf(program, producer.loops[position]).extent == 1) {
          continue;
        }
        return IllegalStep(
            fmt::format("{} is computed more than once inside {}: {} would add its terms again",
                        producer.name, LoopOf(program, producer.loops[position]).name, block.name));
      }
    }
    return {};
  }

  bool producer_;
};

class FuseProducer final : public FuseBase {
 public:
  FuseProducer()
      : FuseBase("fuse_producer", "compute a block inside a loop of its consumers, piece by piece",
                 true) {}
};

class FuseConsumer final : public FuseBase {
 public:
  FuseConsumer()
      : FuseBase("fuse_consumer", "compute a block inside a loop of its producer, piece by piece",
                 false) {}
};

class Inline final : public TransformationBase {
 public:
  Inline()
      : TransformationBase("inline", "substitute a block's expression where it is used", R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block that disappears"},
    "into": {"type": "string", "enum": ["consumers", "producer"], "default": "consumers",
      "description": "consumers: its expression replaces the reads of its result; producer: its producer writes its result at once"}
  },
  "required": ["block"]
})") {}

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(step.args, "block")));
    const auto& block = BlockOf(program, index);
    if (block.opaque) return IllegalStep(fmt::format("block {} is opaque", block.name));
    if (block.is_reduction || block.is_init) {
      return IllegalStep(
          fmt::format("{} is a reduction: it cannot be inlined; use fuse_producer", block.name));
    }
    if (!block.writes.empty()) {
      BANYAN_RETURN_IF_ERROR(NeedOneWriter(program, block.writes[0].buffer));
    }
    if (TextOr(step.args, "into", "consumers") == "consumers") {
      if (block.is_output) {
        return IllegalStep(fmt::format(
            "{} writes an output of the program; inline(into=producer) may do", block.name));
      }
      if (block.consumers.empty())
        return IllegalStep(fmt::format("{} has no consumer", block.name));
      return {};
    }
    if (block.producers.size() != 1) {
      return IllegalStep(
          fmt::format("{} has {} producers, one is needed", block.name, block.producers.size()));
    }
    const auto& producer = BlockOf(program, block.producers[0]);
    if (producer.consumers.size() != 1) {
      return IllegalStep(
          fmt::format("{} is used by {} too", producer.name, NamesOf(program, producer.consumers)));
    }
    if (producer.is_reduction || producer.opaque) {
      return IllegalStep(
          fmt::format("the producer {} is a reduction: use fuse_consumer", producer.name));
    }
    return {};
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const auto& block = Text(step.args, "block");
    return TextOr(step.args, "into", "consumers") == "consumers"
               ? schedule.ComputeInline(block)
               : schedule.ReverseComputeInline(block);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("inline {} into its {}", Text(step.args, "block"),
                       TextOr(step.args, "into", "consumers"));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      all.push_back({{"block", block.name}});
      all.push_back({{"block", block.name}, {"into", "producer"}});
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView&, const Target&, const Step& step) const override {
    const bool consumers = TextOr(step.args, "into", "consumers") == "consumers";
    std::vector<Json> all;
    all.push_back({{"block", step.args["block"]}, {"into", consumers ? "producer" : "consumers"}});
    return all;
  }
};

}  // namespace

const Transformation& FuseProducerTransformation() {
  static const FuseProducer kFuseProducer;
  return kFuseProducer;
}

const Transformation& FuseConsumerTransformation() {
  static const FuseConsumer kFuseConsumer;
  return kFuseConsumer;
}

const Transformation& InlineTransformation() {
  static const Inline kInline;
  return kInline;
}

}  // namespace banyan

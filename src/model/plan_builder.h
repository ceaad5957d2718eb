#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "schedule/step.h"

namespace banyan {

// Writes plans step by step in canonical form. Steps are kept in three phases, because TVM wants
// structure (tiles, caches, layouts, fusion) before vectorisation, and the split of a reduction
// from its initialisation last (schedules.md, "Pitfalls met"). A value; errors are programmer
// errors and end up as a plan that does not apply, with its reason.
class PlanBuilder {
 public:
  using Factors = std::vector<std::pair<std::string, std::vector<int64_t>>>;

  // Without factors: the loops are reordered only.
  void Tile(const std::string& block, const Factors& factors,
            const std::vector<std::string>& order);
  void Pack(const std::string& block, const std::string& buffer,
            const std::vector<std::string>& layout, const std::vector<std::string>& readers,
            const std::string& name);
  void WriteBack(const std::string& block, const std::string& at, const std::string& name);
  void LayoutOf(const std::string& block, const std::vector<std::string>& map,
                const std::string& scope);
  void FuseProducer(const std::string& block, const std::string& at);
  void FuseConsumer(const std::string& block, const std::string& at);
  void InlineInto(const std::string& block, bool producer);
  void FuseLoops(const std::vector<std::string>& loops, const std::string& name);
  void PadOperands(const std::string& block,
                   const std::vector<std::pair<std::string, int64_t>>& multiples);
  void RFactor(const std::string& loop, int axis, const std::string& name);
  void Primitive(const std::string& name, Json args);  // structure phase

  void Vectorize(const std::string& loop);
  void Unroll(const std::string& loop);
  void Parallelize(const std::string& loop);
  void Annotate(const std::string& target, const std::string& key, int64_t value);

  void SplitInit(const std::string& block, const std::string& loop);
  void SplitPadding(const std::string& block, const std::string& loop);

  // Takes over another builder's steps, phase by phase.
  void Append(const PlanBuilder& other);
  Plan Build() const;

 private:
  void Add(std::vector<Step>* phase, std::string op, Json args);

  std::vector<Step> structure_;
  std::vector<Step> kinds_;
  std::vector<Step> inits_;
};

}  // namespace banyan

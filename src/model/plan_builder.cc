#include "model/plan_builder.h"

#include <utility>

namespace banyan {

void PlanBuilder::Add(std::vector<Step>* phase, std::string op, Json args) {
  args["op"] = op;
  // Canonical form (argument order, defaults left out) comes from the schema; what does not fit it
  // is kept as it is and refused, with a reason, where the plan is applied.
  Result<Step> step = StepFromJson(args);
  if (step.ok()) {
    phase->push_back(std::move(*step));
  } else {
    args.erase("op");
    phase->push_back(Step{std::move(op), std::move(args)});
  }
}

void PlanBuilder::Tile(const std::string& block, const Factors& factors,
                       const std::vector<std::string>& order) {
  if (factors.empty()) return Add(&structure_, "reorder", {{"block", block}, {"order", order}});
  Json by_loop = Json::object();
  for (const auto& [loop, inner] : factors) by_loop[loop] = inner;
  Json args = {{"block", block}, {"factors", by_loop}};
  if (!order.empty()) args["order"] = order;
  Add(&structure_, "tile", std::move(args));
}

void PlanBuilder::Pack(const std::string& block, const std::string& buffer,
                       const std::vector<std::string>& layout,
                       const std::vector<std::string>& readers, const std::string& name) {
  Json args = {{"block", block}, {"buffer", buffer}};
  if (!layout.empty()) args["map"] = layout;
  if (!readers.empty()) args["readers"] = readers;
  args["name"] = name;
  Add(&structure_, "pack", std::move(args));
}

void PlanBuilder::WriteBack(const std::string& block, const std::string& at,
                            const std::string& name) {
  Json args = {{"block", block}, {"name", name}};
  if (!at.empty()) args["at"] = at;
  Add(&structure_, "accumulate", std::move(args));
}

void PlanBuilder::LayoutOf(const std::string& block, const std::vector<std::string>& map,
                           const std::string& scope) {
  Json args = {{"block", block}};
  if (!map.empty()) args["map"] = map;
  if (!scope.empty()) args["scope"] = scope;
  Add(&structure_, "layout", std::move(args));
}

void PlanBuilder::FuseProducer(const std::string& block, const std::string& at) {
  Add(&structure_, "fuse_producer", {{"block", block}, {"at", at}});
}

void PlanBuilder::FuseConsumer(const std::string& block, const std::string& at) {
  Add(&structure_, "fuse_consumer", {{"block", block}, {"at", at}});
}

void PlanBuilder::InlineInto(const std::string& block, bool producer) {
  Add(&structure_, "inline", {{"block", block}, {"into", producer ? "producer" : "consumers"}});
}

void PlanBuilder::FuseLoops(const std::vector<std::string>& loops, const std::string& name) {
  Add(&structure_, "fuse_loops", {{"loops", loops}, {"name", name}});
}

void PlanBuilder::PadOperands(const std::string& block,
                              const std::vector<std::pair<std::string, int64_t>>& multiples) {
  Json by_iter = Json::object();
  for (const auto& [iter, multiple] : multiples) by_iter[iter] = multiple;
  Add(&structure_, "padding", {{"block", block}, {"mode", "pad_operands"}, {"multiples", by_iter}});
}

void PlanBuilder::RFactor(const std::string& loop, int axis, const std::string& name) {
  Add(&structure_, "rfactor", {{"loop", loop}, {"axis", axis}, {"name", name}});
}

void PlanBuilder::Primitive(const std::string& name, Json args) {
  Add(&structure_, "primitive", {{"name", name}, {"args", std::move(args)}});
}

void PlanBuilder::Vectorize(const std::string& loop) {
  Add(&kinds_, "vectorize", {{"loop", loop}});
}
void PlanBuilder::Unroll(const std::string& loop) { Add(&kinds_, "unroll", {{"loop", loop}}); }
void PlanBuilder::Parallelize(const std::string& loop) {
  Add(&kinds_, "parallelize", {{"loop", loop}});
}

void PlanBuilder::Annotate(const std::string& target, const std::string& key, int64_t value) {
  Add(&kinds_, "primitive", {{"name", "Annotate"}, {"args", Json::array({target, key, value})}});
}

void PlanBuilder::SplitInit(const std::string& block, const std::string& loop) {
  Add(&inits_, "accumulate", {{"block", block}, {"init", loop}});
}

void PlanBuilder::SplitPadding(const std::string& block, const std::string& loop) {
  Add(&inits_, "padding", {{"block", block}, {"mode", "split_off"}, {"at", loop}});
}

void PlanBuilder::Append(const PlanBuilder& other) {
  structure_.insert(structure_.end(), other.structure_.begin(), other.structure_.end());
  kinds_.insert(kinds_.end(), other.kinds_.begin(), other.kinds_.end());
  inits_.insert(inits_.end(), other.inits_.begin(), other.inits_.end());
}

Plan PlanBuilder::Build() const {
  Plan plan;
  for (const auto* phase : {&structure_, &kinds_, &inits_})
    plan.steps.insert(plan.steps.end(), phase->begin(), phase->end());
  return plan;
}

}  // namespace banyan

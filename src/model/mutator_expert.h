#pragma once

#include "model/model.h"

namespace banyan {

// The built-in experts in the MetaSchedule action space, where a reply names mutators and the model
// to go on (ActionSpace::kMutators). Pure functions of the request; they use the names that the
// request offers and no other. An error if it offers none.

// Reasons from the picture of the leaf: how far each sum of products is from the register tile that
// the target could hold, which copies and elementwise blocks run apart from their readers, whether
// a core is idle, whether the inner body is short. Structure still to be found is the strong
// model's, the rest is passed on.
ModelReply AnalyticMutators(const ModelRequest& request);

// One or two common names: tile sizes first, as in TVM's own odds.
ModelReply HeuristicMutators(const ModelRequest& request);

// One name, one model, both drawn by the request's seed.
ModelReply RandomMutators(const ModelRequest& request);

}  // namespace banyan

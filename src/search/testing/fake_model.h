#pragma once

#include <functional>
#include <string>

#include "model/model.h"

namespace banyan {

// A model that a test scripts. `propose` must be a pure function of the request; called from any
// thread.
class FakeModel final : public Model {
 public:
  using Script = std::function<ModelReply(const ModelRequest&)>;

  // One that is called "builtin:..." can be asked again, as the built-in experts.
  FakeModel(const std::string& name, ModelRole role, Script propose)
      : info_{.name = name, .role = role, .repeatable = name.rfind("builtin:", 0) == 0},
        propose_(std::move(propose)) {}
  FakeModel(ModelInfo info, Script propose)
      : info_(std::move(info)), propose_(std::move(propose)) {}

  const ModelInfo& info() const override { return info_; }
  ModelReply Propose(const ModelRequest& request) override { return propose_(request); }

 private:
  const ModelInfo info_;
  const Script propose_;
};

// Whole plans for the fake compiler's matmul, of the right kind with random numbers: tile, vectors,
// unrolling, split initialisation. Some do not apply.
ModelReply ProposeTiles(const ModelRequest& request);
// One or two random legal steps appended to the leaf.
ModelReply ProposeSteps(const ModelRequest& request);
// Nothing that applies: unknown blocks, revisions of steps that are not there, empty proposals.
ModelReply ProposeNonsense(const ModelRequest& request);

}  // namespace banyan

#include "model/pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/strings.h"
#include "model/pool_fields.h"

namespace banyan {
namespace {

// A built-in expert under the name, role and size that the pool gives it.
class ConfiguredExpert final : public Model {
 public:
  ConfiguredExpert(std::unique_ptr<Model> expert, const PoolEntry& entry)
      : expert_(std::move(expert)), info_(expert_->info()) {
    info_.name = entry.name;
    info_.role = entry.role;
    info_.parameters_b = entry.parameters_b;
  }
  const ModelInfo& info() const override { return info_; }
  ModelReply Propose(const ModelRequest& request) override { return expert_->Propose(request); }
  CallLimits Limits(const ModelRequest& request) const override { return expert_->Limits(request); }
  void Cancel() override { expert_->Cancel(); }

 private:
  const std::unique_ptr<Model> expert_;
  ModelInfo info_;
};

Result<std::unique_ptr<Model>> MakeExpert(const PoolEntry& entry) {
  const std::string full = "builtin:" + entry.model;
  BANYAN_ASSIGN_OR_RETURN(auto expert, MakeBuiltinModel(full));
  const ModelInfo& info = expert->info();
  if (entry.name == info.name && entry.role == info.role &&
      entry.parameters_b == info.parameters_b) {
    return expert;
  }
  return std::unique_ptr<Model>(std::make_unique<ConfiguredExpert>(std::move(expert), entry));
}

}  // namespace

Status CheckUsable(const PoolEntry& entry) {
  if (IsHttpProvider(entry.provider)) {
    if (entry.key_env.empty()) return Ok{};
    const char* key = std::getenv(entry.key_env.c_str());
    if (key == nullptr || *key == '\0') {
      return NotFound(fmt::format("model '{}': no key; set the environment variable {}", entry.name,
                                  entry.key_env));
    }
    for (const char* c = key; *c != '\0'; ++c) {
      if (*c <= ' ' || *c > '~') {
        return InvalidArgument(
            fmt::format("model '{}': the key in {} has a space, line break or "
                        "another character that no key has",
                        entry.name, entry.key_env));
      }
    }
  }
  return Ok{};
}

Result<std::unique_ptr<Model>> MakeModel(const PoolEntry& entry) {
  if (entry.provider == "builtin") return MakeExpert(entry);
  if (entry.provider == "replay") {
    return Internal(fmt::format("model '{}': replay models are made by the store", entry.name));
  }
  return Error{
      ErrorCode::kUnsupported,
      fmt::format("model '{}': provider {} is not offered yet", entry.name, entry.provider),
      {}};
}

}  // namespace banyan

#include "model/pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"
#include "model/command_chat.h"
#include "model/command_model.h"
#include "model/http_chat.h"
#include "model/language_model.h"
#include "model/pool_fields.h"
#include "model/prompt.h"
#include "model/reply.h"

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

// A path, or a name that is found in PATH.
bool IsProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  if (path == nullptr) return false;
  const std::vector<std::string> folders = Split(path, ':');
  return std::any_of(folders.begin(), folders.end(), [&name](const std::string& folder) {
    return access(((folder.empty() ? "." : folder) + "/" + name).c_str(), X_OK) == 0;
  });
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
  if (entry.provider == "command" && !IsProgram(entry.command.front())) {
    return NotFound(fmt::format("model '{}': there is no program '{}'", entry.name,
                                OneLine(entry.command.front(), 100)));
  }
  if (entry.provider == "replay" && access(entry.store.c_str(), R_OK) != 0) {
    return NotFound(
        fmt::format("model '{}': there is no store '{}'", entry.name, OneLine(entry.store, 100)));
  }
  return Ok{};
}

Result<std::unique_ptr<ChatClient>> MakeChatClient(const PoolEntry& entry) {
  if (IsHttpProvider(entry.provider)) return MakeHttpChat(entry);
  if (entry.provider != "command") {
    return Internal(fmt::format("provider {} answers no questions in words", entry.provider));
  }
  BANYAN_RETURN_IF_ERROR(CheckUsable(entry));
  return std::unique_ptr<ChatClient>(std::make_unique<CommandChat>(entry));
}

Result<std::unique_ptr<Model>> MakeModel(const PoolEntry& entry) {
  if (entry.provider == "builtin") return MakeExpert(entry);
  if (entry.provider == "replay") {
    return Internal(fmt::format("model '{}': replay models are made by the store", entry.name));
  }
  if (entry.provider == "command") {
    BANYAN_RETURN_IF_ERROR(CheckUsable(entry));
    return std::unique_ptr<Model>(std::make_unique<CommandModel>(entry, MakePrompt, ParseReply));
  }
  BANYAN_ASSIGN_OR_RETURN(auto client, MakeChatClient(entry));
  return std::unique_ptr<Model>(
      std::make_unique<LanguageModel>(entry, std::move(client), MakePrompt, ParseReply));
}

}  // namespace banyan

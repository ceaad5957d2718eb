#include "tvm/names.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace banyan {

void Names::Update(const Skeleton& skeleton, const std::vector<int>& known_blocks) {
  std::vector<Alias> aliases;
  block_names_.clear();
  block_aliases_.clear();
  std::unordered_set<std::string> taken;
  for (const int known : known_blocks) {
    if (known >= 0) taken.insert(aliases_[static_cast<size_t>(known)].name);
  }
  for (size_t b = 0; b < known_blocks.size(); ++b) {
    Alias alias;
    if (known_blocks[b] >= 0) {
      alias = aliases_[static_cast<size_t>(known_blocks[b])];
    } else {
      const std::string base = ir::F().block_name.Text(skeleton.blocks[b].node);
      alias.name = base;
      for (int n = 2; !taken.insert(alias.name).second; ++n)
        alias.name = base + "." + std::to_string(n);
    }
    block_names_.push_back(alias.name);
    block_aliases_.push_back(static_cast<int>(b));
    aliases.push_back(std::move(alias));
  }
  aliases_ = std::move(aliases);

  std::unordered_set<const ir::Node*> present;
  for (const Skeleton::Loop& loop : skeleton.loops) present.insert(loop.var);
  std::erase_if(loops_, [&](const auto& entry) { return !present.contains(entry.first); });
  NameNewLoops(skeleton);
  loop_names_.clear();
  for (const Skeleton::Loop& loop : skeleton.loops) loop_names_.push_back(loops_[loop.var].name);
}

void Names::NameNewLoops(const Skeleton& skeleton) {
  if (loops_.size() == skeleton.loops.size()) return;
  std::unordered_set<std::string> taken;
  for (const auto& [var, loop] : loops_) taken.insert(loop.name);
  auto give = [&](const ir::Node* var, const std::string& wish) {
    std::string name = wish;
    for (int n = 2; !taken.insert(name).second; ++n) name = wish + "+" + std::to_string(n);
    loops_[var] = {name, ir::Own(var), ffi::ObjectRef()};
  };
  for (size_t b = 0; b < skeleton.blocks.size(); ++b) {
    const Skeleton::Block& block = skeleton.blocks[b];
    std::vector<int> fresh;
    for (const int loop : block.loops) {
      if (!loops_.contains(skeleton.loops[static_cast<size_t>(loop)].var)) fresh.push_back(loop);
    }
    if (fresh.empty()) continue;
    const std::vector<std::vector<int>> loops_of_iters = LoopsOfIters(skeleton, b);
    const ir::Node* iters = ir::F().block_iters.Object(block.node);
    int unbound = 0;
    std::vector<std::vector<const ir::Node*>> by_iter(loops_of_iters.size());
    for (const int loop : fresh) {
      const ir::Node* var = skeleton.loops[static_cast<size_t>(loop)].var;
      size_t iter = 0;
      while (iter < loops_of_iters.size() &&
             std::find(loops_of_iters[iter].begin(), loops_of_iters[iter].end(), loop) ==
                 loops_of_iters[iter].end()) {
        ++iter;
      }
      if (iter < by_iter.size()) {
        by_iter[iter].push_back(var);
      } else {
        give(var, block_names_[b] + ".u" + std::to_string(unbound++));
      }
    }
    for (size_t i = 0; i < by_iter.size(); ++i) {
      const std::string name =
          block_names_[b] + "." +
          PlainIterName(ir::F().var_name.Text(ir::F().iter_var.Object(ir::At(iters, i))));
      for (size_t k = 0; k < by_iter[i].size(); ++k) {
        give(by_iter[i][k], by_iter[i].size() == 1 ? name : name + "." + std::to_string(k));
      }
    }
  }
  // A loop without a block below has no origin to be called by.
  for (const Skeleton::Loop& loop : skeleton.loops) {
    if (!loops_.contains(loop.var)) give(loop.var, PlainIterName(ir::F().var_name.Text(loop.var)));
  }
}

void Names::SetLoop(const ir::Node* var, const ffi::ObjectRef& loop_rv, const std::string& name) {
  loops_[var] = {name, ir::Own(var), loop_rv};
}

ffi::ObjectRef Names::LoopRv(const ir::Node* var) const {
  const auto found = loops_.find(var);
  return found == loops_.end() ? ffi::ObjectRef() : found->second.rv;
}

void Names::RememberLoopRv(const ir::Node* var, const ffi::ObjectRef& loop_rv) {
  const auto found = loops_.find(var);
  if (found != loops_.end()) found->second.rv = loop_rv;
}

int Names::AddBlock(const std::string& name, const ffi::ObjectRef& block_rv) {
  aliases_.push_back({name, block_rv});
  return static_cast<int>(aliases_.size()) - 1;
}

void Names::RemoveBlock(const std::string& name) {
  std::erase_if(aliases_, [&](const Alias& alias) { return alias.name == name; });
}

int Names::FindBlock(std::string_view name) const {
  for (size_t i = 0; i < aliases_.size(); ++i) {
    if (aliases_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

int Names::FindLoop(std::string_view name) const {
  for (size_t i = 0; i < loop_names_.size(); ++i) {
    if (loop_names_[i] == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace banyan

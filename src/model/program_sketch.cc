#include "model/program_sketch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace banyan {
namespace {

using Kind = BlockRole::Kind;

// Every index of the access is a plain iter and every iter of the reader's spatial part occurs
// once.
bool ReadsElementwise(const BlockView& reader, int buffer) {
  for (const AccessView& read : reader.reads) {
    if (read.buffer != buffer) continue;
    std::vector<int> uses(reader.iters.size(), 0);
    for (const LinearForm& index : read.indices) {
      if (!index.affine || index.constant != 0) return false;
      int used = 0;
      for (size_t k = 0; k < index.coefficients.size(); ++k) {
        if (index.coefficients[k] == 0) continue;
        if (index.coefficients[k] != 1) return false;
        ++uses[k];
        ++used;
      }
      if (used > 1) return false;
    }
    for (size_t k = 0; k < uses.size(); ++k) {
      if (reader.iters[k].extent > 1 && uses[k] != 1) return false;
    }
  }
  return true;
}

// Estimated time, relative to the best, from which a style is not worth a trial.
constexpr double kHopeless = 4;
// And up to which another family is worth one.
constexpr double kOpen = 1.6;
// Chains considered for styles.
constexpr size_t kMostChains = 3;

bool IsCheapMap(const BlockView& block) {
  return !block.has_call && !block.has_condition && block.flops_per_iteration <= 3;
}

}  // namespace

ProgramSketch::ProgramSketch(const ProgramView& program, const Target& target)
    : program_(program),
      target_(target),
      analyses_(AnalyseProgram(program)),
      roles_(program.blocks.size()) {
  AssignRoles();
  FindRowGroups();
  DropBlockedRows();
  for (BlockRole& role : roles_) {  // sums in place have no write-back to fold anything into
    if (role.neighbours.epilogue.empty()) continue;
    auto& options = role.contractions;
    options.erase(std::remove_if(options.begin(), options.end(),
                                 [](const ContractionChoice& c) { return c.depth > 0; }),
                  options.end());
  }
  if (target.cores <= 1) FindChains();
  double total = 0;
  for (size_t b = 0; b < roles_.size(); ++b) {
    BlockRole& role = roles_[b];
    // Pointwise work moves memory: count it as a handful of operations an element.
    const auto elements = static_cast<double>(analyses_[b].spatial_extent);
    role.share = std::max(analyses_[b].flops, 8 * elements);
    if (role.kind == Kind::kInlined || role.kind == Kind::kEpilogue) role.share = 0;
    total += role.share;
  }
  for (BlockRole& role : roles_) role.share = total > 0 ? role.share / total : 0;
}

void ProgramSketch::AssignRoles() {
  for (size_t b = 0; b < roles_.size(); ++b) {
    const BlockView& block = program_.blocks[b];
    BlockRole& role = roles_[b];
    if (analyses_[b].block_class == BlockClass::kContraction && block.has_init &&
        HasPlainLoops(program_, block)) {
      role.contractions = RankContractionChoices(program_, analyses_[b], target_);
      if (!role.contractions.empty()) role.kind = Kind::kContraction;
    }
    if (role.kind == Kind::kSimple)
      role.simples = RankSimpleChoices(program_, analyses_[b], target_);
  }
  for (size_t b = 0; b < roles_.size(); ++b) {
    const BlockView& block = program_.blocks[b];
    if (analyses_[b].block_class != BlockClass::kPointwise || block.writes.size() != 1) continue;
    const int buffer = block.writes.front().buffer;
    const auto consumer_role = [&](int c) { return roles_[static_cast<size_t>(c)].kind; };
    if (!block.is_output && block.has_condition && block.reads.size() == 1 &&
        block.consumers.size() == 1 &&
        consumer_role(block.consumers.front()) == Kind::kContraction) {
      roles_[b].kind = Kind::kPadding;
      roles_[static_cast<size_t>(block.consumers.front())].neighbours.paddings.push_back(
          block.name);
      continue;
    }
    // A cheap map is recomputed by its readers as long as they read each element once.
    if (!block.is_output && IsCheapMap(block) && !block.consumers.empty()) {
      bool all = true;
      for (const int c : block.consumers) {
        all = all && consumer_role(c) != Kind::kContraction &&
              ReadsElementwise(program_.blocks[static_cast<size_t>(c)], buffer);
      }
      const bool reads_contraction =
          std::any_of(block.producers.begin(), block.producers.end(),
                      [&](int p) { return consumer_role(p) == Kind::kContraction; });
      if (all && (!reads_contraction || block.consumers.size() == 1)) {
        roles_[b].kind = Kind::kInlined;
        continue;
      }
    }
    // A map of a contraction's result is folded into its write-back.
    if (block.producers.size() == 1 && !block.has_call) {
      const int p = block.producers.front();
      const BlockView& producer = program_.blocks[static_cast<size_t>(p)];
      if (consumer_role(p) == Kind::kContraction && producer.consumers.size() == 1 &&
          !producer.is_output && ReadsElementwise(block, producer.writes.front().buffer) &&
          roles_[static_cast<size_t>(p)].neighbours.epilogue.empty()) {
        roles_[b].kind = Kind::kEpilogue;
        roles_[static_cast<size_t>(p)].neighbours.epilogue = block.name;
      }
    }
  }
}

void ProgramSketch::FindRowGroups() {
  for (size_t l = roles_.size(); l-- > 0;) {
    const BlockView& last = program_.blocks[l];
    if (roles_[l].kind != Kind::kSimple || analyses_[l].block_class != BlockClass::kPointwise)
      continue;
    if (last.iters.size() < 2 || !HasPlainLoops(program_, last)) continue;
    RowGroup group;
    group.last = static_cast<int>(l);
    group.row_iters = static_cast<int>(last.iters.size()) - 1;
    const auto in_group = [&](int block) {
      return block == group.last || roles_[static_cast<size_t>(block)].kind == Kind::kInlined ||
             std::find(group.members.begin(), group.members.end(), block) != group.members.end();
    };
    bool reduces = false;
    for (size_t b = l; b-- > 0;) {
      const BlockView& block = program_.blocks[b];
      if (roles_[b].kind != Kind::kSimple || block.is_output || block.consumers.empty()) continue;
      if (block.opaque || block.writes.size() != 1 || !HasPlainLoops(program_, block)) continue;
      if (!std::all_of(block.consumers.begin(), block.consumers.end(), in_group)) continue;
      bool rows_match = analyses_[b].spatial.size() >= static_cast<size_t>(group.row_iters);
      for (int r = 0; rows_match && r < group.row_iters; ++r) {
        const int iter = analyses_[b].spatial[static_cast<size_t>(r)];
        const AccessView& write = block.writes.front();
        rows_match = block.iters[static_cast<size_t>(iter)].extent ==
                         last.iters[static_cast<size_t>(r)].extent &&
                     static_cast<size_t>(r) < write.indices.size() &&
                     write.indices[static_cast<size_t>(r)].uses(static_cast<size_t>(iter));
      }
      if (!rows_match) continue;
      group.members.insert(group.members.begin(), static_cast<int>(b));
      reduces = reduces || !analyses_[b].reduction.empty();
    }
    if (!reduces) continue;
    for (const int member : group.members)
      roles_[static_cast<size_t>(member)].kind = Kind::kRowMember;
    row_groups_.push_back(std::move(group));
  }
}

size_t ProgramSketch::options(size_t block) const {
  if (block == roles_.size()) return chains_.size() + 1;
  const BlockRole& role = roles_[block];
  switch (role.kind) {
    case Kind::kContraction:
      return role.contractions.size();
    case Kind::kSimple:
    case Kind::kRowMember:
      return std::max<size_t>(1, role.simples.size());
    default:
      return 1;
  }
}

double ProgramSketch::OptionTime(size_t block, int option) const {
  const BlockRole& role = roles_[block];
  const auto clamp = [&](size_t size) { return std::min(static_cast<size_t>(option), size - 1); };
  if (role.kind == Kind::kContraction)
    return role.share / std::max(1e-3, role.contractions[clamp(role.contractions.size())].score);
  if (role.simples.empty()) return role.share;
  return role.share / std::max(1e-2, role.simples[clamp(role.simples.size())].score);
}

double ProgramSketch::RelativeTime(const SketchChoice& choice) const {
  double best = 0;
  double time = 0;
  for (size_t b = 0; b < roles_.size(); ++b) {
    best += OptionTime(b, 0);
    time += OptionTime(b, choice[b]);
  }
  // The intermediates stay in cache; expected to matter little where operands are reused enough.
  if (Fused(choice) != nullptr) time *= choice.back() == 1 ? 0.97 : 1;
  return best > 0 ? time / best : 1;
}

std::vector<SketchChoice> ProgramSketch::Styles(size_t most) const {
  // Options of the most expensive contraction, the other blocks following it where they can.
  size_t lead = roles_.size();
  for (size_t b = 0; b < roles_.size(); ++b) {
    if (roles_[b].kind != Kind::kContraction) continue;
    if (lead == roles_.size() || roles_[b].share > roles_[lead].share) lead = b;
  }
  std::vector<SketchChoice> styles = {Best()};
  if (lead == roles_.size()) {
    for (SketchChoice& next : Neighbours(Best(), most)) styles.push_back(std::move(next));
    if (styles.size() > most) styles.resize(most);
    return styles;
  }
  struct Styled {
    double time = 0;
    SketchChoice choice;
    size_t option = 0;
    bool taken = false;
  };
  const auto& options = roles_[lead].contractions;
  std::vector<Styled> styled;
  for (size_t o = 0; o < options.size(); ++o) {
    SketchChoice choice = Best();
    choice[lead] = static_cast<int>(o);
    for (size_t b = 0; b < roles_.size(); ++b) {
      if (b != lead && roles_[b].kind == Kind::kContraction)
        choice[b] = LikeOption(b, options[o], options.front());
    }
    for (size_t chain = 0; chain <= std::min(chains_.size(), kMostChains); ++chain) {
      choice.back() = static_cast<int>(chain);
      if (chain == 0 || Fused(choice) != nullptr)
        styled.push_back({RelativeTime(choice), choice, o, false});
    }
  }
  using Tile = std::tuple<int64_t, int64_t>;
  using Idea = std::tuple<int, int, int, int, bool, bool, bool, bool, RowBlocks, int>;
  using Family = std::tuple<bool, bool, bool, bool, bool>;
  std::map<Idea, int> ideas;
  std::map<Tile, int> tiles;
  std::map<std::pair<Idea, Tile>, int> both;
  std::set<Family> families;
  const auto idea = [&](const Styled& s) {
    const ContractionChoice& c = options[s.option];
    return Idea(c.axes.vector_iter, c.axes.row_iter, static_cast<int>(c.pack),
                static_cast<int>(c.tail), c.rows_outer, c.pack_rows, c.panels > 1, c.depth > 0,
                c.row_blocks, s.choice.back());
  };
  const auto tile = [&](const Styled& s) {
    return Tile(options[s.option].rows, options[s.option].cols);
  };
  // Long bodies without packing fall off a cliff that no analysis foresees.
  const auto family = [&](const Styled& s) {
    const ContractionChoice& c = options[s.option];
    const bool unpacked = c.pack == PackMode::kNone;
    const bool blocked = unpacked && c.row_blocks != RowBlocks::kNone;
    const bool interleaved = !unpacked && c.row_blocks == RowBlocks::kInterleaved;
    return Family(unpacked, blocked, s.choice.back() != 0 && (blocked || !unpacked),
                  interleaved || (blocked && c.k_unroll > 4), c.depth > 0);
  };
  const auto take = [&](Styled* s) {
    s->taken = true;
    ++ideas[idea(*s)];
    ++tiles[tile(*s)];
    ++both[{idea(*s), tile(*s)}];
    families.insert(family(*s));
    if (std::find(styles.begin(), styles.end(), s->choice) == styles.end())
      styles.push_back(s->choice);
  };
  take(&styled.front());
  while (styles.size() < most) {
    Styled* best = nullptr;
    double best_time = kHopeless;
    for (Styled& s : styled) {
      if (s.taken || s.time >= kHopeless) continue;
      double time = s.time * (1 + 0.03 * ideas[idea(s)] + 0.03 * tiles[tile(s)] +
                              0.05 * both[{idea(s), tile(s)}]);
      // One of each family that may be as fast, as far as such an estimate can tell.
      if (s.time < kOpen && families.count(family(s)) == 0) time = s.time - kHopeless;
      if (time < best_time) {
        best_time = time;
        best = &s;
      }
    }
    if (best == nullptr) break;
    take(best);
  }
  return styles;
}

// The block's best option with the same departures from its own best as `wanted` has from `usual`.
int ProgramSketch::LikeOption(size_t block, const ContractionChoice& wanted,
                              const ContractionChoice& usual) const {
  const auto& options = roles_[block].contractions;
  const ContractionChoice& best = options.front();
  const bool tile = wanted.rows != usual.rows || wanted.cols != usual.cols;
  int found = 0;
  double found_score = -1;
  for (size_t o = 0; o < options.size(); ++o) {
    const ContractionChoice& c = options[o];
    double score = c.score;
    // Each departure kept is worth some speed lost.
    const auto follow = [&](bool departs, bool like_wanted, bool like_best, double kept = 0.8) {
      if (departs ? !like_wanted : !like_best) score *= kept;
    };
    follow(tile, c.rows == wanted.rows && c.cols == wanted.cols,
           c.rows == best.rows && c.cols == best.cols);
    follow(wanted.k_unroll != usual.k_unroll, c.k_unroll == wanted.k_unroll,
           c.k_unroll == best.k_unroll);
    follow(wanted.pack != usual.pack, c.pack == wanted.pack, c.pack == best.pack, 0.5);
    follow(wanted.tail != usual.tail, c.tail == wanted.tail, c.tail == best.tail);
    follow(wanted.rows_outer != usual.rows_outer, c.rows_outer == wanted.rows_outer,
           c.rows_outer == best.rows_outer);
    follow(wanted.row_blocks != usual.row_blocks, c.row_blocks == wanted.row_blocks,
           c.row_blocks == best.row_blocks);
    follow(wanted.panels != usual.panels, c.panels == wanted.panels, c.panels == best.panels);
    follow(wanted.depth != usual.depth, c.depth == wanted.depth, c.depth == best.depth);
    if (score > found_score) {
      found_score = score;
      found = static_cast<int>(o);
    }
  }
  return found;
}

std::vector<SketchChoice> ProgramSketch::Neighbours(const SketchChoice& choice, size_t most) const {
  constexpr int kFromAll = 12;
  constexpr int kFromFamily = 12;
  std::vector<std::pair<double, SketchChoice>> found;
  for (size_t b = 0; b < roles_.size(); ++b) {
    if (roles_[b].share < 0.02) continue;
    const auto count = static_cast<int>(options(b));
    const auto& contractions = roles_[b].contractions;
    const bool contraction = roles_[b].kind == Kind::kContraction;
    int alike = 0;
    for (int o = 0; o < count; ++o) {
      if (o == choice[b]) continue;
      bool same = true;
      if (contraction) {  // the best ones, and the best ones of the same family
        const ContractionChoice& c = contractions[static_cast<size_t>(o)];
        const ContractionChoice& now = contractions[option(b, choice)];
        same = c.pack == now.pack && c.row_blocks == now.row_blocks;
        alike += same ? 1 : 0;
        if (o >= kFromAll && (!same || alike > kFromFamily)) continue;
      }
      SketchChoice next = choice;
      next[b] = o;
      // A change is judged by its own block; the larger the block's share, the more it can bring.
      // Other families are the styles' matter, and come last.
      found.emplace_back(
          OptionTime(b, o) / OptionTime(b, choice[b]) - 0.05 * roles_[b].share + (same ? 0 : 1.0),
          std::move(next));
    }
  }
  for (int chain = 0; chain <= static_cast<int>(chains_.size()); ++chain) {
    SketchChoice next = choice;
    next.back() = chain;
    if (chain != choice.back() && (chain == 0) == (Fused(next) == nullptr))
      found.emplace_back(0.97 + 0.01 * chain, std::move(next));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<SketchChoice> result;
  for (auto& [rank, next] : found) {
    if (result.size() >= most) break;
    result.push_back(std::move(next));
  }
  return result;
}

const PlanBuilder& ProgramSketch::BlockSteps(size_t block, size_t option, int chain) const {
  const FusionChain* fused = chain > 0 ? &chains_[static_cast<size_t>(chain) - 1] : nullptr;
  const bool leads = fused != nullptr && fused->consumer == static_cast<int>(block);
  const bool member = fused != nullptr && fused->Has(static_cast<int>(block));
  const auto [at, added] = steps_.try_emplace({block, option, leads || member ? chain : 0});
  if (!added) return at->second;
  const BlockRole& role = roles_[block];
  const ProgramView& program = member ? moved_[static_cast<size_t>(chain) - 1] : program_;
  PlanBuilder* plan = &at->second;
  if (member) {
    const OuterChunk outer{fused->iter, fused->chunk};
    plan->FuseProducer(program_.blocks[block].name,
                       ChunkLoop(program_, analyses_[static_cast<size_t>(fused->consumer)], outer));
  }
  if (role.kind == Kind::kContraction) {
    const ContractionChoice& choice = role.contractions[option];
    OuterChunk outer;
    if (choice.depth > 0)
      outer = {InnerReduction(program.blocks[block], analyses_[block]), choice.depth};
    if (leads) outer = {fused->iter, fused->chunk};
    EmitContraction(program, analyses_[block], choice, role.neighbours, target_, plan, outer);
  } else if (role.kind == Kind::kSimple && !role.simples.empty()) {
    EmitSimple(program, analyses_[block], role.simples[option], target_, plan);
  }
  return at->second;
}

Plan ProgramSketch::MakePlan(const SketchChoice& choice) const {
  PlanBuilder plan;
  for (size_t b = 0; b < roles_.size(); ++b) {
    if (roles_[b].kind == Kind::kInlined) plan.InlineInto(program_.blocks[b].name, false);
  }
  PlanBuilder layouts;
  EmitBlockedRows(choice, &plan, &layouts);
  const FusionChain* chain = Fused(choice);
  for (size_t b = 0; b < roles_.size(); ++b) {
    const bool grouped =
        std::any_of(row_groups_.begin(), row_groups_.end(),
                    [&](const RowGroup& group) { return group.last == static_cast<int>(b); });
    if (grouped || (chain != nullptr && chain->Has(static_cast<int>(b)))) continue;
    const bool leads = chain != nullptr && chain->consumer == static_cast<int>(b);
    plan.Append(BlockSteps(b, option(b, choice), leads ? choice.back() : 0));
    for (size_t m = leads ? chain->members.size() : 0; m-- > 0;) {  // consumers move first
      const auto member = static_cast<size_t>(chain->members[m].block);
      plan.Append(BlockSteps(member, option(member, choice), choice.back()));
    }
  }
  for (const RowGroup& group : row_groups_) EmitRowGroup(group, choice, &plan);
  plan.Append(layouts);
  return plan.Build();
}

size_t ProgramSketch::option(size_t block, const SketchChoice& choice) const {
  return std::min(static_cast<size_t>(choice[block]), options(block) - 1);
}

void ProgramSketch::EmitRowGroup(const RowGroup& group, const SketchChoice& choice,
                                 PlanBuilder* plan) const {
  const BlockView& last = program_.blocks[static_cast<size_t>(group.last)];
  const std::string row = last.name + "." + LoopOfIter(program_, last, group.row_iters - 1);
  // All rfactors first; then the stages move to the row from the last one backwards.
  std::map<size_t, PartialSums> sums;
  for (const int m : group.members) {
    const auto member = static_cast<size_t>(m);
    const auto& options = roles_[member].simples;
    if (options.empty() || options[option(member, choice)].kind != SimpleChoice::Kind::kPartialSums)
      continue;
    const SimpleChoice& simple = options[option(member, choice)];
    sums[member] = StartPartialSums(program_, analyses_[member], simple.iter, simple.width, plan);
  }
  for (size_t m = group.members.size(); m-- > 0;) {
    const auto member = static_cast<size_t>(group.members[m]);
    plan->FuseProducer(program_.blocks[member].name, row);
    if (const auto found = sums.find(member); found != sums.end())
      plan->FuseProducer(found->second.partial, row);
  }
  for (const auto& [member, sum] : sums) {
    OrderMovedPartialSums(sum, plan);
    FinishPartialSums(sum, true, plan);
    plan->Unroll(program_.blocks[member].name + "." + sum.rest);
  }
  for (int r = 0; target_.cores > 1 && r < group.row_iters; ++r) {
    if (last.iters[static_cast<size_t>(r)].extent == 1) continue;
    plan->Parallelize(last.name + "." + LoopOfIter(program_, last, r));
    break;
  }
}

std::string ProgramSketch::Describe(const SketchChoice& choice) const {
  std::string text;
  for (size_t b = 0; b < roles_.size(); ++b) {
    const BlockRole& role = roles_[b];
    std::string part;
    if (role.kind == Kind::kContraction) {
      part =
          role.contractions[std::min(static_cast<size_t>(choice[b]), role.contractions.size() - 1)]
              .Describe(program_.blocks[b]);
    } else if (role.kind == Kind::kSimple && role.share > 0.2 && !role.simples.empty()) {
      part =
          role.simples[std::min(static_cast<size_t>(choice[b]), role.simples.size() - 1)].Describe(
              program_.blocks[b]);
    }
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  }
  if (const FusionChain* chain = Fused(choice)) {
    const BlockView& consumer = program_.blocks[static_cast<size_t>(chain->consumer)];
    text += fmt::format("; producers of {} inside it, {} of {} at a time", consumer.name,
                        chain->chunk, consumer.iters[static_cast<size_t>(chain->iter)].name);
  }
  return text.empty() ? "inline and fuse what shares rows" : text;
}

}  // namespace banyan

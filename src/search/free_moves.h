#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "schedule/compiler.h"

namespace banyan {

// A candidate made without a model.
struct FreeMove {
  Candidate candidate;
  std::string origin;       // "mutation", "crossover", "sample"
  std::string reason = {};  // one line: what was changed
  std::vector<std::string> keys =
      {};  // of the parameters changed: what to thank if it turns out well
};

// Makes new plans from those in the tree: seeded mutation (a neighbour of one step's parameter, the
// rest of the plan applied again), crossover (the steps about one block from another plan) and
// chains of random legal steps. Learns during a run which parameters are worth changing. Borrows
// the compiler; same calls, same answers. Not thread-safe.
class MoveMaker {
 public:
  // Is this program or plan in the tree already? Such moves are skipped.
  using Known = std::function<bool(const Candidate&)>;

  MoveMaker(Compiler* compiler, Known known) : compiler_(compiler), known_(std::move(known)) {}

  // All give nullopt after a bounded number of tries that failed to apply or were known. A mutation
  // of the same plan is never offered twice, so repeated calls come to an end: `exhausted` then
  // says that no neighbour of any step is left (else another call may find one).
  std::optional<FreeMove> Mutate(const Plan& plan, Rng& rng, bool* exhausted);
  std::optional<FreeMove> Cross(const Plan& plan, const Plan& other, Rng& rng);
  std::optional<FreeMove> Sample(const Candidate& from, Rng& rng);

  // The result of a move, as log-speedup over the plan it was made from; a failure is no gain.
  void Credit(const std::vector<std::string>& keys, double gain);

 private:
  struct Record {
    double tries = 0;
    double wins = 0;
  };
  struct Choice {
    size_t index = 0;  // of the step
    Step step;
    std::vector<std::string> keys;
    double odds = 1;  // by what it does to the register tile
    double weight = 0;
  };

  // Neighbours of plan.steps[index] at the program before it; computed once for each prefix.
  const std::vector<Step>& Neighbours(const Plan& plan, size_t index);
  // `program`: of the plan; may be null.
  std::vector<Choice> ChoicesAt(const Plan& plan, const ProgramView* program, size_t index);
  std::optional<Choice> PickChange(const Plan& plan, const ProgramView* program, Rng& rng);
  Plan Changed(const Plan& plan, const Choice& choice, Rng& rng);
  double Weight(const std::vector<std::string>& keys) const;
  std::shared_ptr<const ProgramView> ProgramOf(const Plan& plan);  // null: it does not apply
  int64_t CodeLimit(const ProgramView* parent) const;              // of what is made from it
  std::optional<Candidate> TryNew(const Plan& plan, int64_t code_limit);
  void Debit(const std::vector<std::string>& keys);

  Compiler* compiler_;
  Known known_;
  std::unordered_map<uint64_t, std::vector<Step>>
      neighbours_;                      // by hash of the prefix with the step
  std::unordered_set<uint64_t> tried_;  // plan hashes that were attempted
  std::map<std::string, Record> records_;
};

// The block a step is about: its "block" argument, else the owner of the first loop it names;
// empty: unknown.
std::string BlockOf(const Step& step);

// The step as it would read about another block: names of the old block's loops become the new
// one's.
Step Rebased(const Step& step, const std::string& from, const std::string& to);

// The parameters in which two steps of one kind differ, as "op|block|path|direction" with direction
// '+', '-' (numbers) or '~'.
std::vector<std::string> ChangedParameters(const Step& before, const Step& after);

}  // namespace banyan

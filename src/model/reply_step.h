#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/reply_names.h"
#include "schedule/step.h"

namespace banyan {

inline constexpr size_t kMaxProposalSteps = 256;

// What was changed in a reply: one line each, bounded in length and number; without repetitions.
class ReplyNotes {
 public:
  void Add(std::string_view note);
  std::vector<std::string> Take() { return std::move(notes_); }

 private:
  std::vector<std::string> notes_;
};

// A step as a model wrote it: an operation's name and arguments, nothing checked.
struct LooseStep {
  std::string op;
  Json args = Json::object();
  std::vector<Json> positional;
  std::string shown;  // for messages, one line
};

// Model text on one line, short and printable; in a message also in quotes.
std::string Tidy(std::string_view text, size_t max_bytes);
std::string Quote(std::string_view text, size_t max_bytes = 60);

// The steps in a reply's value: a list of texts or objects, one text of many lines, one object.
// Comments, numbering and bullets are passed over; what is no step fails with its text.
Result<std::vector<LooseStep>> ReadLooseSteps(const Json& value);
// The steps in plan text; prose between them is passed over, and counted in `skipped_lines`. Where
// the text is prose first of all, only calls of known operations are steps.
Result<std::vector<LooseStep>> ReadLooseStepText(std::string_view text, size_t* skipped_lines,
                                                 bool in_prose = false);

// Brings a step to canonical form: names of operations and arguments of other compilers, numbers
// and lists as texts, wrong letters in names, factors out of range. One written step may be
// several (unroll of two loops). `names` are those before it, and are not changed.
Result<std::vector<Step>> RepairStep(const LooseStep& loose, const NameTracker& names,
                                     ReplyNotes* notes);

// Of reply_values.cc: brings a value to the type that a property's schema wants as far as that is
// clear, and integers into their range; says what it changed.
void CoerceValue(const Json& schema, const std::string& where, Json& value, ReplyNotes* notes);
// Factors of a tile and terms of a map, where they cannot be legal, to the nearest that can.
void FitFactors(const std::string& op, Json& args, const NameTracker& names, ReplyNotes* notes);

}  // namespace banyan

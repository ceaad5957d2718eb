#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"

namespace banyan {

// Shared by the files of model/prompt.h; not for others. All are pure functions.

// What is left out of a prompt that would be too long, each level with those before it.
enum class PromptCut {
  kNothing,
  kExamples,
  kOldFailures,
  kFurtherBest,
  kRareRanges,
  kGrandparent,
  kParent,
  kProgramMiddle,
};

// The constant part of a prompt: who is asked, the language of plans, what makes schedules fast.
std::string PlanSystemText();
std::string MutatorSystemText(bool several_models);
// The plan that the system part explains step by step, for a product of 512 x 512 x 512.
std::string_view WorkedExample();
// All transformations with their arguments, from their schemas.
std::string StepReference();

// ---- the user's part, by section; empty where there is nothing to say --------------------------
std::string MachineSection(const ModelRequest& request);
std::string WorkloadSection(const ModelRequest& request);
std::string ProgramSection(const ProgramView& program);
std::string PlanSection(const ModelRequest& request);
std::string MeasuredSection(const ModelRequest& request, bool further_best);
std::string FailuresSection(const ModelRequest& request, bool all);
// Of the common transformations and of the rare ones.
std::string RangesSection(const ModelRequest& request, bool rare);
std::string ExamplesSection(const ModelRequest& request);
std::string ReviewSection(const ModelRequest& request, bool texts);
std::string ModelsSection(const ModelRequest& request);
std::string BudgetSection(const ModelRequest& request);

// The user's part of a prompt about mutators, without the leaf's program text.
std::string MutatorStates(const ModelRequest& request, PromptCut cut);
std::string MutatorTask(const ModelRequest& request);

// ---- helpers -----------------------------------------------------------------------------------
// The loops as an outline with Banyan's names, one block a line.
std::string OutlineOf(const ProgramView& program);
// At most `max_bytes` of a text by leaving lines in its middle out, said there.
std::string WithoutMiddle(std::string_view text, size_t max_bytes);
std::string Fence(std::string_view language, std::string_view text);
// A plan with its steps numbered from 1.
std::string NumberedPlan(const Plan& plan);
std::string Score(double score);
// A text from a run (a name, a reason) on one line.
std::string PromptLine(std::string_view text);

}  // namespace banyan

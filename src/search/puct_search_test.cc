// In which order the tree's loop does its work.
#include "search/puct_search.h"

#include <gtest/gtest.h>

#include <variant>

#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

TEST(PuctSearchTest, WhatEndsWhileAReplysProposalsAreAppliedIsReadInBetween) {
  FakeModel model("strong", ModelRole::kStrong, ProposeTiles);
  Simulation run(TestConfig(32, 4), {&model}, {.trial_s = 1000, .call_s = 0.1});
  while (run.events().empty() || !std::holds_alternative<ReplyEvent>(run.events().back().body)) {
    run.Run(run.events().size() + 1);
  }
  // The first proposal that applies is being built, the others wait: a tick is wanted at once.
  ASSERT_EQ(run.submitted().size(), 1U);
  EXPECT_EQ(run.search().tree().size(), 2U);
  EXPECT_LE(run.search().next_deadline_s(), run.now_s());
  run.Run(run.events().size() + 1);
  EXPECT_TRUE(std::holds_alternative<TickEvent>(run.events().back().body));
  const size_t after_tick = run.search().tree().size();
  EXPECT_LE(after_tick, 3U);

  OutcomeEvent ended{MeasureFake(run.submitted()[0])};
  ended.outcome.trial_id = run.submitted()[0].trial_id;
  run.Read(ended);
  EXPECT_EQ(run.search().Summary().trials, static_cast<int64_t>(run.submitted().size()));
  EXPECT_LE(run.search().tree().size(), after_tick + 1);
  EXPECT_LE(run.search().next_deadline_s(), run.now_s()) << "there are proposals left";

  while (run.search().next_deadline_s() <= run.now_s()) run.Run(run.events().size() + 1);
  EXPECT_GE(run.search().tree().size(), 6U) << "all of the reply came into the tree";
}

}  // namespace
}  // namespace banyan

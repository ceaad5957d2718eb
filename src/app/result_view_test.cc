#include "app/result_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "app/progress.h"
#include "base/numbers.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

SearchResult SampleResult() {
  SearchResult result;
  result.default_latency_ms = 20;
  result.best_latency_ms = 2;
  result.best_latency_ci_ms = {1.9, 2.1};
  result.trials = 12;
  result.failed_trials = {{"build_timeout", 1}, {"wrong_result", 2}};
  result.models["builtin:analytic"].calls = 3;
  result.peak_gflops = 100;
  result.wall_s = 4;
  result.search_s = 0.25;
  result.apply_s = 0.5;
  return result;
}

Json SampleObject(const SearchResult& result) {
  Workload workload;
  workload.id = "w";
  workload.flops = 1e8;
  return MakeResultObject({}, workload, {}, result, "r-1");
}

TEST(ResultObjectTest, HasTheDesignsKeysInOrder) {
  const Json object = SampleObject(SampleResult());
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  EXPECT_THAT(
      keys, ElementsAre("workload", "target", "strategy", "seed", "trials", "calls", "strong_calls",
                        "default_latency_ms", "best_latency_ms", "best_latency_ci_ms", "speedup",
                        "gflops", "peak_fraction", "failed_trials", "models", "wall_s",
                        "time_split_s", "run_id", "plan"));
  EXPECT_EQ(object["speedup"], 10);
  EXPECT_DOUBLE_EQ(object["gflops"].get<double>(), 50);
  EXPECT_DOUBLE_EQ(object["peak_fraction"].get<double>(), 0.5);
  EXPECT_EQ(object["time_split_s"]["search"], 0.25);
  EXPECT_EQ(object["time_split_s"]["apply"], 0.5);
  EXPECT_EQ(object["failed_trials"]["wrong_result"], 2);
}

TEST(ResultObjectTest, WhatIsNotKnownIsNull) {
  SearchResult result;
  result.default_latency_ms = kNaN;
  result.best_latency_ms = kNaN;
  result.best_latency_ci_ms = {kNaN, kNaN};
  const Json object = SampleObject(result);
  for (const char* key :
       {"default_latency_ms", "best_latency_ms", "speedup", "gflops", "peak_fraction"}) {
    EXPECT_TRUE(object[key].is_null()) << key;
  }
  EXPECT_EQ(object["best_latency_ci_ms"].dump(), "[null,null]");
  EXPECT_THAT(ResultText(object, "banyan.db"), HasSubstr("too large"));
}

TEST(ResultTextTest, LinesUp) {
  const std::string text = ResultText(SampleObject(SampleResult()), "other.db");
  std::istringstream lines(text);
  std::string line;
  std::vector<size_t> starts;
  while (std::getline(lines, line)) {
    if (line.rfind("next:", 0) == 0) continue;
    starts.push_back(line.find_first_not_of(' ', line.find_first_of(' ', 2)));
  }
  EXPECT_EQ(starts.size(), 9u);
  for (const size_t start : starts) EXPECT_EQ(start, starts.front()) << text;
  EXPECT_THAT(text, HasSubstr("[1.90 ms, 2.10 ms]"));
  EXPECT_THAT(text, HasSubstr("1 build_timeout, 2 wrong_result"));
  EXPECT_THAT(text, HasSubstr("3 builtin:analytic"));
  EXPECT_THAT(text, HasSubstr("--store other.db"));
}

TEST(ResultTextTest, RemarksOnDriftAndCancel) {
  SearchResult result = SampleResult();
  EXPECT_EQ(ResultRemarks(result), "");
  result.drift = 1.2;
  result.cancelled = true;
  EXPECT_THAT(ResultRemarks(result), HasSubstr("20 %"));
  EXPECT_THAT(ResultRemarks(result), HasSubstr("cancelled"));
}

TEST(ProgressLineTest, SaysWhatIsKnown) {
  RunProgress progress;
  progress.phase = "search";
  progress.trials_done = 8;
  progress.calls_made = 2;
  progress.elapsed_s = 3.21;
  progress.default_latency_ms = 20;
  progress.best_latency_ms = kNaN;
  progress.last = "trial 8:\nbuild_error";
  const ProgressLine::Options options{.trials_budget = 16, .calls_budget = 4, .flops = 1e8};
  const std::string nothing_yet = ProgressLine::Render(progress, options, 0);
  EXPECT_THAT(nothing_yet, HasSubstr("trials 8/16, calls 2/4"));
  EXPECT_THAT(nothing_yet, Not(HasSubstr("best")));
  progress.best_latency_ms = 2;
  EXPECT_THAT(ProgressLine::Render(progress, options, 0),
              HasSubstr("best 2.00 ms, 10.0x, 50.0 GFLOP/s, 3.21 s"));
  for (const int columns : {20, 40, 200}) {
    const std::string line = ProgressLine::Render(progress, options, columns);
    EXPECT_LE(line.size(), static_cast<size_t>(columns));
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace banyan

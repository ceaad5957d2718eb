#include "study/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "study/csv.h"
#include "study/import.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kPublished = std::string(BANYAN_SOURCE_DIR) + "/tests/data/published";

TEST(Csv, ReadsWhatItPrints) {
  CsvTable table;
  table.columns = {"a", "b,c", "d"};
  table.rows = {{"1", "two \"2\"", ""}, {"x\ny", "", "z"}};
  const auto again = ParseCsv(PrintCsv(table), "t.csv");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->columns, table.columns);
  EXPECT_EQ(again->rows, table.rows);
  EXPECT_THAT(again->lines, ElementsAre(2, 3));
}

TEST(Csv, SaysWhereAFileIsWrong) {
  EXPECT_THAT(ParseCsv("a,b\n1,2\n1\n", "t.csv").error().message, HasSubstr("t.csv:3: 1 fields"));
  EXPECT_THAT(ParseCsv("a,b\n1,\"2\n", "t.csv").error().message, HasSubstr("t.csv:2: a quote"));
  EXPECT_FALSE(ParseCsv("", "t.csv").ok());
  EXPECT_EQ(ParseCsv("\xEF\xBB\xBF"
                     "a\r\n1\r\n",
                     "t.csv")
                ->columns.front(),
            "a");
}

RunRow RunOf(const std::string& arm, const std::string& workload, uint64_t seed, double latency_ms,
             int64_t strong_calls = 4) {
  RunRow run;
  run.run_id = arm + "-" + workload + "-" + std::to_string(seed);
  run.arm = arm;
  run.workload_name = workload;
  run.seed = seed;
  run.trials = 32;
  run.budget = "32 trials, 4 calls";
  run.status = "ok";
  run.median_latency_ms = latency_ms;
  run.llm_calls = 4;
  run.strong_model_call_count = strong_calls;
  return run;
}

TEST(Tables, AFailedRunLeavesAPairThatSaysWhy) {
  std::vector<RunRow> runs = {RunOf("old", "mlp", 0, 2), RunOf("new", "mlp", 0, 1),
                              RunOf("old", "mlp", 1, 2), RunOf("new", "mlp", 1, kUnknown),
                              RunOf("old", "mlp", 2, 3)};
  runs[3].status = "failed";
  runs[3].error = "the disk was full";
  const auto pairs = MakePairs(runs, {.arm = "new", .baseline = "old"});
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_TRUE(pairs[0].ok());
  EXPECT_DOUBLE_EQ(pairs[0].speedup_ratio, 2);
  EXPECT_DOUBLE_EQ(pairs[0].latency_improvement_percent, 50);
  EXPECT_EQ(pairs[1].status, "new: failed: the disk was full");
  EXPECT_TRUE(std::isnan(pairs[1].speedup_ratio));
  EXPECT_DOUBLE_EQ(pairs[1].baseline_median_latency_ms, 2);
  EXPECT_EQ(pairs[2].status, "new: no run");
  const auto summary = MakeSummary(pairs);
  ASSERT_EQ(summary.size(), 1u);
  EXPECT_EQ(summary[0].num_repetitions, 1);
  EXPECT_EQ(summary[0].missing_pairs, 2);
  EXPECT_EQ(summary[0].seeds, "0");
  const auto aggregate = MakeAggregate(pairs, summary);
  ASSERT_EQ(aggregate.size(), 1u);
  EXPECT_EQ(aggregate[0].missing_pairs, 2);
  EXPECT_EQ(aggregate[0].judgement.verdict, Verdict::kTooFewPairs);
}

TEST(Tables, BudgetsAreComparedEachForItself) {
  std::vector<RunRow> runs = {RunOf("old", "mlp", 0, 2), RunOf("new", "mlp", 0, 1)};
  runs.push_back(RunOf("old", "mlp", 0, 8));
  runs.push_back(RunOf("new", "mlp", 0, 2));
  runs[2].budget = runs[3].budget = "8 trials, 1 calls";
  const auto pairs = MakePairs(runs, {.arm = "new", .baseline = "old"});
  const auto aggregate = MakeAggregate(pairs, MakeSummary(pairs));
  ASSERT_EQ(aggregate.size(), 2u);
  EXPECT_DOUBLE_EQ(aggregate[0].judgement.speedup, 2);
  EXPECT_DOUBLE_EQ(aggregate[1].judgement.speedup, 4);
}

TEST(Tables, WinsAreAsThePublishedStudyDefinesThem) {
  const auto row = [](double before_ms, double after_ms, int64_t before, int64_t after) {
    return MakeSummary(
        MakePairs({RunOf("old", "w", 0, before_ms, before), RunOf("new", "w", 0, after_ms, after)},
                  {.arm = "new", .baseline = "old"}))[0];
  };
  EXPECT_TRUE(row(1, 0.97, 4, 4).strict_latency_win);
  EXPECT_FALSE(row(1, 0.99, 4, 4).strict_latency_win);
  EXPECT_TRUE(row(1, 1.005, 4, 2).cost_quality_win);
  EXPECT_FALSE(row(1, 1.02, 4, 2).cost_quality_win);
  EXPECT_FALSE(row(1, 1.005, 4, 3).cost_quality_win);
  EXPECT_EQ(row(1, 1, 0, 0).strong_model_call_reduction_percent, 0);
}

TEST(Tables, VerdictsSayWhichSavingMayBeClaimed) {
  // As fast in every pair, with half the strong calls for the same money.
  std::vector<RunRow> runs;
  for (int seed = 0; seed < 12; ++seed) {
    runs.push_back(RunOf("old", "mlp", seed, 2, 4));
    runs.push_back(RunOf("new", "mlp", seed, seed % 2 == 0 ? 2.001 : 1.999, 2));
  }
  StudyTables tables;
  tables.pairs = MakePairs(runs, {.arm = "new", .baseline = "old"});
  tables.aggregate = MakeAggregate(tables.pairs, MakeSummary(tables.pairs));
  const Json alike = VerdictsJson(tables)["comparisons"][0];
  EXPECT_EQ(alike["strong_call_saving"], true);
  EXPECT_EQ(alike["cost_saving"], false);
  // The same saving at a tenth more latency is none.
  for (RunRow& run : runs) run.median_latency_ms *= run.arm == "new" ? 1.1 : 1;
  tables.pairs = MakePairs(runs, {.arm = "new", .baseline = "old"});
  tables.aggregate = MakeAggregate(tables.pairs, MakeSummary(tables.pairs));
  const Json slower = VerdictsJson(tables)["comparisons"][0];
  EXPECT_GT(slower["strong_call_reduction_percent"], 0);
  EXPECT_EQ(slower["strong_call_saving"], false);
}

TEST(Import, ThePublishedStudySaysNoDifferenceShown) {
  const auto tables = ImportStudy({kPublished}, "");
  ASSERT_TRUE(tables.ok()) << tables.error().message;
  EXPECT_EQ(tables->runs.size(), 30u);
  EXPECT_EQ(tables->pairs.size(), 15u);
  ASSERT_EQ(tables->aggregate.size(), 1u);
  const AggregateRow& row = tables->aggregate[0];
  EXPECT_EQ(row.workloads, 3);
  EXPECT_EQ(row.workloads_faster, 2);
  EXPECT_NEAR(row.geomean_of_medians, 1.0268, 5e-5);
  EXPECT_NEAR(row.median_improvement_percent, 4.414, 5e-4);
  EXPECT_EQ(row.strong_calls.baseline, 60);
  EXPECT_NEAR(row.judgement.speedup, 1.048, 5e-4);
  EXPECT_NEAR(row.judgement.p.value, 0.7167, 5e-5);
  EXPECT_NEAR(row.judgement.speedup_ci.low, 0.8707, 5e-5);
  EXPECT_NEAR(row.judgement.speedup_ci.high, 1.2943, 5e-5);
  EXPECT_EQ(row.judgement.verdict, Verdict::kNoDifferenceShown);
  EXPECT_FALSE(row.cost_saving_supported());
  const std::string report = ReportText(*tables, false);
  EXPECT_THAT(report, HasSubstr("geomean 1.0268x, median improvement 4.414 %, 2 of 3"));
  EXPECT_THAT(report, HasSubstr("of the 15 pairs: geomean 1.048x"));
  EXPECT_THAT(report, HasSubstr("no difference shown"));
}

// Every column of the published summary and pairs, to the digits that were published.
TEST(Import, DerivesThePublishedTablesFromTheRuns) {
  const auto tables = ImportStudy({kPublished}, "");
  ASSERT_TRUE(tables.ok());
  const auto compare = [](const CsvTable& published, const CsvTable& ours, double digits) {
    for (const auto& expected : published.rows) {
      // Found by workload and, where there is one, seed.
      const auto same = [&](const std::vector<std::string>& row) {
        for (const char* key : {"workload_name", "seed"}) {
          const int there = published.Find(key);
          if (there < 0) continue;
          if (row[static_cast<size_t>(ours.Find(key))] != expected[static_cast<size_t>(there)]) {
            return false;
          }
        }
        return true;
      };
      const auto row = std::find_if(ours.rows.begin(), ours.rows.end(), same);
      ASSERT_NE(row, ours.rows.end());
      for (size_t i = 0; i < published.columns.size(); ++i) {
        const int column = ours.Find(published.columns[i]);
        ASSERT_GE(column, 0) << published.columns[i];
        const std::string& found = (*row)[static_cast<size_t>(column)];
        char* end = nullptr;
        const double number = std::strtod(expected[i].c_str(), &end);
        if (*end != '\0' || expected[i].empty()) {
          EXPECT_EQ(found, expected[i]) << published.columns[i];
        } else {
          // The published percentages were made from medians rounded before.
          const bool percent = published.columns[i].find("percent") != std::string::npos;
          EXPECT_NEAR(std::strtod(found.c_str(), nullptr), number, percent ? 5e-4 : digits)
              << published.columns[i];
        }
      }
    }
  };
  const auto read = [](const std::string& name) {
    return ParseCsv(ReadFile(kPublished + "/" + name).value(), name).value();
  };
  compare(read("validated_summary.csv"), ToCsv(tables->summary), 6e-5);
  compare(read("paired_eval_table.csv"), ToCsv(tables->pairs), 6e-5);
  compare(read("baseline_runs.csv"),
          ToCsv(std::vector<RunRow>(tables->runs.begin(), tables->runs.begin() + 15)), 1e-12);
}

TEST(Import, ATableOfPairsAloneWillDo) {
  const auto tables = ImportStudy({kPublished + "/paired_eval_table.csv"}, "");
  ASSERT_TRUE(tables.ok()) << tables.error().message;
  EXPECT_EQ(tables->study, "paired_eval_table");
  EXPECT_NEAR(tables->aggregate[0].judgement.speedup, 1.048, 5e-4);
  EXPECT_EQ(tables->aggregate[0].judgement.verdict, Verdict::kNoDifferenceShown);
}

class ImportFiles : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }
  TempDir folder_ = TempDir::Make("banyan-study-test").value();
};

TEST_F(ImportFiles, WhatWasWrittenReadsBack) {
  auto tables = ImportStudy({kPublished}, "");
  ASSERT_TRUE(tables.ok());
  tables->pairs.front().shape = "N=1,\"quoted\"\nline";
  const std::string folder = folder_.path() + "/out";
  ASSERT_TRUE(WriteStudy(*tables, folder).ok());
  for (const char* name : {"runs", "pairs", "summary", "aggregate", "ledger", "curves"}) {
    const auto text = ReadFile(folder + "/" + name + ".json");
    ASSERT_TRUE(text.ok()) << name;
    EXPECT_TRUE(Json::parse(*text, nullptr, false).contains("rows")) << name;
  }
  EXPECT_THAT(ReadFile(folder + "/report.md").value(), HasSubstr("Neither may be called faster"));
  EXPECT_EQ(Json::parse(ReadFile(folder + "/verdicts.json").value())["comparisons"][0]["verdict"],
            "no difference shown");
  const auto again = ImportStudy({folder}, "baseline_rc");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->aggregate[0].judgement.p.value, tables->aggregate[0].judgement.p.value);
}

TEST_F(ImportFiles, MistakesHaveAPlace) {
  const std::string head = "run_id,arm,seed,median_latency_ms,latency_samples_ms\n";
  const auto error = [&](const std::string& text, const std::string& baseline = "") {
    const auto tables = ImportStudy({Write("runs.csv", text)}, baseline);
    return tables.ok() ? std::string("it read") : tables.error().message;
  };
  EXPECT_THAT(error(head + "a,x,zero,1,[1]\n"),
              HasSubstr("runs.csv:2: 'zero' is no value of seed"));
  EXPECT_THAT(error(head + "a,x,0,1,[1\n"), HasSubstr("latency_samples_ms"));
  EXPECT_THAT(error(head + "a,x,0,1,[1]\nb,y,0,1,[1]\n"), HasSubstr("--baseline: x, y"));
  EXPECT_THAT(error(head + "a,x,0,1,[1]\nb,y,0,1,[1]\n", "z"), HasSubstr("no run has the arm 'z'"));
  EXPECT_THAT(error("a,b\n1,2\n"), HasSubstr("neither a table of runs"));
  EXPECT_EQ(ImportStudy({folder_.path() + "/none.csv"}, "").error().code, ErrorCode::kNotFound);
}

TEST_F(ImportFiles, PairsThatContradictTheirRunsAreRefused) {
  const auto read = [](const std::string& name) {
    return ReadFile(kPublished + "/" + name).value();
  };
  Write("a.csv", read("baseline_runs.csv"));
  Write("b.csv", read("coordinated_runs.csv"));
  std::string pairs = read("paired_eval_table.csv");
  const size_t at = pairs.find(",2.338621,");
  ASSERT_NE(at, std::string::npos);
  Write("pairs.csv", pairs.replace(at, 10, ",1.338621,"));
  const auto tables = ImportStudy({folder_.path()}, "");
  ASSERT_FALSE(tables.ok());
  EXPECT_THAT(tables.error().message, HasSubstr("pairs.csv:2"));
}

}  // namespace
}  // namespace banyan

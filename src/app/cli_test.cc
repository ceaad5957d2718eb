#include "app/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/files.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Options>
Options Parse(const std::vector<std::string>& arguments) {
  auto line = ParseCommandLine(arguments);
  EXPECT_TRUE(line.ok()) << line.error().message;
  if (!line.ok() || !std::holds_alternative<Options>(line->options)) {
    ADD_FAILURE() << "another command";
    return {};
  }
  return std::get<Options>(line->options);
}

std::string Refusal(const std::vector<std::string>& arguments) {
  auto line = ParseCommandLine(arguments);
  if (line.ok()) return "accepted";
  EXPECT_EQ(line.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(line.error().message.find('\n'), std::string::npos);
  return line.error().message;
}

TEST(CommandLineTest, TuneHasDefaults) {
  const auto options = Parse<TuneOptions>({"tune", "mlp"});
  EXPECT_EQ(options.workload, "mlp");
  EXPECT_FALSE(options.trials.has_value());
  EXPECT_FALSE(options.seconds.has_value());
  EXPECT_EQ(options.strategy, "banyan");
  EXPECT_THAT(options.pool, ElementsAre("builtin:analytic", "builtin:heuristic", "builtin:random"));
  EXPECT_TRUE(options.run_flags.empty());
  EXPECT_EQ(options.machine.timing.number, 3);
}

TEST(CommandLineTest, TuneReadsEveryFlag) {
  const auto options = Parse<TuneOptions>({"tune",
                                           "mlp",
                                           "--trials",
                                           "64",
                                           "--calls",
                                           "0",
                                           "--seconds",
                                           "1.5",
                                           "--seed",
                                           "18446744073709551615",
                                           "--strategy",
                                           "random",
                                           "--pool",
                                           "a,b",
                                           "--cores",
                                           "2",
                                           "--target",
                                           "llvm -x",
                                           "--number",
                                           "7",
                                           "--repeat",
                                           "9",
                                           "--min-repeat-ms",
                                           "0.5",
                                           "--events",
                                           "e.jsonl"});
  EXPECT_EQ(options.trials, 64);
  EXPECT_EQ(options.calls, 0);
  EXPECT_EQ(options.seconds, 1.5);
  EXPECT_EQ(options.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(options.pool, ElementsAre("a", "b"));
  EXPECT_EQ(options.machine.cores, 2);
  EXPECT_EQ(options.machine.target, "llvm -x");
  EXPECT_EQ(options.machine.timing.number, 7);
  EXPECT_EQ(options.machine.timing.repeat, 9);
  EXPECT_EQ(options.machine.timing.min_repeat_ms, 0.5);
  EXPECT_EQ(options.events, "e.jsonl");
  EXPECT_THAT(options.run_flags, ::testing::Contains("--seed"));
}

TEST(CommandLineTest, CommonFlagsAndOtherCommands) {
  const auto line = ParseCommandLine({"explain", "3", "17", "--json", "--store", "x.db"});
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(line->common.json);
  EXPECT_EQ(line->common.store, "x.db");
  EXPECT_EQ(line->common.command, "explain");
  EXPECT_EQ(std::get<ExplainOptions>(line->options).run, "3");
  EXPECT_EQ(std::get<ExplainOptions>(line->options).node, 17);
  EXPECT_EQ(Parse<ExportOptions>({"export"}).run, "last");
  EXPECT_EQ(Parse<ReproduceOptions>({"reproduce", "r:4"}).trial, "r:4");
  EXPECT_EQ(Parse<ApplyOptions>({"apply", "mlp", "p.plan"}).plans,
            std::vector<std::string>{"p.plan"});
  Parse<WorkerOptions>({"worker"});
  Parse<VersionOptions>({"--version"});
  EXPECT_THAT(Parse<HelpText>({}).text, HasSubstr("tune"));
  EXPECT_THAT(Parse<HelpText>({"tune", "--help"}).text, HasSubstr("banyan tune mlp"));
}

TEST(CommandLineTest, RefusesInOneLineAndSuggests) {
  EXPECT_THAT(Refusal({"tune", "mlp", "--trails", "3"}), HasSubstr("did you mean '--trials'"));
  EXPECT_THAT(Refusal({"tune", "mlp", "--trails=3"}), HasSubstr("unknown flag '--trails'"));
  EXPECT_THAT(Refusal({"exlain"}), HasSubstr("did you mean 'explain'"));
  EXPECT_THAT(Refusal({"workr"}), ::testing::Not(HasSubstr("'worker'")));  // hidden
  EXPECT_THAT(Refusal({"tune"}), HasSubstr("banyan tune mlp"));
  EXPECT_THAT(Refusal({"tune", "a", "b"}), HasSubstr("no argument 'b'"));
  EXPECT_THAT(Refusal({"tune", "a", "--trials", "1e3"}), HasSubstr("'1e3' is not a whole number"));
  EXPECT_THAT(Refusal({"tune", "a", "--trials", "1000001"}), HasSubstr("--trials"));
  EXPECT_THAT(Refusal({"tune", "a", "--seconds", "nan"}), HasSubstr("--seconds"));
  EXPECT_THAT(Refusal({"tune", "a", "--seed", "-1"}), HasSubstr("--seed"));
  EXPECT_THAT(Refusal({"tune", "a", "--trials"}), HasSubstr("--trials"));
  EXPECT_THAT(Refusal({"apply", "mlp"}), HasSubstr("plan"));
}

class ConfigFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = folder_.path() + "/run.toml";
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    return path;
  }
  TempDir folder_ = TempDir::Make("banyan-cli-test").value();
};

TEST_F(ConfigFileTest, GivesWhatTheCommandLineDoesNot) {
  const std::string path = Write(
      "workload = \"conv\"\ntrials = 5\nseconds = 2.5\nseed = 4\n"
      "pool = [\"builtin:random\"]\nmin_repeat_ms = 1\njson = true\n");
  const auto options = Parse<TuneOptions>({"tune", "--config", path, "--seed", "9"});
  EXPECT_EQ(options.workload, "conv");
  EXPECT_EQ(options.trials, 5);
  EXPECT_EQ(options.seconds, 2.5);
  EXPECT_EQ(options.seed, 9u);
  EXPECT_THAT(options.pool, ElementsAre("builtin:random"));
  EXPECT_EQ(options.machine.timing.min_repeat_ms, 1);
  const auto line = ParseCommandLine({"tune", "--config", path});
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(line->common.json);
}

TEST_F(ConfigFileTest, SaysWhichLineIsWrong) {
  const auto refusal = [&](const std::string& text) {
    return Refusal({"tune", "mlp", "--config", Write(text)});
  };
  EXPECT_THAT(refusal("seed = 1\ntrails = 3\n"), HasSubstr("run.toml:2: unknown key 'trails'"));
  EXPECT_THAT(refusal("seed = 1\ntrails = 3\n"), HasSubstr("did you mean 'trials'"));
  EXPECT_THAT(refusal("trials = \"x\"\n"), HasSubstr("run.toml:1"));
  EXPECT_THAT(refusal("trials = [\n"), HasSubstr("run.toml:"));
  EXPECT_THAT(refusal("[trials]\nx = 1\n"), HasSubstr("'trials'"));
  EXPECT_THAT(refusal("config = \"other.toml\"\n"), HasSubstr("unknown key 'config'"));
  EXPECT_THAT(Refusal({"tune", "mlp", "--config", "/no/such/file"}), HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace banyan

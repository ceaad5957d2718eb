#include "model/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTwo = R"(
[[model]]
name = "big"
provider = "anthropic"
model = "claude-x"
price_in = 3
price_out = 15.5
retries = 1
extra = { temperature = 0.5 }

[[model]]
name = "small"
provider = "openai"
model = "qwen"
base_url = "http://localhost:8080/v1"
role = "light"
parameters_b = 7
)";

std::string ErrorOf(const std::string& toml) {
  const auto pool = ParsePool(toml, "pool.toml");
  EXPECT_FALSE(pool.ok());
  if (pool.ok()) return "";
  EXPECT_EQ(pool.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(pool.error().message, Not(HasSubstr("\n")));
  return pool.error().message;
}

// A model with one more line, the fifth of the text.
std::string ErrorOfLine(const std::string& line, const std::string& provider = "openai") {
  const std::string model = provider == "builtin" ? "random" : "m";
  return ErrorOf("[[model]]\nname = 'a'\nprovider = '" + provider + "'\nmodel = '" + model + "'\n" +
                 line + "\n");
}

TEST(ParsePool, ReadsEveryKey) {
  const auto pool = ParsePool(kTwo, "pool.toml");
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  ASSERT_EQ(pool->size(), 2U);
  const PoolEntry& big = pool->front();
  EXPECT_EQ(big.name, "big");
  EXPECT_EQ(big.key_env, "ANTHROPIC_API_KEY");
  EXPECT_EQ(big.role, ModelRole::kStrong);
  EXPECT_DOUBLE_EQ(big.price.out, 15.5);
  EXPECT_DOUBLE_EQ(big.price.cached, 3) << "cached input costs what input does, if nothing is said";
  EXPECT_EQ(big.retries, 1);
  EXPECT_EQ(big.extra, Json({{"temperature", 0.5}}));
  const PoolEntry& small = pool->back();
  EXPECT_EQ(small.key_env, "") << "the usual key goes to the usual server only";
  EXPECT_EQ(small.role, ModelRole::kLight);
  EXPECT_DOUBLE_EQ(small.parameters_b, 7);
}

TEST(ParsePool, NamesTheLineOfAMistake) {
  EXPECT_EQ(ErrorOfLine("retires = 3"),
            "pool.toml:5: unknown key 'retires'; did you mean 'retries'?");
  EXPECT_EQ(ErrorOfLine("retries = 3.5"), "pool.toml:5: 'retries' is a whole number from 0 to 20");
  EXPECT_EQ(ErrorOfLine("retries = 21"), "pool.toml:5: 'retries' is a whole number from 0 to 20");
  EXPECT_EQ(ErrorOfLine("price_in = -1\nprice_out = 1"),
            "pool.toml:5: 'price_in' is a number from 0 to 1000000");
  EXPECT_THAT(ErrorOfLine("price_in = nan\nprice_out = 1"),
              HasSubstr(":5: 'price_in' is a number"));
  EXPECT_THAT(ErrorOfLine("price_in = 1"), HasSubstr(":5: 'price_in' and 'price_out' go together"));
  EXPECT_EQ(ErrorOfLine("role = 'weak'"), "pool.toml:5: 'role' is strong or light");
  EXPECT_EQ(ErrorOfLine("structured = 'shema'"),
            "pool.toml:5: 'structured' is one of auto, schema, tool, text; did you mean 'schema'?");
  EXPECT_EQ(ErrorOfLine("command = ['x']"), "pool.toml:5: provider openai takes no 'command'");
  EXPECT_EQ(ErrorOfLine("base_url = 'localhost'"),
            "pool.toml:5: 'base_url' starts with http:// or https://, for example "
            "http://localhost:8080/v1");
  EXPECT_THAT(ErrorOfLine("base_url = 2026-01-01"), HasSubstr("'base_url' is a text"));
  EXPECT_THAT(ErrorOfLine("extra = { stream = true }"), HasSubstr("may not hold 'stream'"));
  EXPECT_THAT(ErrorOfLine("key_env = "), HasSubstr("pool.toml:5: "));
  EXPECT_THAT(ErrorOfLine("key_env = 'A'", "builtin"), HasSubstr("takes no 'key_env'"));
  EXPECT_EQ(
      ErrorOf("[[model]]\nprovider = 'openia'\n"),
      "pool.toml:2: 'provider' is one of openai, anthropic, gemini, command, replay, builtin; "
      "did you mean 'openai'?");
  EXPECT_THAT(ErrorOf("\n[[model]]\nname = 'a'\n"),
              HasSubstr("pool.toml:2: a model needs a 'prov"));
  EXPECT_THAT(ErrorOf("[[model]]\nname = 'a'\nprovider = 'command'\n"),
              HasSubstr("needs 'command'"));
  EXPECT_THAT(ErrorOf("[[model]]\nname = 'a'\nprovider = 'gemini'\n"), HasSubstr("needs 'model'"));
  EXPECT_THAT(ErrorOf("[[model]]\nname = 'a,b'\nprovider = 'builtin'\nmodel = 'random'\n"),
              HasSubstr("pool.toml:2: 'name' is at most"));
  EXPECT_THAT(ErrorOf("[[model]]\nprovider = 'builtin'\nmodel = 'analytc'\n"),
              HasSubstr("did you mean 'analytic'?"));
  EXPECT_EQ(ErrorOf("[model]\nname = 'a'\n"),
            "pool.toml:1: the file has no model: each is a [[model]] table, in two brackets");
  EXPECT_THAT(ErrorOf(""), HasSubstr("the file has no model"));
  EXPECT_THAT(ErrorOf("[[models]]\n"), HasSubstr("pool.toml:1: unknown key 'models'"));
  EXPECT_THAT(ErrorOf(std::string(kTwo) + kTwo),
              HasSubstr("'big' is taken by the model at line 3"));
}

TEST(ParsePool, RefusesKeysInTheFileWithoutShowingThem) {
  for (const char* line :
       {"key_env = 'sk-planted'", "key_env = 'gsk_planted'",
        "base_url = 'https://me:planted@host/v1'", "base_url = 'https://host/v1?key=planted'"}) {
    EXPECT_THAT(ErrorOfLine(line), Not(HasSubstr("planted"))) << line;
  }
}

TEST(ParsePool, SurvivesAnyBytes) {
  for (size_t size = 0; size < std::string_view(kTwo).size(); ++size) {
    (void)ParsePool(std::string_view(kTwo).substr(0, size), "pool.toml");
  }
  EXPECT_THAT(ErrorOf("\xff\xfe"), HasSubstr("pool.toml:1: "));
}

TEST(PoolJson, GoesThereAndBack) {
  auto pool = ParsePool(std::string(kTwo) +
                            "[[model]]\nname='c'\nprovider='command'\ncommand=['a','b']\n"
                            "[[model]]\nname='r'\nprovider='replay'\nstore='x.db'\n"
                            "[[model]]\nprovider='builtin'\nmodel='heuristic'\n",
                        "pool.toml");
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  for (const PoolEntry& entry : *pool) {
    const Json json = ToJson(entry);
    const auto back = PoolEntryFromJson(Json::parse(json.dump()));
    ASSERT_TRUE(back.ok()) << back.error().message << json.dump();
    EXPECT_EQ(ToJson(*back), json);
    EXPECT_EQ(back->key_env, entry.key_env);
    EXPECT_EQ(back->role, entry.role);
    EXPECT_EQ(back->price.cached, entry.price.cached);
    EXPECT_EQ(back->command, entry.command);
    EXPECT_EQ(back->extra, entry.extra);
  }
  EXPECT_FALSE(PoolEntryFromJson(Json::array()).ok());
  EXPECT_FALSE(PoolEntryFromJson({{"name", "x"}, {"provider", 3}}).ok());
}

class LoadPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::Make("banyan-pool-test");
    ASSERT_TRUE(folder.ok());
    folder_ = std::move(folder).value();
    path_ = folder_.path() + "/two.toml";
    ASSERT_TRUE(WriteFileAtomically(path_, kTwo).ok());
  }
  static std::vector<std::string> Names(const Result<std::vector<PoolEntry>>& pool) {
    std::vector<std::string> names;
    EXPECT_TRUE(pool.ok()) << pool.error().message;
    if (pool.ok()) {
      for (const PoolEntry& entry : *pool) names.push_back(entry.name);
    }
    return names;
  }

  TempDir folder_;
  std::string path_;
};

TEST_F(LoadPoolTest, TakesExpertsFilesAndSingleModels) {
  EXPECT_THAT(Names(LoadPool({"builtin:random", path_})),
              ElementsAre("builtin:random", "big", "small"));
  EXPECT_THAT(Names(LoadPool({path_ + "#small", "builtin:analytic"})),
              ElementsAre("small", "builtin:analytic"));
  EXPECT_THAT(Names(LoadPool({})), ElementsAre());
}

TEST_F(LoadPoolTest, SaysWhatIsWrong) {
  EXPECT_THAT(LoadPool({"builtin:analitic"}).error().message,
              HasSubstr("did you mean 'builtin:analytic'?"));
  EXPECT_THAT(LoadPool({"analytic"}).error().message, HasSubstr("unknown model 'analytic'"));
  EXPECT_THAT(LoadPool({"none.toml"}).error().message, HasSubstr("none.toml"));
  EXPECT_THAT(LoadPool({path_ + "#smal"}).error().message,
              HasSubstr("has no model 'smal'; did you mean 'small'?; it has big, small"));
  EXPECT_THAT(LoadPool({path_, path_}).error().message, HasSubstr("twice"));
  EXPECT_THAT(LoadPool({path_, path_ + "#big"}).error().message,
              HasSubstr("two models of the pool are called 'big'"));
}

TEST(MakeModel, GivesExpertsTheirNameAndRole) {
  const auto pool = ParsePool(
      "[[model]]\nname='mine'\nprovider='builtin'\nmodel='analytic'\nrole='light'\n", "p");
  ASSERT_TRUE(pool.ok());
  const auto model = MakeModel(pool->front());
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->name(), "mine");
  EXPECT_EQ((*model)->role(), ModelRole::kLight);

  for (const std::string& name : BuiltinModelNames()) {
    const auto entry = LoadPool({name});
    ASSERT_TRUE(entry.ok());
    const auto made = MakeModel(entry->front());
    const auto expert = MakeBuiltinModel(name);
    ASSERT_TRUE(made.ok() && expert.ok());
    EXPECT_EQ((*made)->name(), name);
    EXPECT_EQ((*made)->role(), (*expert)->role());
    EXPECT_EQ((*made)->info().repeatable, (*expert)->info().repeatable);
  }
}

TEST(MakeModel, MakesLanguageModelsAndPrograms) {
  auto pool = ParsePool(std::string(kTwo) +
                            "[[model]]\nname='p'\nprovider='command'\ncommand=['sh']\n"
                            "[[model]]\nname='q'\nprovider='command'\ncommand=['./gone']\n"
                            "[[model]]\nname='r'\nprovider='replay'\nstore='x.db'\n",
                        "p");
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  (*pool)[0].key_env = "BANYAN_TEST_NO_SUCH_KEY";
  EXPECT_EQ(MakeModel((*pool)[0]).error().code, ErrorCode::kNotFound) << "no key";
  const auto chat = MakeModel((*pool)[1]);
  ASSERT_TRUE(chat.ok()) << chat.error().message;
  EXPECT_EQ((*chat)->name(), "small");
  EXPECT_EQ((*chat)->role(), ModelRole::kLight);
  EXPECT_TRUE((*chat)->info().reads_text);
  EXPECT_FALSE((*chat)->info().repeatable);
  EXPECT_DOUBLE_EQ((*chat)->info().parameters_b, 7);
  const auto program = MakeModel((*pool)[2]);
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_EQ((*program)->name(), "p");
  EXPECT_THAT(MakeModel((*pool)[3]).error().message, HasSubstr("there is no program './gone'"));
  EXPECT_EQ(MakeModel((*pool)[4]).error().code, ErrorCode::kInternal) << "the store makes those";
}

TEST(CheckUsable, WantsTheKeyAndNeverShowsIt) {
  PoolEntry entry;
  entry.name = "a";
  entry.provider = "openai";
  entry.model = "m";
  EXPECT_TRUE(CheckUsable(entry).ok()) << "no key is sent";
  entry.key_env = "BANYAN_TEST_KEY";
  unsetenv("BANYAN_TEST_KEY");
  EXPECT_EQ(CheckUsable(entry).error().message,
            "model 'a': no key; set the environment variable BANYAN_TEST_KEY");
  setenv("BANYAN_TEST_KEY", "planted\n", 1);
  EXPECT_THAT(CheckUsable(entry).error().message, Not(HasSubstr("planted")));
  setenv("BANYAN_TEST_KEY", "planted", 1);
  EXPECT_TRUE(CheckUsable(entry).ok());
  unsetenv("BANYAN_TEST_KEY");
}

}  // namespace
}  // namespace banyan

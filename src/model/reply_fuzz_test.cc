// Replies made up and spoilt at random: whatever comes, nothing breaks, and what is accepted is
// canonical. BANYAN_FUZZ_REPLIES sets how many (20,000 by default), BANYAN_FUZZ_SEED where to
// begin.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/strings.h"
#include "model/reply.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Requests at the roots of three programs and at random leaves below.
std::vector<ModelRequest> Requests(ActionSpace space) {
  const Target target = FakeTarget();
  std::vector<ModelRequest> requests;
  for (const ProgramView& program :
       {FakeMatmulProgram(64, 64, 64), FakeMlpProgram(64, 96, 128), FakeConvProgram(32, 16)}) {
    auto compiler =
        MakeScheduleCompiler(FakeWorkload(), target, std::make_unique<FakeLiveSchedule>(program));
    ModelRequest request;
    request.workload = std::make_shared<const Workload>(compiler->workload());
    request.target = std::make_shared<const Target>(target);
    request.action_space = space;
    request.root = *compiler->Root();
    request.leaf = request.root;
    request.max_proposals = 4;
    request.mutators = {"tile_size", "compute_location", "parallel", "unroll"};
    for (const char* name : {"big", "small-model"}) {
      ModelStanding model;
      model.info.name = name;
      request.pool.push_back(model);
    }
    requests.push_back(request);
    Rng rng(17, "leaves", requests.size());
    for (int tries = 0; tries < 30 && request.leaf.plan.steps.size() < 4; ++tries) {
      const auto step = SampleStep(*request.leaf.program, target, rng);
      if (!step) break;
      if (auto next = compiler->Extend(request.leaf, {*step}); next.ok()) request.leaf = *next;
    }
    requests.push_back(request);
  }
  return requests;
}

class Writer {
 public:
  Writer(const ModelRequest& request, Rng& rng) : request_(request), rng_(rng) {}

  std::string Reply() {
    if (request_.action_space == ActionSpace::kMutators && rng_.Chance(0.7)) return Mutators();
    std::string text = rng_.Chance(0.3) ? "I think so.\n```json\n" : "";
    text += "{" + Key("analysis") + ": " + Quoted("because of the caches") + ", " +
            Key("proposals") + ": [";
    const auto count = rng_.Below(4);
    for (uint64_t i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + Proposal();
    text +=
        "], " + Key("next_model") + ": " + Quoted(rng_.Chance(0.5) ? "big" : "small_model") + "}";
    return text + (rng_.Chance(0.3) ? "\n```\n" : "");
  }

 private:
  std::string Key(const std::string& name) { return rng_.Chance(0.1) ? name : "\"" + name + "\""; }
  std::string Quoted(const std::string& text) {
    if (rng_.Chance(0.1)) return "'" + text + "'";
    return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
  }

  std::string Mutators() {
    std::string names;
    const auto count = rng_.Below(5);
    for (uint64_t i = 0; i < count; ++i) {
      names += (i > 0 ? ", " : "") + Quoted(rng_.Pick(request_.mutators));
    }
    return "{" + Key("mutators") + ": [" + names + "], " + Key("next_model") + ": \"big\"}";
  }

  std::string Proposal() {
    const bool at_leaf = rng_.Chance(0.6);
    const auto& program = at_leaf ? *request_.leaf.program : *request_.root.program;
    std::string steps;
    const auto count = rng_.Below(5);
    for (uint64_t i = 0; i < count; ++i) {
      const auto step = SampleStep(program, *request_.target, rng_);
      if (!step) break;
      const bool object = rng_.Chance(0.3);
      steps += (i > 0 ? ", " : "") + (object ? StepToJson(*step).dump() : Quoted(PrintStep(*step)));
    }
    return "{" + Key("steps") + ": [" + steps + "], " + Key("keep_steps") + ": " +
           std::to_string(at_leaf ? request_.leaf.plan.steps.size() : 0) + ", " +
           Key("confidence") + ": 0." + std::to_string(rng_.Below(100)) + ", " + Key("reason") +
           ": " + Quoted("a reason") + "}";
  }

  const ModelRequest& request_;
  Rng& rng_;
};

void Spoil(std::string& text, Rng& rng) {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   "(",
                                                   ")",
                                                   "\"",
                                                   "'",
                                                   "\\",
                                                   "\\u12",
                                                   "\\ud800",
                                                   ",",
                                                   ":",
                                                   "=",
                                                   "\n",
                                                   "```",
                                                   "NaN",
                                                   "-1",
                                                   "1e999",
                                                   "null",
                                                   "//",
                                                   "/*",
                                                   "#",
                                                   "\xff",
                                                   "\xE2\x80",
                                                   "\xF0\x9F\x98\x80",
                                                   "tile(",
                                                   "block=",
                                                   "C.i.0",
                                                   "factors",
                                                   "99999999999999999999",
                                                   "\"steps\"",
                                                   "</think>",
                                                   "[[[[[[[[[[",
                                                   "{\"a\":",
                                                   "\x01",
                                                   std::string(1, '\0'),
                                                   "0",
                                                   "i.1",
                                                   "%",
                                                   "vectorize(loop=C.j)",
                                                   "keep_steps",
                                                   "proposals",
                                                   "d0/16"};
  const auto changes = 1 + rng.Below(6);
  for (uint64_t i = 0; i < changes; ++i) {
    const size_t at = rng.Below(text.size() + 1);
    switch (rng.Below(7)) {
      case 0:
        text.insert(at, rng.Pick(kPieces));
        break;
      case 1:
        text.erase(at, rng.Below(8));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(rng.Below(256));
        break;
      case 3: {
        const std::string piece = text.substr(at, rng.Below(40));
        text.insert(rng.Below(text.size() + 1), piece);
        break;
      }
      case 4:
        text.resize(at);
        break;
      case 5:
        if (at < text.size()) text.replace(at, 1, rng.Pick(kPieces));
        break;
      default:
        if (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) {
          text[at] = static_cast<char>('0' + rng.Below(10));
        }
    }
  }
}

void ExpectLine(const std::string& line) {
  EXPECT_LE(line.size(), 500u);
  EXPECT_EQ(line, OneLine(line, 500));
}

void ExpectSound(const ModelReply& reply, const ModelRequest& request) {
  EXPECT_LE(reply.proposals.size(), request.max_proposals);
  const bool useful = !reply.proposals.empty() || !reply.mutators.empty();
  EXPECT_EQ(useful, reply.failure == CallFailure::kNone);
  EXPECT_EQ(useful, reply.error.empty());
  for (const Proposal& proposal : reply.proposals) {
    EXPECT_LE(proposal.keep_steps, request.leaf.plan.steps.size());
    EXPECT_FALSE(proposal.steps.empty());
    EXPECT_TRUE(proposal.confidence >= 0 && proposal.confidence <= 1);
    ExpectLine(proposal.reason);
    // The later steps meet programs that only the compiler knows, which checks them all.
    const bool at_leaf = proposal.keep_steps == request.leaf.plan.steps.size();
    if (at_leaf || proposal.keep_steps == 0) {
      const ProgramView& program = at_leaf ? *request.leaf.program : *request.root.program;
      const Step& first = proposal.steps.front();
      const auto legal = FindTransformation(first.op)->Check(program, *request.target, first);
      EXPECT_TRUE(legal.ok()) << PrintStep(first);
    }
    for (const Step& step : proposal.steps) {
      const auto canonical = CanonicalStep(step);
      ASSERT_TRUE(canonical.ok()) << PrintStep(step);
      EXPECT_EQ(PrintStep(*canonical), PrintStep(step));
      const auto again = ParseStep(PrintStep(step));
      ASSERT_TRUE(again.ok()) << PrintStep(step) << ": " << again.error().message;
      EXPECT_EQ(*again, step);
    }
  }
  for (const std::string& name : reply.mutators) {
    EXPECT_NE(std::find(request.mutators.begin(), request.mutators.end(), name),
              request.mutators.end());
  }
  EXPECT_TRUE(reply.next_model.empty() || reply.next_model == "big" ||
              reply.next_model == "small-model");
  ExpectLine(reply.error);
  for (const std::string& note : reply.notes) ExpectLine(note);
  // What the journal does with it.
  const auto read = ModelReplyFromJson(Json::parse(ToJson(reply).dump()));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->proposals.size(), reply.proposals.size());
}

TEST(ReplyFuzzTest, NothingBreaksAndWhatIsAcceptedIsCanonical) {
  const uint64_t count = FromEnvironment("BANYAN_FUZZ_REPLIES", 20'000);
  const uint64_t seed = FromEnvironment("BANYAN_FUZZ_SEED", 1);
  std::vector<ModelRequest> requests = Requests(ActionSpace::kPlan);
  for (auto& request : Requests(ActionSpace::kMutators)) requests.push_back(std::move(request));

  uint64_t useful = 0;
  uint64_t spoilt_useful = 0;
  std::string text;
  for (uint64_t i = 0; i < count; ++i) {
    Rng rng(seed, "reply", i);
    const ModelRequest& request = requests[rng.Below(requests.size())];
    // Making one up costs more than spoiling the last.
    const bool fresh = i % 6 == 0;
    if (fresh) text = Writer(request, rng).Reply();
    if (!fresh || rng.Chance(0.5)) Spoil(text, rng);
    const ModelReply reply = ParseReply(text, request);
    ExpectSound(reply, request);
    const bool usable = reply.error.empty();
    useful += usable ? 1 : 0;
    spoilt_useful += usable && !fresh ? 1 : 0;
    if (testing::Test::HasFailure()) {
      GTEST_FAIL() << "seed " << seed << ", reply " << i << ":\n"
                   << Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
    }
  }
  // The generator has not become one of noise.
  EXPECT_GT(useful, count / 10);
  EXPECT_GT(spoilt_useful, count / 40);
}

}  // namespace
}  // namespace banyan

#include "study/study_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/rng.h"
#include "base/strings.h"
#include "search/strategy.h"

namespace banyan {
namespace {

constexpr double kMaxSeeds = 10'000;

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

// One table of the file: reads its keys, remembers the first mistake with its line, and refuses
// keys that nobody asked for.
class Reader {
 public:
  Reader(const toml::table& table, std::string what, std::string* problem)
      : table_(table), what_(std::move(what)), problem_(problem) {}

  const toml::node* Find(const char* key) {
    known_.emplace_back(key);
    return table_.get(key);
  }
  void Text(const char* key, std::string* out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    if (const auto text = node->value_exact<std::string>()) {
      *out = *text;
    } else {
      Fail(*node, fmt::format("'{}' is no text", key));
    }
  }
  void Whole(const char* key, int64_t low, int64_t high, int64_t* out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const auto number = node->value_exact<int64_t>();
    if (number && *number >= low && *number <= high) {
      *out = *number;
    } else {
      Fail(*node, fmt::format("'{}' is no whole number from {} to {}", key, low, high));
    }
  }
  void Whole(const char* key, int64_t low, int64_t high, int* out) {
    int64_t number = *out;
    Whole(key, low, high, &number);
    *out = static_cast<int>(number);
  }
  void Number(const char* key, double low, double high, double* out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const auto number = node->is_number() ? node->value<double>() : std::nullopt;
    if (number && *number >= low && *number <= high) {
      *out = *number;
    } else {
      Fail(*node, fmt::format("'{}' is no number from {} to {}", key, low, high));
    }
  }
  // A text, or a list of texts.
  void Texts(const char* key, std::vector<std::string>* out) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    if (const auto text = node->value_exact<std::string>()) {
      *out = {*text};
      return;
    }
    const toml::array* list = node->as_array();
    if (list == nullptr) return Fail(*node, fmt::format("'{}' is no list of texts", key));
    for (const toml::node& item : *list) {
      const auto text = item.value_exact<std::string>();
      if (!text) return Fail(item, fmt::format("'{}' is no list of texts", key));
      out->push_back(*text);
    }
  }
  void Fail(const toml::node& node, const std::string& reason) { Fail(LineOf(node), reason); }
  void Fail(int line, const std::string& reason) {
    if (problem_->empty()) *problem_ = fmt::format("{}: {}", line, reason);
  }
  // After all keys were asked for.
  void Finish() {
    for (const auto& entry : table_) {
      const std::string key(entry.first.str());
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      Fail(entry.second, fmt::format("unknown key '{}'{}{}; there are: {}", key, what_,
                                     DidYouMean(key, known_), Join(known_, ", ")));
    }
  }
  int line() const { return LineOf(table_); }

 private:
  const toml::table& table_;
  const std::string what_;
  std::string* problem_;
  std::vector<std::string> known_;
};

void ReadBudget(Reader& reader, Budget* budget) {
  const double infinity = std::numeric_limits<double>::infinity();
  reader.Whole("trials", 1, 1'000'000, &budget->trials);
  reader.Whole("calls", 0, 1'000'000, &budget->calls);
  reader.Number("strong_calls", 0, infinity, &budget->strong_calls);
  reader.Number("tokens", 0, infinity, &budget->tokens);
  reader.Number("cost_usd", 0, infinity, &budget->cost_usd);
  reader.Number("seconds", 1e-3, infinity, &budget->seconds);
}

void ReadTiming(Reader& reader, const std::string& prefix, Timing* timing) {
  reader.Whole((prefix + "number").c_str(), 1, 1'000'000, &timing->number);
  reader.Whole((prefix + "repeat").c_str(), 1, 1000, &timing->repeat);
  reader.Number((prefix + "min_repeat_ms").c_str(), 0, 60'000, &timing->min_repeat_ms);
}

// [0, 1, 2] or "0-4".
void ReadSeeds(Reader& reader, std::vector<uint64_t>* seeds) {
  const toml::node* node = reader.Find("seeds");
  if (node == nullptr) return;
  const char* const wrong = "'seeds' is neither a list of whole numbers nor a range like \"0-4\"";
  if (const auto text = node->value_exact<std::string>()) {
    const auto parts = Split(*text, '-');
    const auto number = [](const std::string& digits) -> std::optional<uint64_t> {
      if (digits.empty() || digits.size() > 18 ||
          digits.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
      }
      return std::stoull(digits);
    };
    const auto low = number(parts.front());
    const auto high = number(parts.back());
    if (parts.size() != 2 || !low || !high || *high < *low ||
        static_cast<double>(*high - *low) >= kMaxSeeds) {
      return reader.Fail(*node, wrong);
    }
    for (uint64_t seed = *low; seed <= *high; ++seed) seeds->push_back(seed);
    return;
  }
  const toml::array* list = node->as_array();
  if (list == nullptr) return reader.Fail(*node, wrong);
  for (const toml::node& item : *list) {
    const auto seed = item.value_exact<int64_t>();
    if (!seed || *seed < 0) return reader.Fail(item, wrong);
    seeds->push_back(static_cast<uint64_t>(*seed));
  }
  if (std::set<uint64_t>(seeds->begin(), seeds->end()).size() != seeds->size()) {
    reader.Fail(*node, "'seeds' has one twice");
  }
}

// A value of `set` as --set would be typed.
std::optional<std::string> SettingText(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return std::string(*flag ? "true" : "false");
  if (const auto number = node.value_exact<int64_t>()) return std::to_string(*number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  return std::nullopt;
}

void ReadSettings(Reader& reader, StudyArm* arm) {
  const toml::node* node = reader.Find("set");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) return reader.Fail(*node, "'set' is no table like {puct_c = 1.2}");
  for (const auto& [key, value] : *table) {
    const auto text = SettingText(value);
    const std::string name(key.str());
    if (!text) return reader.Fail(value, fmt::format("'{}' is no text, number or flag", name));
    if (name == "name") return reader.Fail(value, "'name' cannot be set: 'label' names an arm");
    arm->set.emplace_back(name, *text);
    if (const auto strategy = ArmStrategy(*arm); !strategy.ok()) {
      return reader.Fail(value, strategy.error().message);
    }
  }
}

void ReadArm(const toml::table& table, const StudyChecks& checks, StudyConfig* config,
             std::string* problem) {
  Reader reader(table, " in [[arm]]", problem);
  StudyArm arm;
  arm.line = reader.line();
  reader.Text("strategy", &arm.strategy);
  arm.label = arm.strategy;
  reader.Text("label", &arm.label);
  reader.Texts("pool", &arm.pool);
  int64_t offset = 0;
  reader.Whole("seed_offset", 0, int64_t{1} << 40, &offset);
  arm.seed_offset = static_cast<uint64_t>(offset);
  if (arm.strategy.empty()) return reader.Fail(arm.line, "an [[arm]] needs a 'strategy'");
  if (const auto strategy = ArmStrategy(arm); !strategy.ok()) {
    return reader.Fail(*table.get("strategy"), strategy.error().message);
  }
  ReadSettings(reader, &arm);
  reader.Finish();
  for (const StudyArm& other : config->arms) {
    if (other.label != arm.label) continue;
    reader.Fail(arm.line, fmt::format("two arms are called '{}': give one a 'label'", arm.label));
  }
  if (problem->empty() && checks.arm) {
    if (const Status status = checks.arm(arm); !status.ok()) {
      const toml::node* pool = table.get("pool");
      reader.Fail(pool == nullptr ? arm.line : LineOf(*pool), status.error().message);
    }
  }
  config->arms.push_back(std::move(arm));
}

bool HasArm(const StudyConfig& config, const std::string& label) {
  return std::any_of(config.arms.begin(), config.arms.end(),
                     [&](const StudyArm& arm) { return arm.label == label; });
}

void ReadComparisons(Reader& reader, StudyConfig* config) {
  std::vector<std::string> labels;
  for (const StudyArm& arm : config->arms) labels.push_back(arm.label);
  const auto check = [&](const toml::node& node, const std::string& label) {
    if (HasArm(*config, label)) return;
    reader.Fail(node, fmt::format("no arm is called '{}'{}; there are: {}", label,
                                  DidYouMean(label, labels), Join(labels, ", ")));
  };
  std::string baseline;
  reader.Text("baseline", &baseline);
  if (const toml::node* node = reader.Find("baseline"); node != nullptr) check(*node, baseline);
  const toml::node* node = reader.Find("comparisons");
  if (node == nullptr) {
    if (baseline.empty() && !labels.empty()) baseline = labels.front();
    for (const std::string& label : labels) {
      if (label != baseline) config->comparisons.push_back({.arm = label, .baseline = baseline});
    }
    return;
  }
  const char* const wrong = "'comparisons' is no list like [[\"arm\", \"baseline\"]]";
  const toml::array* list = node->as_array();
  if (list == nullptr) return reader.Fail(*node, wrong);
  for (const toml::node& item : *list) {
    const toml::array* pair = item.as_array();
    if (pair == nullptr || pair->size() != 2) return reader.Fail(item, wrong);
    const auto arm = pair->get(0)->value_exact<std::string>();
    const auto other = pair->get(1)->value_exact<std::string>();
    if (!arm || !other) return reader.Fail(item, wrong);
    check(item, *arm);
    check(item, *other);
    if (*arm == *other) reader.Fail(item, fmt::format("'{}' is compared with itself", *arm));
    config->comparisons.push_back({.arm = *arm, .baseline = *other});
  }
}

// The tables of `[[key]]`; nullptr if there are none.
const toml::array* Tables(Reader& reader, const char* key) {
  const toml::node* node = reader.Find(key);
  if (node == nullptr) return nullptr;
  const toml::array* list = node->as_array();
  if (list == nullptr || !list->is_homogeneous<toml::table>()) {
    reader.Fail(*node, fmt::format("'{0}' is no list of tables; write [[{0}]]", key));
    return nullptr;
  }
  return list;
}

void ReadBudgets(Reader& reader, StudyConfig* config, std::string* problem) {
  Budget common;
  common.calls = 4;
  ReadBudget(reader, &common);
  const toml::array* list = Tables(reader, "budget");
  if (list == nullptr) {
    config->budgets = {common};
    return;
  }
  for (const toml::node& item : *list) {
    Reader inner(*item.as_table(), " in [[budget]]", problem);
    Budget budget = common;
    ReadBudget(inner, &budget);
    inner.Finish();
    for (const Budget& other : config->budgets) {
      if (BudgetText(other) == BudgetText(budget)) inner.Fail(item, "this budget stands twice");
    }
    config->budgets.push_back(budget);
  }
}

void ReadWorkloads(Reader& reader, const StudyChecks& checks, StudyConfig* config) {
  reader.Texts("workloads", &config->workloads);
  const toml::node* node = reader.Find("workloads");
  if (node == nullptr || config->workloads.empty()) {
    return reader.Fail(node == nullptr ? 1 : LineOf(*node),
                       "a study needs 'workloads', for example [\"attention\", \"mlp\"]");
  }
  for (size_t i = 0; i < config->workloads.size(); ++i) {
    const std::string& text = config->workloads[i];
    const toml::node* item = node->is_array() ? node->as_array()->get(i) : node;
    if (std::count(config->workloads.begin(), config->workloads.end(), text) > 1) {
      return reader.Fail(*item, fmt::format("workload '{}' stands twice", text));
    }
    if (!checks.workload) continue;
    if (const Status status = checks.workload(text); !status.ok()) {
      return reader.Fail(*item, status.error().message);
    }
  }
}

bool IsName(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

StudyConfig ReadStudy(const toml::table& table, const StudyChecks& checks, std::string* problem) {
  StudyConfig config;
  Reader reader(table, "", problem);
  reader.Text("name", &config.name);
  if (!IsName(config.name)) {
    const toml::node* node = table.get("name");
    reader.Fail(node == nullptr ? 1 : LineOf(*node),
                "a study needs a 'name' of letters, digits, '-', '_' and '.'");
  }
  reader.Text("description", &config.description);
  ReadWorkloads(reader, checks, &config);
  config.seeds.clear();
  ReadSeeds(reader, &config.seeds);
  if (config.seeds.empty()) config.seeds = {0};
  ReadBudgets(reader, &config, problem);
  reader.Text("target", &config.target);
  reader.Whole("cores", 1, 1024, &config.cores);
  reader.Text("snapshot", &config.snapshot);
  ReadTiming(reader, "", &config.timing);
  ReadTiming(reader, "final_", &config.final_timing);
  int64_t order_seed = 0;
  reader.Whole("order_seed", 0, int64_t{1} << 40, &order_seed);
  config.order_seed = static_cast<uint64_t>(order_seed);
  if (const toml::array* arms = Tables(reader, "arm"); arms != nullptr) {
    for (const toml::node& item : *arms) ReadArm(*item.as_table(), checks, &config, problem);
  }
  if (config.arms.size() < 2) reader.Fail(1, "a study needs at least two [[arm]] tables");
  ReadComparisons(reader, &config);
  reader.Finish();
  return config;
}

}  // namespace

Result<StudyConfig> ParseStudy(std::string_view toml, const std::string& where,
                               const StudyChecks& checks) {
  toml::table table;
  try {
    table = toml::parse(toml, where);
  } catch (const toml::parse_error& error) {
    return InvalidArgument(
        fmt::format("{}:{}: {}", where, error.source().begin.line, OneLine(error.description())));
  }
  std::string problem;
  StudyConfig config = ReadStudy(table, checks, &problem);
  if (!problem.empty()) return InvalidArgument(fmt::format("{}:{}", where, problem));
  return config;
}

std::string BudgetText(const Budget& budget) {
  std::string text = fmt::format("{} trials, {} calls", budget.trials, budget.calls);
  const auto add = [&text](double limit, const char* format) {
    if (std::isfinite(limit)) text += ", " + fmt::format(fmt::runtime(format), limit);
  };
  add(budget.strong_calls, "{} strong calls");
  add(budget.tokens, "{} tokens");
  add(budget.cost_usd, "{} USD");
  add(budget.seconds, "{} s");
  return text;
}

StrategyConfig PeerStrategy() {
  StrategyConfig peer;
  peer.name = kTvmEvolutionary;
  peer.loop = "population";
  peer.cost_model = "xgboost";
  peer.routing = "none";
  return peer;
}

Result<StrategyConfig> ArmStrategy(const StudyArm& arm) {
  if (arm.strategy == kTvmEvolutionary) {
    if (!arm.set.empty()) return InvalidArgument("TVM's own search has no fields to set");
    return PeerStrategy();
  }
  BANYAN_ASSIGN_OR_RETURN(StrategyConfig strategy, FindStrategy(arm.strategy));
  for (const auto& [field, text] : arm.set) {
    BANYAN_RETURN_IF_ERROR(SetStrategyField(&strategy, field, text));
  }
  BANYAN_RETURN_IF_ERROR(CheckStrategy(strategy));
  return strategy;
}

std::vector<StudyGroup> StudyOrder(const StudyConfig& config) {
  std::vector<StudyGroup> groups;
  for (const std::string& workload : config.workloads) {
    for (const uint64_t seed : config.seeds) {
      for (const Budget& budget : config.budgets) {
        StudyGroup group{.workload = workload, .seed = seed, .budget = budget, .arms = {}};
        for (size_t arm = 0; arm < config.arms.size(); ++arm) group.arms.push_back(arm);
        groups.push_back(std::move(group));
      }
    }
  }
  Rng rng(config.order_seed, "study order");
  rng.Shuffle(groups);
  for (StudyGroup& group : groups) rng.Shuffle(group.arms);
  return groups;
}

}  // namespace banyan

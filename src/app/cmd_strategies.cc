#include <fmt/format.h>

#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "base/strings.h"
#include "search/strategy.h"

namespace banyan {
namespace {

std::string ValueText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Fields in which `config` differs from the preset banyan, as --set takes them.
std::string Differences(const Json& config, const Json& banyan) {
  std::string text;
  for (const auto& [field, value] : config.items()) {
    if (field == "name" || value == banyan.at(field)) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", field, ValueText(value));
  }
  return text;
}

}  // namespace

Result<int> RunStrategies(const CommonOptions& common, const StrategiesOptions& options) {
  const Json banyan = ToJson(FindStrategy("banyan").value());
  Json list = Json::array();
  const Strategy* chosen = nullptr;
  std::vector<std::string> names;
  for (const Strategy& strategy : Strategies()) {
    names.push_back(strategy.config.name);
    if (strategy.config.name == options.name) chosen = &strategy;
    list.push_back({{"name", strategy.config.name},
                    {"description", strategy.description},
                    {"config", ToJson(strategy.config)}});
  }
  if (!options.name.empty() && chosen == nullptr) {
    return NotFound(fmt::format("unknown strategy '{}'{}; there are: {}", options.name,
                                DidYouMean(options.name, names), fmt::join(names, ", ")));
  }
  if (common.json) {
    PrintJson(chosen == nullptr ? Json{{"strategies", list}}
                                : list[static_cast<size_t>(chosen - Strategies().data())]);
    return 0;
  }
  if (chosen != nullptr) {
    const Json config = ToJson(chosen->config);
    fmt::print("{}: {}\n\n", chosen->config.name, chosen->description);
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [field, value] : config.items()) {
      if (field == "name") continue;
      const bool same = value == banyan.at(field);
      rows.emplace_back(field, same ? ValueText(value)
                                    : fmt::format("{}   (banyan: {})", ValueText(value),
                                                  ValueText(banyan.at(field))));
    }
    std::fputs(AlignedRows(rows).c_str(), stdout);
    fmt::print("\nAnother value: banyan tune WORKLOAD --strategy {} --set FIELD=VALUE\n",
               chosen->config.name);
    return 0;
  }
  for (const Strategy& strategy : Strategies()) {
    const Json config = ToJson(strategy.config);
    fmt::print("{}\n    {}\n", strategy.config.name, strategy.description);
    const std::string differences = Differences(config, banyan);
    if (!differences.empty()) fmt::print("    banyan with {}\n", differences);
  }
  fmt::print(
      "\nAll parts of one: banyan strategies NAME. Use it: banyan tune WORKLOAD --strategy NAME\n");
  return 0;
}

}  // namespace banyan

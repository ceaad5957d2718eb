#include "app/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/strings.h"

namespace banyan {
namespace {

// As a person would type it after the flag.
Result<std::vector<std::string>> ValuesOf(const toml::node& node) {
  if (const auto* array = node.as_array()) {
    std::vector<std::string> values;
    for (const toml::node& item : *array) {
      if (item.is_array()) return InvalidArgument("is a list of lists");
      BANYAN_ASSIGN_OR_RETURN(const auto inner, ValuesOf(item));
      values.insert(values.end(), inner.begin(), inner.end());
    }
    return values;
  }
  if (const auto text = node.value_exact<std::string>()) return std::vector<std::string>{*text};
  if (const auto number = node.value_exact<int64_t>()) {
    return std::vector<std::string>{std::to_string(*number)};
  }
  if (const auto number = node.value_exact<double>()) {
    return std::vector<std::string>{fmt::format("{}", *number)};
  }
  if (const auto flag = node.value_exact<bool>()) {
    return std::vector<std::string>{*flag ? "true" : "false"};
  }
  return InvalidArgument("is neither text, number, true, false nor a list of them");
}

CLI::Option* FindOption(CLI::App& command, std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  for (CLI::Option* option : command.get_options()) {
    const auto& names = option->get_lnames();
    if (std::find(names.begin(), names.end(), key) != names.end()) return option;
  }
  return nullptr;
}

bool MayStandInAFile(const std::string& name) { return name != "help" && name != "config"; }

}  // namespace

Status ApplyConfigFile(const std::string& path, CLI::App& command) {
  if (!std::filesystem::exists(path)) {
    return InvalidArgument(fmt::format("there is no configuration file '{}'", path));
  }
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return InvalidArgument(fmt::format("{}:{}: {}", path, error.source().begin.line,
                                       std::string(error.description())));
  }
  for (const auto& entry : table) {
    const toml::node& node = entry.second;
    const std::string key(entry.first.str());
    const auto fail = [&](const std::string& reason) {
      return InvalidArgument(fmt::format("{}:{}: {}", path, node.source().begin.line, reason));
    };
    CLI::Option* option = FindOption(command, key);
    if (option == nullptr || !MayStandInAFile(option->get_lnames().front())) {
      std::vector<std::string> known;
      for (const CLI::Option* other : command.get_options()) {
        if (!other->get_lnames().empty() && MayStandInAFile(other->get_lnames().front())) {
          known.push_back(other->get_lnames().front());
        }
      }
      return fail(fmt::format("unknown key '{}'{}; the keys are the flags of `banyan tune --help`",
                              key, DidYouMean(key, known)));
    }
    if (option->count() > 0) continue;  // the command line wins
    const auto values = ValuesOf(node);
    if (!values.ok()) return fail(fmt::format("'{}' {}", key, values.error().message));
    try {
      for (const std::string& value : *values) option->add_result(value);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      return fail(error.what());
    }
  }
  return Ok{};
}

}  // namespace banyan

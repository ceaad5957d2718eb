#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <memory>

#include "base/strings.h"

namespace banyan {
namespace {

spdlog::logger* MakeLogger() {
  auto* logger =
      new spdlog::logger("banyan", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(spdlog::level::warn);
  logger->flush_on(spdlog::level::warn);
  return logger;
}

}  // namespace

spdlog::logger& Log() {
  // Never destroyed: threads may log while the process ends.
  static spdlog::logger* const logger = MakeLogger();
  return *logger;
}

const std::vector<std::string>& LogLevels() {
  static const auto* const levels =
      new std::vector<std::string>{"trace", "debug", "info", "warn", "error", "off"};
  return *levels;
}

Status SetLogLevel(const std::string& level) {
  const auto& levels = LogLevels();
  if (std::find(levels.begin(), levels.end(), level) == levels.end()) {
    return InvalidArgument("unknown log level '" + level + "' (" + Join(levels, ", ") + ")" +
                           DidYouMean(level, levels));
  }
  Log().set_level(spdlog::level::from_str(level));
  return Ok{};
}

}  // namespace banyan

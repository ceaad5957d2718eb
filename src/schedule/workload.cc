#include "schedule/workload.h"

#include <fmt/format.h>

namespace banyan {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int64_t BytesOf(std::string_view dtype) {
  size_t start = dtype.size();
  while (start > 0 && dtype[start - 1] >= '0' && dtype[start - 1] <= '9') --start;
  int64_t bits = 0;
  for (const char c : dtype.substr(start)) bits = bits * 10 + (c - '0');
  if (bits <= 0 || bits > 4096) bits = 8;  // "bool" and the like
  return (bits + 7) / 8;
}

}  // namespace

int64_t TensorSpec::elements() const {
  int64_t product = 1;
  for (const int64_t extent : shape) product *= extent;
  return product;
}

int64_t TensorSpec::bytes() const { return elements() * BytesOf(dtype); }

Result<WorkloadSpec> ParseWorkloadSpec(std::string_view text) {
  WorkloadSpec spec;
  const auto colon = text.find(':');
  spec.name = std::string(Trimmed(text.substr(0, colon)));
  if (spec.name.empty()) {
    return InvalidArgument(
        "the workload has no name: write a built-in one such as mlp or mlp:T=128,H=512, or a file");
  }
  if (colon == std::string_view::npos) return spec;
  std::string_view rest = text.substr(colon + 1);
  for (;;) {
    const auto comma = rest.find(',');
    const auto item = Trimmed(rest.substr(0, comma));
    const auto equals = item.find('=');
    const std::string key(Trimmed(item.substr(0, equals)));
    if (equals == std::string_view::npos || key.empty()) {
      return InvalidArgument(
          fmt::format("workload '{}': '{}' is not KEY=VALUE (as in mlp:T=128,H=512)", text, item));
    }
    const std::string value(Trimmed(item.substr(equals + 1)));
    if (value.empty()) {
      return InvalidArgument(fmt::format("workload '{}': {} has no value", text, key));
    }
    for (const auto& [known, unused] : spec.parameters) {
      if (known == key) {
        return InvalidArgument(fmt::format("workload '{}': {} is given twice", text, key));
      }
    }
    spec.parameters.emplace_back(key, value);
    if (comma == std::string_view::npos) return spec;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace banyan

#include "app/machine.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/cpu.h"
#include "base/files.h"
#include "base/strings.h"

namespace banyan {
namespace {

std::string Text(const std::string& file) {
  auto text = ReadFile(file);
  return text.ok() ? std::move(text).value() : std::string();
}

// What follows `key` on the first line that begins with it; empty: there is none.
std::string ValueOf(const std::string& text, const std::string& key) {
  size_t at = text.rfind(key, 0) == 0 ? 0 : text.find("\n" + key);
  if (at == std::string::npos) return {};
  if (at > 0) ++at;
  at += key.size();
  return text.substr(at, text.find('\n', at) - at);
}

}  // namespace

std::string OperatingSystem(const std::string& root) {
  std::string name = ValueOf(Text(root + "/etc/os-release"), "PRETTY_NAME=");
  name.erase(std::remove(name.begin(), name.end(), '"'), name.end());
  const std::string kernel = OneLine(Text(root + "/proc/sys/kernel/osrelease"));
  if (kernel.empty()) return name;
  return (name.empty() ? "" : name + ", ") + "Linux " + kernel;
}

int64_t MemoryBytes(const std::string& root) {
  const auto number = [](const std::string& text) {
    return static_cast<int64_t>(std::strtoll(text.c_str(), nullptr, 10));
  };
  const int64_t machine = 1024 * number(ValueOf(Text(root + "/proc/meminfo"), "MemTotal:"));
  int64_t bytes = machine;
  for (const char* limit :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const int64_t allowed = number(Text(root + limit));  // "max": 0
    if (allowed > 0 && (bytes == 0 || allowed < bytes)) bytes = allowed;
  }
  return bytes;
}

Json MachineFacts() { return {{"cpus", ProcessCpus().size()}, {"memory_bytes", MemoryBytes()}}; }

}  // namespace banyan

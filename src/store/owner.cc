#include "store/owner.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>

namespace banyan {
namespace {

// Field 22 of /proc/<pid>/stat: the start in clock ticks after boot. Empty: no such process, or a
// zombie, which will not write any more.
std::string StartTicks(long pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  const size_t end_of_name = line.rfind(')');  // the name may hold spaces and parentheses
  if (end_of_name == std::string::npos) return {};
  std::istringstream fields(line.substr(end_of_name + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    if (!(fields >> field)) return {};
    if (number == 3 && (field == "Z" || field == "X")) return {};
  }
  return field;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

std::string Describe(long pid, const std::string& ticks) {
  return HostName() + " " + std::to_string(pid) + " " + ticks;
}

}  // namespace

std::string ThisProcess() {
  const std::string ticks = StartTicks(getpid());
  return ticks.empty() ? std::string() : Describe(getpid(), ticks);
}

bool IsOtherLivingProcess(const std::string& owner) {
  std::istringstream fields(owner);
  std::string host;
  long pid = 0;
  std::string ticks;
  if (!(fields >> host >> pid >> ticks) || pid == getpid()) return false;
  return !ticks.empty() && owner == Describe(pid, StartTicks(pid));
}

}  // namespace banyan

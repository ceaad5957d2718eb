#pragma once

#include <string>

namespace banyan {

// This process as a text that no later process of this machine will have: host, process id and
// start time. Empty if /proc does not tell.
std::string ThisProcess();

// Whether `owner` (of ThisProcess) is another process of this machine that still runs. A process of
// another machine counts as gone: containers change their names, and the journal's keys refuse a
// second writer anyway.
bool IsOtherLivingProcess(const std::string& owner);

}  // namespace banyan

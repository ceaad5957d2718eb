#pragma once

#include <atomic>

namespace banyan {

// From now on the first Ctrl-C (or SIGTERM) sets the flag that is returned, and the second ends the
// process at once with status 130; the kernel then kills the workers. Also ignores SIGPIPE and
// SIGXFSZ, whose causes are reported by the writes themselves.
const std::atomic<bool>* InstallSignalHandlers();

}  // namespace banyan

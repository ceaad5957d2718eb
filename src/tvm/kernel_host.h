#pragma once

#include <memory>

#include "measure/kernel_host.h"

namespace banyan {

// The KernelHost on real TVM: compiles with LLVM into this process's memory and runs there. For
// worker processes: a bad kernel may take the process with it.
std::unique_ptr<KernelHost> MakeTvmKernelHost();

}  // namespace banyan

#pragma once

#include "measure/kernel_host.h"

namespace banyan {

// The loop of a worker process: answers the requests of measure/protocol.h until the stream ends or
// it is told to exit; returns the exit status. The descriptors (usually 0 and 1) are moved out of
// the way first: from then on stdin is empty and stdout goes to stderr, so that a kernel that
// prints cannot break the protocol. A kernel may still end this process in any way; the pool
// expects that. Call once, from main().
int WorkerMain(KernelHost& host, int in_fd = 0, int out_fd = 1);

}  // namespace banyan

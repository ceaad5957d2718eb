// A worker process without a compiler, for tests of the pool: see fake_kernel_host.h.
#include "measure/testing/fake_kernel_host.h"
#include "measure/worker.h"

int main() {
  banyan::FakeKernelHost host;
  return banyan::WorkerMain(host);
}

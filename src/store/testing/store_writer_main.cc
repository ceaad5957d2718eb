// Writes a run into a store and says which events are acknowledged, for tests that kill it or take
// its disk away: banyan_store_writer STORE EVENTS. Exit status 3: the store refused, the reason on
// stderr.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "store/store.h"
#include "store/testing/sample_run.h"

int main(int argc, char** argv) {
  using banyan::Store;
  if (argc != 3) return 2;
  // A write beyond RLIMIT_FSIZE then fails with EFBIG.
  std::signal(SIGXFSZ, SIG_IGN);
  const auto fail = [](const banyan::Error& error) {
    std::fprintf(stderr, "%s\n", error.message.c_str());
    return 3;
  };
  auto store = Store::Open(argv[1], Store::Mode::kWrite);
  if (!store.ok()) return fail(store.error());
  auto run_id = (*store)->BeginRun(banyan::SampleRunStart());
  if (!run_id.ok()) return fail(run_id.error());
  std::printf("run %s\n", run_id->c_str());
  std::fflush(stdout);
  auto journal = (*store)->MakeJournal(*run_id);
  if (!journal.ok()) return fail(journal.error());
  const long events = std::atol(argv[2]);
  for (long index = 0; index < events; ++index) {
    if (auto status = banyan::WriteSample(**journal, index); !status.ok())
      return fail(status.error());
    std::printf("%ld\n", index);
    std::fflush(stdout);
  }
  auto finished = (*journal)->Finish({{"events", events}});
  return finished.ok() ? 0 : fail(finished.error());
}

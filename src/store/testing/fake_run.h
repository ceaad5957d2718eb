#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cost/cost_model.h"
#include "measure/measurer.h"
#include "model/model.h"
#include "schedule/compiler.h"
#include "search/history.h"
#include "search/run.h"
#include "search/run_config.h"
#include "store/store.h"

namespace banyan {

// Sizes of a fake matmul.
struct MatmulSizes {
  int64_t m = 64;
  int64_t n = 64;
  int64_t k = 64;
};

Workload MatmulWorkload(const MatmulSizes& sizes);
std::unique_ptr<Compiler> MakeMatmulCompiler(const MatmulSizes& sizes);

// A search on the fake compiler, written into a store as `banyan tune` does it. Pointers are
// borrowed.
struct FakeRun {
  RunConfig config;
  MatmulSizes sizes = {};
  std::vector<Model*> pool = {};
  CostModel* cost_model = nullptr;
  History* history = nullptr;
  // nullptr: fake workers that measure FakeLatencyMs.
  Measurer* measurer = nullptr;
  Clock* clock = nullptr;    // of `measurer`
  int64_t kill_at = -1;      // the process dies before this event is written; -1: it does not
  std::string resume = {};   // id of a run to go on with
  SearchResult result = {};  // filled in
};

// Gives the run's id, that of a killed run too.
Result<std::string> RunIntoStore(Store* store, FakeRun* run);

}  // namespace banyan

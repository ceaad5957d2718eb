#pragma once

#include <atomic>
#include <memory>

#include "store/store.h"
#include "study/study.h"

namespace banyan {

// Runs a study's searches in this process, each with a new set of worker processes, recorded in
// `store`. Both are borrowed.
std::unique_ptr<RunRunner> MakeRunRunner(Store* store, const std::atomic<bool>* cancel,
                                         std::string store_path, std::string out_folder);

// What only the program can tell of a study's file: workloads and pools by name.
StudyChecks MakeStudyChecks();

}  // namespace banyan

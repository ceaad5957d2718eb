#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/model.h"
#include "store/sqlite.h"

namespace banyan {

// The request as a model gets it, in one canonical form: without addresses, clocks, seconds and
// the parts that the run's record holds anyway (the program, the target), so that the same search
// asks the same text.
Json RequestToJson(const ModelRequest& request);

// Writes blobs and exchanges of one run, each content once, in the caller's transaction. Borrows
// the database.
class TranscriptWriter {
 public:
  Status Prepare(const Database* database, int64_t run);
  // Stores `bytes`, compressed, and gives its name.
  Result<std::string> WriteBlob(std::string_view bytes);
  Status WriteRequest(uint64_t call_id, const ModelRequest& request);
  Status WriteExchanges(uint64_t call_id, const std::vector<Exchange>& exchanges);

 private:
  int64_t run_ = 0;
  Statement blob_, exchange_;
};

}  // namespace banyan

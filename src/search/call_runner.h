#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "model/model.h"

namespace banyan {

// Runs model calls in threads beside the loop. Models are borrowed. Owned by one thread, which
// starts calls and takes answers; the destructor waits for calls in flight.
class CallRunner {
 public:
  struct Answer {
    uint64_t call_id = 0;
    ModelReply reply;
  };

  explicit CallRunner(const Clock* clock) : clock_(clock) {}
  CallRunner(const CallRunner&) = delete;
  CallRunner& operator=(const CallRunner&) = delete;
  ~CallRunner();

  void Start(uint64_t call_id, Model* model, std::shared_ptr<const ModelRequest> request);
  // The next answer, waiting at most `timeout_s` of real time; nullopt: none yet. Seconds that the
  // model does not state are filled in.
  std::optional<Answer> Take(double timeout_s);
  // The same, but answers come in the order in which the calls were started.
  std::optional<Answer> TakeInOrder(double timeout_s);
  int in_flight() const { return static_cast<int>(in_flight_.size()); }

 private:
  std::optional<Answer> TakeAt(std::deque<Answer>::iterator answer);

  const Clock* clock_;
  std::deque<uint64_t> in_flight_;  // started and not taken yet; of the owner's thread
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::deque<Answer> answers_;
};

}  // namespace banyan

#include "search/call_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>

namespace banyan {

CallRunner::~CallRunner() {
  for (std::thread& thread : threads_) thread.join();
}

void CallRunner::Start(uint64_t call_id, Model* model,
                       std::shared_ptr<const ModelRequest> request) {
  in_flight_.push_back(call_id);
  threads_.emplace_back([this, call_id, model, request = std::move(request)] {
    Answer answer{.call_id = call_id, .reply = {}};
    const Stopwatch watch(clock_);
    try {
      answer.reply = model->Propose(*request);
    } catch (const std::exception& e) {  // a model is foreign code: it costs a call, not the run
      answer.reply.error = std::string("the model threw: ") + e.what();
    } catch (...) {
      answer.reply.error = "the model threw";
    }
    if (answer.reply.usage.seconds == 0) answer.reply.usage.seconds = watch.ElapsedS();
    const std::lock_guard<std::mutex> lock(mutex_);
    answers_.push_back(std::move(answer));
    answered_.notify_one();
  });
}

std::optional<CallRunner::Answer> CallRunner::Take(double timeout_s) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (answers_.empty() && timeout_s > 0) {
    answered_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                       [this] { return !answers_.empty(); });
  }
  return TakeAt(answers_.begin());
}

std::optional<CallRunner::Answer> CallRunner::TakeInOrder(double timeout_s) {
  if (in_flight_.empty()) return std::nullopt;
  std::unique_lock<std::mutex> lock(mutex_);
  const auto first = [this] {
    return std::find_if(answers_.begin(), answers_.end(), [this](const Answer& answer) {
      return answer.call_id == in_flight_.front();
    });
  };
  answered_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                     [&] { return first() != answers_.end(); });
  return TakeAt(first());
}

std::optional<CallRunner::Answer> CallRunner::TakeAt(std::deque<Answer>::iterator answer) {
  if (answer == answers_.end()) return std::nullopt;
  Answer taken = std::move(*answer);
  answers_.erase(answer);
  std::erase(in_flight_, taken.call_id);
  return taken;
}

}  // namespace banyan

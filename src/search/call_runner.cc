#include "search/call_runner.h"

#include <chrono>
#include <exception>

namespace banyan {

CallRunner::~CallRunner() {
  for (std::thread& thread : threads_) thread.join();
}

void CallRunner::Start(uint64_t call_id, Model* model,
                       std::shared_ptr<const ModelRequest> request) {
  ++in_flight_;
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
  if (answers_.empty()) return std::nullopt;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  --in_flight_;
  return answer;
}

}  // namespace banyan

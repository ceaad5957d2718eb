#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "model/chat.h"
#include "model/http_client.h"
#include "model/pool.h"
#include "model/wire.h"

namespace banyan {

// Waits between tries; smaller in tests.
struct RetryTiming {
  double backoff_s = 0.5;  // doubled with every try
  double longest_s = 20;   // of a wait that we choose
  double patience_s = 60;  // of a wait that the server asks for; above, the call ends
};

// A ChatClient over HTTP. One try at a time per call: 408, 409, 429, 5xx and broken connections are
// tried again, at most `retries` times, after the wait the server asks for or a growing one. A 400
// or 422 about the way a structured answer is asked for (or the name of the token limit) turns to
// the next way, which later calls start with; those tries are free and not counted. What a try cost
// whose answer never came is estimated, as the provider may have charged it; none follows that
// might cost more than LimitsOf says. The whole call takes at most (retries + 1) total_timeout_s
// plus the waits. Timeouts after the request was sent are not tried again: they are long and dear.
// Thread-safe.
class HttpChat final : public ChatClient {
 public:
  // The key is empty where none is sent. `wire` is borrowed for ever.
  HttpChat(PoolEntry entry, std::string key, const Wire* wire, RetryTiming timing = {});

  ChatReply Ask(const ChatRequest& request) override;
  void Cancel() override;

 private:
  struct Call;  // one Ask

  Dialect CurrentDialect();
  // Turns to the next way of asking if a refusal with this text is about the one that was used;
  // false if there is none or the entry names the way.
  bool TurnFrom(const Dialect& used, const std::string& refusal, std::string* note);
  void Try(Call& call);
  // Plans another try, if there is one left and the wait that the server asks for is not too long.
  bool TryAgain(Call& call, const std::string& retry_after, bool* too_long);
  // What the tries so far may cost, and one more, is within what was reserved for the call.
  bool FitsAnother(const Call& call) const;
  void JudgeStatus(Call& call, int status, const HttpReply& http);
  void JudgeFailure(Call& call, const HttpReply& http);
  void ReadAnswer(Call& call, const HttpReply& http);
  void CountUnanswered(Call& call, const HttpReply& http);
  static std::string TriedText(int tries);
  // False if cancelled meanwhile.
  bool Wait(double seconds);
  bool TakeSlot();
  void GiveSlot();
  // One line from outside, without keys.
  std::string Quoted(const std::string& text) const;

  const PoolEntry entry_;
  const std::string key_;
  const Wire& wire_;
  const RetryTiming timing_;
  HttpClient http_;
  std::atomic<uint64_t> waits_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  int busy_ = 0;
  Dialect dialect_;
  bool first_field_ = false;  // Dialect::old_field at the start
};

Json ToJson(const ChatReply& reply);

// `entry` is of an HTTP provider; kNotFound and so on as CheckUsable.
Result<std::unique_ptr<ChatClient>> MakeHttpChat(const PoolEntry& entry, RetryTiming timing = {});

}  // namespace banyan

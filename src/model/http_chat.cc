#include "model/http_chat.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>

#include "base/rng.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "model/language_model.h"
#include "model/pool_fields.h"
#include "model/prompt.h"
#include "model/redact.h"
#include "model/retry.h"

namespace banyan {
namespace {

// Of one body of an exchange.
constexpr size_t kMaxKeptBytes = size_t{1} << 20;

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Whether a refusal is about the way a structured answer is asked for, whoever says it.
bool RefusesStructure(std::string_view text) {
  for (const char* word :
       {"response_format", "schema", "structured", "grammar", "tool", "function", "output_config",
        "output_format", "responsemimetype", "json mode", "json_object", "guided"}) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

// What to do where nobody could be reached at this URL.
std::string ReachAdvice(const std::string& url) {
  std::string advice = fmt::format("is the server of {} running and reachable?", url);
  if (const std::string proxy = ProxyVariable(url); !proxy.empty()) {
    advice += fmt::format(" The way is by the proxy in {}, unless no_proxy names the host", proxy);
  }
  return advice;
}

// What to do where a proxy wants none of us.
std::string ProxyAdvice(const std::string& url) {
  return fmt::format(
      "check the proxy in {}, which may want a name and password (http://NAME:PASSWORD@HOST:PORT)",
      ProxyVariable(url));
}

// What to do about a failure that trying again does not mend; empty: nothing is known.
std::string AdviceOn(HttpFailure failure, const std::string& url) {
  switch (failure) {
    case HttpFailure::kTooLarge:
      return "is base_url the address of a model's server?";
    case HttpFailure::kProxy:
      return ProxyAdvice(url);
    case HttpFailure::kUntrusted:
      return "to trust an authority of your own, name the file of its certificate (PEM) in "
             "SSL_CERT_FILE or CURL_CA_BUNDLE";
    case HttpFailure::kWrongName:
      return "base_url has to name the host as its certificate does";
    case HttpFailure::kCaFile:
      return "check CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR: files with certificates (PEM)";
    case HttpFailure::kTls:
      return "does the server of base_url speak https?";
    default:
      return {};
  }
}

}  // namespace

struct HttpChat::Call {
  const ChatRequest& request;
  Dialect dialect;
  ChatReply reply;
  int failed = 0;      // tries that count against the retries
  bool again = false;  // the last try is followed by another
  double wait_s = 0;   // before it
  std::string sent;    // body of the last request

  void End(CallFailure failure, std::string error) {
    again = false;
    reply.failure = failure;
    reply.error = std::move(error);
  }
};

HttpChat::HttpChat(PoolEntry entry, std::string key, const Wire* wire, RetryTiming timing)
    : entry_(std::move(entry)), key_(std::move(key)), wire_(*wire), timing_(timing) {
  dialect_ = wire_.First(entry_);
  if (entry_.structured == "schema") dialect_.structured = Structured::kSchema;
  if (entry_.structured == "tool") dialect_.structured = Structured::kTool;
  if (entry_.structured == "text") dialect_.structured = Structured::kText;
  first_field_ = dialect_.old_field;
}

void HttpChat::Cancel() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
  }
  changed_.notify_all();
  http_.Cancel();
}

bool HttpChat::TakeSlot() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || busy_ < entry_.concurrency; });
  if (cancelled_) return false;
  ++busy_;
  return true;
}

void HttpChat::GiveSlot() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --busy_;
  }
  changed_.notify_one();
}

bool HttpChat::Wait(double seconds) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                            [this] { return cancelled_; });
}

Dialect HttpChat::CurrentDialect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return dialect_;
}

bool HttpChat::TurnFrom(const Dialect& used, const std::string& refusal, std::string* note) {
  const std::string text = LowerCase(refusal);
  const std::lock_guard<std::mutex> lock(mutex_);
  // Another call has turned meanwhile.
  if (dialect_.structured != used.structured || dialect_.old_field != used.old_field) return true;
  if (wire_.RefusesField(text, used) && dialect_.old_field == first_field_) {
    dialect_.old_field = !dialect_.old_field;
    *note = "the server refused a field's name; the other one is used from now on";
    return true;
  }
  if (entry_.structured != "auto" || !RefusesStructure(text)) return false;
  const std::vector<Structured> ways = wire_.Preferences();
  auto next = std::find(ways.begin(), ways.end(), used.structured);
  if (next == ways.end() || ++next == ways.end()) return false;
  dialect_.structured = *next;
  *note = fmt::format("the server refused a structured answer by '{}'; asked by '{}' from now on",
                      StructuredName(used.structured), StructuredName(*next));
  return true;
}

std::string HttpChat::Quoted(const std::string& text) const {
  return OneLine(HideKey(ValidUtf8(text), key_), 200);
}

ChatReply HttpChat::Ask(const ChatRequest& request) {
  Call call{.request = request, .dialect = {}, .reply = {}, .sent = {}};
  if (!TakeSlot()) {
    call.End(CallFailure::kCancelled, "cancelled");
    return std::move(call.reply);
  }
  const Stopwatch watch;
  do {
    Try(call);
    if (call.again && call.wait_s > 0 && !Wait(call.wait_s)) {
      call.End(CallFailure::kCancelled, "cancelled");
    }
  } while (call.again);
  GiveSlot();
  ChatReply& reply = call.reply;
  Usage& usage = reply.usage;
  usage.seconds = watch.ElapsedS();
  usage.tokens_cached = std::min(usage.tokens_cached, usage.tokens_in);
  usage.tokens_reasoning = std::min(usage.tokens_reasoning, usage.tokens_out);
  const Price& price = entry_.price;
  usage.cost_usd = (static_cast<double>(usage.tokens_in - usage.tokens_cached) * price.in +
                    static_cast<double>(usage.tokens_cached) * price.cached +
                    static_cast<double>(usage.tokens_out) * price.out) *
                   1e-6;
  reply.text = HideKey(std::move(reply.text), key_);
  reply.error = HideKey(std::move(reply.error), key_);
  return std::move(reply);
}

void HttpChat::Try(Call& call) {
  call.again = false;
  call.dialect = CurrentDialect();
  Json body = wire_.Body(entry_, call.request, call.dialect);
  if (!entry_.extra.empty()) body.merge_patch(entry_.extra);
  HttpRequest request;
  request.url = wire_.Url(entry_);
  request.headers = wire_.Headers(key_);
  request.body = DumpJson(body);
  request.connect_timeout_s = entry_.connect_timeout_s;
  request.first_byte_timeout_s = entry_.first_byte_timeout_s;
  request.total_timeout_s = entry_.total_timeout_s;
  const HttpReply http = http_.Post(request);
  call.sent = std::move(request.body);
  if (http.failure == HttpFailure::kCancelled && !http.sent) {
    call.End(CallFailure::kCancelled, "cancelled");
    return;
  }
  std::string kept = KeptBody(http.body, key_, kMaxKeptBytes);
  if (http.status >= 400) kept = HideMaskedKeys(kept);
  call.reply.exchanges.push_back({KeptBody(call.sent, key_, kMaxKeptBytes), std::move(kept)});
  if (http.failure != HttpFailure::kNone) {
    JudgeFailure(call, http);
  } else if (http.status < 200 || http.status > 299) {
    JudgeStatus(call, http.status, http);
  } else {
    ReadAnswer(call, http);
  }
}

bool HttpChat::TryAgain(Call& call, const std::string& retry_after, bool* too_long) {
  *too_long = false;
  if (++call.failed > entry_.retries) return false;
  const auto asked = ParseRetryAfter(retry_after, SystemClock::Get()->UnixMs());
  if (asked && *asked > timing_.patience_s) {
    *too_long = true;
    return false;
  }
  // Different in every process and for every wait, as it is there to part clients.
  Rng rng(static_cast<uint64_t>(getpid()), "retry " + entry_.name, waits_++);
  const double own =
      BackoffSeconds(call.failed, timing_.backoff_s, timing_.longest_s, rng.Uniform());
  call.wait_s = asked ? *asked + own * 0.1 : own;
  call.again = true;
  return true;
}

bool HttpChat::FitsAnother(const Call& call) const {
  const Usage& used = call.reply.usage;
  const CallLimits reserved = LimitsOf(entry_, call.request);
  return used.tokens_in + used.tokens_out + MostTokensOfTry(call.request) <= reserved.tokens;
}

void HttpChat::JudgeFailure(Call& call, const HttpReply& http) {
  bool too_long = false;
  if (http.sent) CountUnanswered(call, http);
  const std::string error = Quoted(http.error);
  switch (http.failure) {
    case HttpFailure::kCancelled:
      call.End(CallFailure::kCancelled, "cancelled");
      return;
    case HttpFailure::kTimeout:
      call.End(CallFailure::kTimeout,
               error + "; raise first_byte_timeout_s or total_timeout_s, or use a faster model");
      return;
    case HttpFailure::kConnect:
    case HttpFailure::kCut:
      if (call.failed < entry_.retries && !FitsAnother(call)) {
        call.End(CallFailure::kNetwork,
                 error + "; not tried again, as that might cost more than was reserved");
        return;
      }
      if (TryAgain(call, "", &too_long)) return;
      call.End(CallFailure::kNetwork,
               fmt::format("{}{}; {}", error, TriedText(call.failed),
                           http.sent ? "see the server's log" : ReachAdvice(wire_.Url(entry_))));
      return;
    default: {
      const std::string advice = AdviceOn(http.failure, wire_.Url(entry_));
      call.End(CallFailure::kNetwork, advice.empty() ? error : error + "; " + advice);
      return;
    }
  }
}

std::string HttpChat::TriedText(int tries) {
  return tries > 1 ? fmt::format(" ({} tries)", tries) : std::string();
}

void HttpChat::JudgeStatus(Call& call, int status, const HttpReply& http) {
  const std::string valid = ValidUtf8(http.body);
  std::string said;
  if (!NestsTooDeep(valid)) {
    const Json parsed = Json::parse(valid, nullptr, false);
    if (!parsed.is_discarded()) said = ErrorMessage(parsed);
    // Without a message: the body itself, as long as it is no web page.
    if (said.empty() && valid.find('<') == std::string::npos) said = valid;
  }
  std::string note;
  if ((status == 400 || status == 422) && TurnFrom(call.dialect, said, &note)) {
    if (!note.empty()) call.reply.notes.push_back(note);
    call.wait_s = 0;
    call.again = true;
    return;
  }
  const std::string quoted = Quoted(HideMaskedKeys(said));
  const std::string server_says =
      quoted.empty() ? std::string() : fmt::format("; the server says: {}", quoted);
  bool too_long = false;
  // Waiting does not fill an empty account.
  const bool out_of_money =
      status == 429 && (valid.find("insufficient_quota") != std::string::npos ||
                        valid.find("billing") != std::string::npos);
  if (out_of_money) {
    ++call.failed;
  } else if (IsRetryStatus(status) && TryAgain(call, http.retry_after, &too_long)) {
    return;
  }
  const std::string tried = TriedText(call.failed);
  if (status == 401 || status == 403) {
    // What the server says may show parts of the key.
    call.End(
        CallFailure::kHttp,
        entry_.key_env.empty()
            ? fmt::format("HTTP {}: the server wants a key; name its variable in key_env", status)
            : fmt::format("HTTP {}: the server refuses the key in {}; check the key and what "
                          "it may use",
                          status, entry_.key_env));
  } else if (status == 407) {
    call.End(CallFailure::kHttp,
             fmt::format("HTTP 407: the proxy refuses; {}", ProxyAdvice(wire_.Url(entry_))));
  } else if (status == 404) {
    call.End(CallFailure::kHttp,
             fmt::format("HTTP 404: no model '{}' there, or base_url is wrong ({}){}", entry_.model,
                         wire_.Url(entry_), server_says));
  } else if (status >= 300 && status <= 399) {
    call.End(CallFailure::kHttp,
             fmt::format("HTTP {}: the server moved to '{}'; put the new address in base_url",
                         status, Quoted(http.location)));
  } else if (out_of_money) {
    call.End(CallFailure::kThrottled,
             fmt::format("HTTP 429: the account's quota is used up; see its billing page{}",
                         server_says));
  } else if (status == 429) {
    call.End(CallFailure::kThrottled,
             fmt::format("HTTP 429: too many requests{}; {}{}", tried,
                         too_long ? fmt::format("it asks to come back in {} s",
                                                OneLine(http.retry_after, 40))
                                  : "lower 'concurrency' or come back later",
                         server_says));
  } else if (status == 503 || status == 529) {
    call.End(CallFailure::kThrottled,
             fmt::format("HTTP {}: the server is overloaded{}; come back later{}", status, tried,
                         server_says));
  } else if (status >= 500) {
    call.End(CallFailure::kHttp, fmt::format("HTTP {}: the server failed{}; come back later{}",
                                             status, tried, server_says));
  } else {
    call.End(CallFailure::kHttp,
             fmt::format("HTTP {}: the server refuses the request{}{}", status, tried,
                         server_says.empty() ? "; check model, base_url and extra" : server_says));
  }
}

void HttpChat::ReadAnswer(Call& call, const HttpReply& http) {
  ChatReply& reply = call.reply;
  size_t invalid = 0;
  const std::string valid = ValidUtf8(http.body, &invalid);
  if (invalid > 0) {
    reply.notes.push_back(
        fmt::format("{} bytes of the reply were not UTF-8: read as '?'", invalid));
  }
  const Json body =
      NestsTooDeep(valid) ? Json(Json::value_t::discarded) : Json::parse(valid, nullptr, false);
  if (body.is_discarded()) {
    CountUnanswered(call, http);
    call.End(CallFailure::kUnusable,
             fmt::format("the server's reply is no JSON (it starts with '{}'); is base_url right?",
                         OneLine(Quoted(valid.substr(0, 200)), 60)));
    return;
  }
  // Some gateways say 200 and mean the status of the error inside.
  const Json& error = Member(body, "error");
  if (!error.is_null() && !body.contains("choices") && !body.contains("content") &&
      !body.contains("candidates")) {
    const Json& code = Member(error, "code");
    const bool is_status = code.is_number_integer() && code >= 400 && code <= 599;
    JudgeStatus(call, is_status ? code.get<int>() : 502, http);
    return;
  }
  WireAnswer answer = wire_.Read(body);
  if (!answer.has_usage) {
    answer.usage.tokens_in = EstimateTokens(call.sent);
    answer.usage.tokens_out = EstimateTokens(answer.text);
    reply.notes.emplace_back("the server reports no tokens: estimated by the size of the texts");
  }
  reply.usage.tokens_in += answer.usage.tokens_in;
  reply.usage.tokens_out += answer.usage.tokens_out;
  reply.usage.tokens_cached += answer.usage.tokens_cached;
  reply.usage.tokens_reasoning += answer.usage.tokens_reasoning;
  reply.text = std::move(answer.text);
  if (answer.failure == CallFailure::kTruncated) {
    answer.error =
        fmt::format("the answer ended at the limit of {} tokens; raise max_output_tokens",
                    call.request.max_output_tokens);
  }
  call.End(answer.failure, Quoted(answer.error));
}

void HttpChat::CountUnanswered(Call& call, const HttpReply& http) {
  call.reply.usage.tokens_in += EstimateTokens(call.sent);
  const int64_t most = call.request.max_output_tokens;
  if (!http.body.empty()) {
    call.reply.usage.tokens_out += std::min(most, EstimateTokens(http.body));
  }
  call.reply.notes.emplace_back(
      "a try without a whole answer may be charged for: its tokens are estimated");
}

Result<std::unique_ptr<ChatClient>> MakeHttpChat(const PoolEntry& entry, RetryTiming timing) {
  BANYAN_RETURN_IF_ERROR(CheckUsable(entry));
  const Wire* wire = entry.provider == "openai"      ? &OpenAiWire()
                     : entry.provider == "anthropic" ? &AnthropicWire()
                     : entry.provider == "gemini"    ? &GeminiWire()
                                                     : nullptr;
  if (wire == nullptr) {
    return Internal(fmt::format("provider {} is no API over HTTP", entry.provider));
  }
  const char* key = entry.key_env.empty() ? nullptr : std::getenv(entry.key_env.c_str());
  return std::unique_ptr<ChatClient>(
      std::make_unique<HttpChat>(entry, key == nullptr ? "" : key, wire, timing));
}

Json ToJson(const ChatReply& reply) {
  Json exchanges = Json::array();
  for (const Exchange& exchange : reply.exchanges) {
    exchanges.push_back({{"request", exchange.request}, {"reply", exchange.reply}});
  }
  return {{"text", reply.text},   {"failure", CallFailureName(reply.failure)},
          {"error", reply.error}, {"usage", ToJson(reply.usage)},
          {"notes", reply.notes}, {"exchanges", std::move(exchanges)}};
}

}  // namespace banyan

#include "model/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/strings.h"

namespace banyan {
namespace {

bool InitCurl() {
  static const bool kReady = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return kReady;
}

struct CloseEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CloseMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct CloseList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, CloseEasy>;
using Multi = std::unique_ptr<CURLM, CloseMulti>;
using HeaderList = std::unique_ptr<curl_slist, CloseList>;

// What the callbacks fill.
struct Incoming {
  HttpReply* reply;
  int64_t max_bytes;
  bool started = false;
  bool too_large = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* incoming = static_cast<Incoming*>(user);
  const size_t bytes = size * count;
  incoming->started = true;
  const auto room = static_cast<size_t>(incoming->max_bytes) - incoming->reply->body.size();
  if (bytes > room) {
    incoming->reply->body.append(data, room);
    incoming->too_large = true;
    return 0;
  }
  incoming->reply->body.append(data, bytes);
  return bytes;
}

bool IsHeader(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto* incoming = static_cast<Incoming*>(user);
  const std::string_view line(data, size * count);
  incoming->started = true;
  for (const auto& [name, target] : {std::pair{"retry-after", &incoming->reply->retry_after},
                                     std::pair{"location", &incoming->reply->location}}) {
    if (IsHeader(line, name)) *target = Trim(line.substr(std::string_view(name).size() + 1));
  }
  return line.size();
}

const char* Environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

// Which certificates are trusted. The curl program reads these variables; libcurl does not.
void SetCertificates(CURL* easy) {
  const auto set = [easy](CURLoption option, const char* variable) {
    const char* path = Environment(variable);
    if (*path == '\0') return false;
    return curl_easy_setopt(easy, option, path) == CURLE_OK;
  };
  if (set(CURLOPT_CAINFO, "CURL_CA_BUNDLE")) return;
  set(CURLOPT_CAPATH, "SSL_CERT_DIR");
  set(CURLOPT_CAINFO, "SSL_CERT_FILE");
}

long Milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

// libcurl quotes a proxy's address, password included, where it does not understand it.
std::string WithoutProxyAddress(std::string text) {
  if (text.find("proxy") == std::string::npos) return text;
  constexpr size_t kBeginning = 20;  // an error text may be cut off
  for (const char* variable :
       {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    const std::string_view address = Environment(variable);
    const size_t end = address.rfind('@');
    if (end == std::string_view::npos) continue;
    if (text.find(address.substr(0, std::min(end, kBeginning))) == std::string::npos) continue;
    return fmt::format("the address of the proxy in {} is not understood", variable);
  }
  return text;
}

HttpFailure FailureOf(CURL* easy, CURLcode code, bool connected) {
  long result = 0;  // of a proxy, or of OpenSSL's look at the chain of certificates
  switch (code) {
    case CURLE_OK:
      return HttpFailure::kNone;
    case CURLE_PEER_FAILED_VERIFICATION:
      curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
      // 1 (unspecified) stands until the chain has been judged bad, or the name good.
      return result <= 1 ? HttpFailure::kWrongName : HttpFailure::kUntrusted;
    case CURLE_SSL_CACERT_BADFILE:
      return HttpFailure::kCaFile;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
      return HttpFailure::kTls;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return HttpFailure::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return connected ? HttpFailure::kTimeout : HttpFailure::kConnect;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      if (connected) return HttpFailure::kCut;
      curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &result);
      return result >= 400 && result <= 499 ? HttpFailure::kProxy : HttpFailure::kConnect;
    default:
      return HttpFailure::kOther;
  }
}

double TransferredSeconds(CURL* easy, CURLINFO what) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, what, &microseconds);
  return static_cast<double>(microseconds) * 1e-6;
}

}  // namespace

std::string ProxyVariable(std::string_view url) {
  const bool secure = url.size() > 6 && strncasecmp(url.data(), "https:", 6) == 0;
  // HTTP_PROXY is not read: a web server would let anybody set it by the header Proxy.
  for (const char* variable : {secure ? "https_proxy" : "http_proxy",
                               secure ? "HTTPS_PROXY" : "http_proxy", "all_proxy", "ALL_PROXY"}) {
    if (*Environment(variable) != '\0') return variable;
  }
  return {};
}

HttpReply HttpClient::Post(const HttpRequest& request) {
  HttpReply reply;
  const Stopwatch watch;
  const auto fail = [&reply](HttpFailure failure, std::string error) {
    reply.failure = failure;
    reply.error = OneLine(error);
  };
  // Before the handles: libcurl may use these until they are closed.
  Incoming incoming{.reply = &reply, .max_bytes = request.max_reply_bytes};
  char details[CURL_ERROR_SIZE] = "";
  curl_slist* raw_headers = nullptr;
  for (const auto& [name, value] : request.headers) {
    raw_headers = curl_slist_append(raw_headers, (name + ": " + value).c_str());
  }
  raw_headers = curl_slist_append(raw_headers, "Content-Type: application/json");
  raw_headers = curl_slist_append(raw_headers, "Accept: application/json");
  raw_headers = curl_slist_append(raw_headers, "Expect:");  // no second round trip for large bodies
  const HeaderList headers(raw_headers);

  const Multi multi(InitCurl() ? curl_multi_init() : nullptr);
  const Easy easy(multi ? curl_easy_init() : nullptr);
  if (!easy) {
    fail(HttpFailure::kOther, "libcurl does not start");
    return reply;
  }
  CURL* handle = easy.get();
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a name look-up does not delay a cancellation
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "banyan");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(request.connect_timeout_s));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, Milliseconds(request.total_timeout_s));
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, details);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &incoming);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &incoming);
  SetCertificates(handle);

  {
    const std::lock_guard<std::mutex> lock(mutex_);
    active_.push_back(multi.get());
  }
  curl_multi_add_handle(multi.get(), handle);
  CURLcode code = CURLE_OK;
  int running = 1;
  while (running > 0) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (cancelled_) {
        fail(HttpFailure::kCancelled, "cancelled");
        break;
      }
    }
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) {
      code = CURLE_FAILED_INIT;
      break;
    }
    if (running == 0) break;
    const double ready_s = TransferredSeconds(handle, CURLINFO_PRETRANSFER_TIME_T);
    if (!incoming.started && ready_s > 0 &&
        watch.ElapsedS() - ready_s > request.first_byte_timeout_s) {
      fail(HttpFailure::kTimeout,
           fmt::format("no byte of an answer within {} s", request.first_byte_timeout_s));
      break;
    }
    // Cancel wakes it; the limit is for the deadline of the first byte.
    curl_multi_poll(multi.get(), nullptr, 0, 50, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  }
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  reply.sent = TransferredSeconds(handle, CURLINFO_PRETRANSFER_TIME_T) > 0;
  reply.seconds = watch.ElapsedS();
  if (incoming.too_large) {
    fail(HttpFailure::kTooLarge,
         fmt::format("the answer is larger than {} bytes", request.max_reply_bytes));
  } else if (reply.failure == HttpFailure::kNone && code != CURLE_OK) {
    reply.failure = FailureOf(handle, code, reply.sent);
    if (reply.failure == HttpFailure::kTimeout) {
      fail(reply.failure, fmt::format("no whole answer within {} s", request.total_timeout_s));
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
      fail(reply.failure, fmt::format("no connection within {} s", request.connect_timeout_s));
    } else {
      fail(reply.failure,
           WithoutProxyAddress(*details != '\0' ? details : curl_easy_strerror(code)));
    }
  }
  curl_multi_remove_handle(multi.get(), handle);
  const std::lock_guard<std::mutex> lock(mutex_);
  active_.erase(std::find(active_.begin(), active_.end(), multi.get()));
  return reply;
}

void HttpClient::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  for (void* multi : active_) curl_multi_wakeup(static_cast<CURLM*>(multi));
}

}  // namespace banyan

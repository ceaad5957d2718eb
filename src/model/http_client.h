#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace banyan {

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // may hold a key
  std::string body;
  double connect_timeout_s = 10;      // name look-up and TLS included
  double first_byte_timeout_s = 120;  // from the connection to the first byte of the reply
  double total_timeout_s = 300;
  int64_t max_reply_bytes = int64_t{8} << 20;  // after decompression
};

enum class HttpFailure {
  kNone,
  kConnect,    // no connection: nothing was sent
  kProxy,      // the proxy refuses to connect us: nothing was sent
  kUntrusted,  // the server's certificate is signed by nobody who is trusted, or is out of date
  kWrongName,  // its certificate is another host's
  kCaFile,     // the trusted certificates that the environment names cannot be read
  kTls,        // no TLS at all
  kTimeout,    // connected, then too slow
  kCut,        // connected, then broken off
  kTooLarge,   // more than max_reply_bytes
  kCancelled,
  kOther,
};

struct HttpReply {
  int status = 0;  // of HTTP; 0: none came
  std::string body;
  std::string retry_after;  // header, empty if there is none
  std::string location;     // header of a redirection, which is never followed
  HttpFailure failure = HttpFailure::kNone;
  std::string error;  // one line; says which limit was met
  bool sent = false;  // a connection was made, so the request may have been worked on
  double seconds = 0;
};

// The environment variable with the proxy that is used for this URL, unless no_proxy names its
// host; empty if there is none.
std::string ProxyVariable(std::string_view url);

// POSTs over libcurl, a connection each. Proxies and certificates as curl's own program takes them
// from the environment (https_proxy, no_proxy, CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR). Never
// follows a redirection, so headers reach only the host of the URL. Its errors hold no header and
// no proxy's password. Thread-safe.
class HttpClient {
 public:
  HttpClient() = default;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Blocks until answered, failed, or cancelled.
  HttpReply Post(const HttpRequest& request);
  // Posts under way end within milliseconds with kCancelled, later ones at once.
  void Cancel();

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  std::vector<void*> active_;  // CURLM*, each of a Post under way
};

}  // namespace banyan

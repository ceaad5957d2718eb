#include "model/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "model/testing/loopback_server.h"

namespace banyan {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

HttpRequest To(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.headers = {{"X-Key", "planted"}};
  request.body = "{\"a\": 1}";
  return request;
}

TEST(HttpClient, PostsAndReads) {
  LoopbackServer server(HttpText(429, "retry-AFTER:  7 \r\n", "late"));
  HttpClient client;
  const HttpReply reply = client.Post(To(server.url() + "path"));
  EXPECT_EQ(reply.failure, HttpFailure::kNone) << reply.error;
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "late");
  EXPECT_EQ(reply.retry_after, "7");
  EXPECT_TRUE(reply.sent);
  ASSERT_EQ(server.requests().size(), 1U);
  const std::string sent = server.requests()[0];
  EXPECT_THAT(sent, StartsWith("POST /path HTTP/1.1\r\n"));
  EXPECT_THAT(sent, HasSubstr("X-Key: planted\r\n"));
  EXPECT_THAT(sent, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("Expect:")));
  EXPECT_THAT(sent, EndsWith("\r\n\r\n{\"a\": 1}"));
}

TEST(HttpClient, NeverFollowsARedirection) {
  LoopbackServer other(HttpText(200, "", "here"));
  LoopbackServer server(HttpText(302, "Location: " + other.url() + "\r\n", ""));
  HttpClient client;
  const HttpReply reply = client.Post(To(server.url()));
  EXPECT_EQ(reply.status, 302);
  EXPECT_EQ(reply.location, other.url());
  EXPECT_TRUE(other.requests().empty());
}

TEST(HttpClient, StopsAtTheSizeLimit) {
  LoopbackServer server(HttpText(200, "", std::string(100'000, 'x')));
  HttpClient client;
  HttpRequest request = To(server.url());
  request.max_reply_bytes = 5000;
  const HttpReply reply = client.Post(request);
  EXPECT_EQ(reply.failure, HttpFailure::kTooLarge);
  EXPECT_EQ(reply.error, "the answer is larger than 5000 bytes");
  EXPECT_EQ(reply.body.size(), 5000U);
  request.max_reply_bytes = 100'000;
  EXPECT_EQ(client.Post(request).failure, HttpFailure::kNone) << "the limit itself is fine";
}

TEST(HttpClient, TellsCutFromRefusedConnections) {
  HttpClient client;
  std::string url;
  {
    LoopbackServer server("");
    url = server.url();
    const HttpReply reply = client.Post(To(url));
    EXPECT_EQ(reply.failure, HttpFailure::kCut);
    EXPECT_TRUE(reply.sent);
  }
  const HttpReply reply = client.Post(To(url));
  EXPECT_EQ(reply.failure, HttpFailure::kConnect);
  EXPECT_FALSE(reply.sent);
  LoopbackServer half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(client.Post(To(half.url())).failure, HttpFailure::kCut);
}

TEST(HttpClient, KeepsItsTimeLimits) {
  HttpClient client;
  LoopbackServer silent("", true);
  HttpRequest request = To(silent.url());
  request.first_byte_timeout_s = 0.05;
  HttpReply reply = client.Post(request);
  EXPECT_EQ(reply.failure, HttpFailure::kTimeout);
  EXPECT_EQ(reply.error, "no byte of an answer within 0.05 s");

  LoopbackServer slow("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true);
  request = To(slow.url());
  request.first_byte_timeout_s = 0.05;  // that one has come
  request.total_timeout_s = 0.2;
  reply = client.Post(request);
  EXPECT_EQ(reply.failure, HttpFailure::kTimeout);
  EXPECT_EQ(reply.error, "no whole answer within 0.2 s");
}

TEST(HttpClient, CancelEndsWhatIsUnderWayAndWhatComesLater) {
  LoopbackServer silent("", true);
  HttpClient client;
  HttpReply first;
  HttpReply second;
  std::thread one([&] { first = client.Post(To(silent.url())); });
  std::thread two([&] { second = client.Post(To(silent.url())); });
  silent.WaitForRequests(2);
  client.Cancel();
  one.join();
  two.join();
  EXPECT_EQ(first.failure, HttpFailure::kCancelled);
  EXPECT_EQ(second.failure, HttpFailure::kCancelled);
  EXPECT_EQ(client.Post(To(silent.url())).failure, HttpFailure::kCancelled);
}

TEST(HttpClient, TakesNothingButHttp) {
  HttpClient client;
  EXPECT_EQ(client.Post(To("file:///etc/hostname")).failure, HttpFailure::kOther);
  EXPECT_EQ(client.Post(To("not a url")).failure, HttpFailure::kOther);
}

}  // namespace
}  // namespace banyan

// Asks a model of a pool the same small question, for tests that drive the real clients:
//   banyan_chat ITEM [--times N] [--parallel N] [--cancel-after S] [--backoff S] [--max-output N]
// ITEM is as for LoadPool. Prints a list of ChatReply as JSON, in the order asked.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "model/http_chat.h"

namespace banyan {
namespace {

ChatRequest Question(int64_t max_output_tokens) {
  ChatRequest request;
  request.system = "You answer in JSON.";
  request.user = "What is 6 times 7? \"Quoted\", new line\nand \xC3\xA9.";
  request.schema = {{"type", "object"},
                    {"properties", {{"answer", {{"type", "integer"}}}}},
                    {"required", {"answer"}},
                    {"additionalProperties", false}};
  request.schema_name = "answer";
  request.max_output_tokens = max_output_tokens;
  return request;
}

int Main(const std::vector<std::string>& arguments) {
  std::map<std::string, double> flags = {{"--times", 1},
                                         {"--parallel", 1},
                                         {"--cancel-after", 0},
                                         {"--backoff", 0.01},
                                         {"--max-output", 256}};
  if (arguments.empty()) return 2;
  for (size_t i = 1; i + 1 < arguments.size(); i += 2) {
    flags.at(arguments[i]) = std::stod(arguments[i + 1]);
  }
  const auto pool = LoadPool({arguments[0]});
  if (!pool.ok() || pool->empty()) {
    std::cerr << (pool.ok() ? "no model" : pool.error().message) << "\n";
    return 2;
  }
  const auto client = MakeHttpChat(
      pool->front(), {.backoff_s = flags["--backoff"], .longest_s = 1, .patience_s = 60});
  if (!client.ok()) {
    std::cerr << client.error().message << "\n";
    return 1;
  }
  const ChatRequest request = Question(static_cast<int64_t>(flags["--max-output"]));
  const auto times = static_cast<size_t>(flags["--times"]);
  const auto parallel = static_cast<size_t>(flags["--parallel"]);
  std::vector<ChatReply> replies(times * parallel);
  std::vector<std::thread> threads;
  for (size_t lane = 0; lane < parallel; ++lane) {
    threads.emplace_back([&, lane] {
      for (size_t i = 0; i < times; ++i) {
        replies[i * parallel + lane] = (*client)->Ask(request);
      }
    });
  }
  if (flags["--cancel-after"] > 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(flags["--cancel-after"]));
    (*client)->Cancel();
  }
  for (std::thread& thread : threads) thread.join();
  Json printed = Json::array();
  for (const ChatReply& reply : replies) printed.push_back(ToJson(reply));
  std::cout << printed.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace banyan

int main(int argc, char** argv) {
  return banyan::Main(std::vector<std::string>(argv + 1, argv + argc));
}

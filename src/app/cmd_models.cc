// `banyan models`: what a pool holds, what it costs, whether it can be used; --ping asks each once.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "app/commands.h"
#include "app/output.h"
#include "base/format.h"
#include "base/strings.h"
#include "model/pool.h"

namespace banyan {
namespace {

struct Pinged {
  bool done = false;
  ChatReply reply;
};

// Small, but room enough for a model that thinks before it answers.
ChatRequest PingQuestion(const PoolEntry& entry) {
  ChatRequest question;
  question.system = "You answer in JSON.";
  question.user = "Answer with ok = true.";
  question.schema = {{"type", "object"},
                     {"properties", {{"ok", {{"type", "boolean"}}}}},
                     {"required", {"ok"}},
                     {"additionalProperties", false}};
  question.schema_name = "ping";
  question.max_output_tokens = std::min<int64_t>(entry.max_output_tokens, 1024);
  return question;
}

bool CanBePinged(const PoolEntry& entry) {
  return entry.provider != "builtin" && entry.provider != "replay";
}

void Ping(PoolEntry entry, Pinged* pinged) {
  entry.retries = 0;
  pinged->done = true;
  const auto client = MakeChatClient(entry);
  if (!client.ok()) {
    pinged->reply.failure = CallFailure::kInternal;
    pinged->reply.error = client.error().message;
    return;
  }
  pinged->reply = (*client)->Ask(PingQuestion(entry));
}

// All at once: the slowest decides how long it takes.
std::vector<Pinged> PingAll(const std::vector<PoolEntry>& pool) {
  std::vector<Pinged> pings(pool.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < pool.size(); ++i) {
    if (!CanBePinged(pool[i]) || !CheckUsable(pool[i]).ok()) continue;
    threads.emplace_back(Ping, pool[i], &pings[i]);
  }
  for (std::thread& thread : threads) thread.join();
  return pings;
}

std::string PriceText(const PoolEntry& entry) {
  const Price& price = entry.price;
  if (price.in == 0 && price.out == 0) return "-";
  return fmt::format("{:.2f}, {:.2f}", price.in, price.out);
}

std::string StandingText(const PoolEntry& entry, const Pinged& pinged) {
  const Status usable = CheckUsable(entry);
  if (!usable.ok()) {
    // The table names the model already.
    const std::string prefix = fmt::format("model '{}': ", entry.name);
    const std::string& message = usable.error().message;
    return message.rfind(prefix, 0) == 0 ? message.substr(prefix.size()) : message;
  }
  if (!pinged.done) return "usable";
  const Usage& usage = pinged.reply.usage;
  if (!pinged.reply.error.empty()) {
    return fmt::format("{} after {:.2f} s: {}", CallFailureName(pinged.reply.failure),
                       usage.seconds, pinged.reply.error);
  }
  std::string text = fmt::format("answers in {:.2f} s; {} tokens in, {} out", usage.seconds,
                                 usage.tokens_in, usage.tokens_out);
  if (usage.cost_usd > 0) text += "; " + FormatUsd(usage.cost_usd);
  return text;
}

Json ModelJson(const PoolEntry& entry, const Pinged& pinged) {
  Json json = ToJson(entry);
  const Status usable = CheckUsable(entry);
  json["usable"] = usable.ok();
  if (!usable.ok()) json["problem"] = usable.error().message;
  if (pinged.done) {
    json["ping"] = {{"ok", pinged.reply.error.empty()},
                    {"failure", CallFailureName(pinged.reply.failure)},
                    {"error", pinged.reply.error},
                    {"usage", ToJson(pinged.reply.usage)},
                    {"notes", pinged.reply.notes}};
  }
  return json;
}

}  // namespace

Result<int> RunModels(const CommonOptions& common, const ModelsOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const std::vector<PoolEntry> pool,
                          LoadPool(options.items.empty() ? BuiltinModelNames() : options.items));
  const std::vector<Pinged> pings = options.ping ? PingAll(pool) : std::vector<Pinged>(pool.size());
  bool all_well = true;
  for (size_t i = 0; i < pool.size(); ++i) {
    all_well = all_well && CheckUsable(pool[i]).ok() && pings[i].reply.error.empty();
  }
  const int status = options.ping && !all_well ? 1 : 0;
  if (common.json) {
    Json models = Json::array();
    for (size_t i = 0; i < pool.size(); ++i) models.push_back(ModelJson(pool[i], pings[i]));
    PrintJson({{"models", std::move(models)}});
    return status;
  }
  TextTable table;
  table.AddRow({"name", "provider", "model", "role", "USD/M in, out", "state"});
  for (size_t i = 0; i < pool.size(); ++i) {
    const PoolEntry& entry = pool[i];
    table.AddRow({entry.name, entry.provider, entry.model.empty() ? "-" : entry.model,
                  ModelRoleName(entry.role), PriceText(entry), StandingText(entry, pings[i])});
  }
  fmt::print("{}", table.Print());
  if (options.items.empty()) {
    fmt::print(
        "\nThese are built-in experts, not language models. Language models and programs of your\n"
        "own come from TOML files: see examples/pools/ and docs/models.md, then\n"
        "`banyan models FILE.toml --ping` and `banyan tune mlp --pool FILE.toml`.\n");
  }
  return status;
}

}  // namespace banyan

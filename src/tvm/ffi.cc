#include "tvm/ffi.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "tvm/version.h"

namespace banyan {
namespace {

#ifndef BANYAN_TVM_LIBRARY_DIR
#define BANYAN_TVM_LIBRARY_DIR ""
#endif

Status OpenCompiler(const std::string& library) {
  std::string path = library;
  if (path.empty()) {
    if (const char* chosen = std::getenv("BANYAN_TVM_LIBRARY")) path = chosen;
  }
  if (path.empty()) path = BANYAN_TVM_LIBRARY_DIR "/libtvm_compiler.so";
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    return Error{ErrorCode::kEnvironment,
                 "cannot load TVM from " + path + " (set BANYAN_TVM_LIBRARY, or run `make setup`)",
                 reason == nullptr ? "" : reason};
  }
  return Ok{};
}

// TVM's rendered errors: a listing in which an object is labelled by the comment above it
//   # s_tir.SBlock#0
//   with T.sblock("C"):
// and after it "Error message: ... s_tir.SBlock#0 ...".
constexpr std::string_view kReasonMark = "\nError message: ";

// The name that the line after a label's comment gives the labelled object; empty: unknown.
std::string NameOnLine(std::string_view line) {
  auto between = [&](std::string_view open, std::string_view close) -> std::string {
    const size_t begin = line.find(open);
    if (begin == std::string_view::npos) return {};
    const size_t from = begin + open.size();
    const size_t end = line.find(close, from);
    return end == std::string_view::npos ? std::string()
                                         : std::string(line.substr(from, end - from));
  };
  if (std::string block = between("T.sblock(\"", "\""); !block.empty()) return "block " + block;
  if (std::string loop = between("for ", " in "); !loop.empty()) return "loop " + loop;
  return {};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string ReplaceLabels(std::string reason, std::string_view listing, const LabelNames& labels) {
  for (const std::string_view kind : {"s_tir.SBlock#", "tirx.For#"}) {
    size_t at = 0;
    while ((at = reason.find(kind, at)) != std::string::npos) {
      size_t end = at + kind.size();
      while (end < reason.size() && IsDigit(reason[end])) ++end;
      const std::string label = reason.substr(at, end - at);
      std::string name;
      for (const auto& [known, meaning] : labels) {
        if (known == label) name = meaning;
      }
      const std::string comment = "# " + label + "\n";
      if (const size_t mark = listing.find(comment);
          name.empty() && mark != std::string_view::npos) {
        const size_t line = mark + comment.size();
        name = NameOnLine(listing.substr(line, listing.find('\n', line) - line));
      }
      if (name.empty()) name = kind == "tirx.For#" ? "a loop" : "a block";
      // "block s_tir.SBlock#0" must not become "block block C".
      const std::string word = name.substr(0, name.find(' ') + 1);
      if (at >= word.size() && reason.compare(at - word.size(), word.size(), word) == 0) {
        name = name.substr(word.size());
      }
      reason.replace(at, end - at, name);
      at += name.size();
    }
  }
  return reason;
}

// The first sentence-like line, without ends of line, of at most 400 bytes.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  }
  std::string out;
  for (char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  constexpr size_t kMost = 400;
  if (out.size() > kMost) {
    size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out = out.substr(0, end) + "...";
  }
  return out;
}

}  // namespace

Status LoadTvm(const std::string& library) {
  static std::once_flag once;
  static Status* outcome = nullptr;  // never freed: other statics may still ask at exit
  std::call_once(once, [&] { outcome = new Status(OpenCompiler(library)); });
  return *outcome;
}

namespace {

thread_local double tvm_seconds = 0;
thread_local int tvm_depth = 0;  // a call that calls back counts once

}  // namespace

double TvmSeconds() { return tvm_seconds; }

TvmTimer::TvmTimer() : start_s_(tvm_depth++ == 0 ? SystemNowS() : 0) {}
TvmTimer::~TvmTimer() {
  if (--tvm_depth == 0) tvm_seconds += SystemNowS() - start_s_;
}

const ffi::Function& GlobalFunction(std::string_view name) {
  struct Cache {
    std::shared_mutex mutex;
    std::unordered_map<std::string, ffi::Function> functions;  // references stay valid
  };
  // Never freed: the functions' code may be unloaded before static destructors run. Keyed by
  // content, and a second level by the literal's address is not worth its invalidation.
  static Cache& cache = *new Cache;
  const std::string key(name);
  {
    std::shared_lock lock(cache.mutex);
    const auto found = cache.functions.find(key);
    if (found != cache.functions.end()) return found->second;
  }
  ffi::Function function = ffi::Function::GetGlobalRequired(key);
  std::unique_lock lock(cache.mutex);
  return cache.functions.emplace(key, std::move(function)).first->second;
}

Error ErrorFromTvm(const ffi::Error& error, ErrorCode code) {
  return ErrorFromTvmText(error.kind(), error.message(), code);
}

Error ErrorFromTvmText(const std::string& kind, const std::string& text, ErrorCode code,
                       const LabelNames& labels) {
  std::string reason;
  if (const size_t mark = text.rfind(kReasonMark); mark != std::string::npos) {
    reason = ReplaceLabels(text.substr(mark + kReasonMark.size()),
                           std::string_view(text).substr(0, mark), labels);
    // TVM's definitions of its terms follow the reason.
    if (const size_t definition = reason.find("\nDefinition of ");
        definition != std::string::npos) {
      reason.resize(definition);
    }
  } else {
    // "Check failed: (cond) is false: why": the condition is noise if a reason follows.
    reason = text;
    constexpr std::string_view kCheck = "Check failed: ";
    if (const size_t check = reason.find(kCheck); check != std::string::npos) {
      constexpr std::string_view kFalse = " is false: ";
      const size_t why = reason.find(kFalse, check);
      if (why != std::string::npos && why + kFalse.size() < reason.size()) {
        reason = reason.substr(why + kFalse.size());
      } else {
        reason = reason.substr(check);
      }
    }
  }
  constexpr std::string_view kPrefix = "ScheduleError: ";
  while (reason.compare(0, kPrefix.size(), kPrefix) == 0) reason.erase(0, kPrefix.size());
  std::string message = OneLine(reason);
  if (message.empty()) message = "TVM failed without a message (" + kind + ")";
  return Error{code, std::move(message), kind + ": " + text};
}

}  // namespace banyan

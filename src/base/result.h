#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace banyan {

// What kind of thing went wrong; decides the exit status (see ExitStatus in app/).
enum class ErrorCode {
  kInvalidArgument,  // the caller's or user's input is wrong: fix the input
  kNotFound,         // a name, file, run or trial does not exist
  kIllegalStep,      // a transformation does not apply to this program
  kUnsupported,      // understood, but not offered
  kEnvironment,      // disk, permissions, missing tool, a full or read-only store
  kCorrupt,          // stored data cannot be read or is of a newer version
  kBudget,           // a budget is spent
  kCancelled,        // ended by Ctrl-C or by the end of the run
  kInternal,         // a bug in Banyan
};

const char* ErrorCodeName(ErrorCode code);
// The inverse; kInternal for a name that is none.
ErrorCode ParseErrorCode(std::string_view name);

// An expected failure as a value. `message` is one line in words that say what is wrong and what
// to do; `context` is optional detail (a compiler's long text) shown only on request.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string context;
};

// A value or an Error. Accessing the wrong side is a programmer error (std::bad_variant_access).
template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTBEGIN(google-explicit-constructor): `return value;` and `return error;` are the point.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

struct Ok {};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTBEGIN(google-explicit-constructor)
  Result(Ok) {}
  Result(Error error) : failed_(true), error_(std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return error_; }

 private:
  bool failed_ = false;
  Error error_;
};

using Status = Result<void>;

inline Error InvalidArgument(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message), {}};
}
inline Error NotFound(std::string message) {
  return {ErrorCode::kNotFound, std::move(message), {}};
}
inline Error IllegalStep(std::string message) {
  return {ErrorCode::kIllegalStep, std::move(message), {}};
}
inline Error EnvironmentError(std::string message) {
  return {ErrorCode::kEnvironment, std::move(message), {}};
}
inline Error Internal(std::string message) {
  return {ErrorCode::kInternal, std::move(message), {}};
}

}  // namespace banyan

// Returns the error of `expr` from the enclosing function.
#define BANYAN_RETURN_IF_ERROR(expr)                                                         \
  do {                                                                                       \
    if (auto&& banyan_status_ = (expr); !banyan_status_.ok()) return banyan_status_.error(); \
  } while (false)

#define BANYAN_CONCAT_INNER(a, b) a##b
#define BANYAN_CONCAT(a, b) BANYAN_CONCAT_INNER(a, b)

// BANYAN_ASSIGN_OR_RETURN(auto x, F()): x = *F(), or returns F's error.
#define BANYAN_ASSIGN_OR_RETURN(lhs, expr) \
  BANYAN_ASSIGN_OR_RETURN_IMPL(BANYAN_CONCAT(banyan_result_, __LINE__), lhs, expr)
#define BANYAN_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return tmp.error();                 \
  lhs = std::move(tmp).value()

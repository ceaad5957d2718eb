#pragma once

#include <tvm/ffi/any.h>
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/function.h>
#include <tvm/ffi/string.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

namespace banyan {

// The one internal header of the room that shows tvm-ffi; include it from .cc files only.
namespace ffi = tvm::ffi;

// Opens libtvm_compiler.so once a process (RTLD_GLOBAL, so that its registry is the one we link).
// The first call decides: `library` if given, else $BANYAN_TVM_LIBRARY, else the folder of the
// build. Later calls return the first one's outcome. Thread-safe.
Status LoadTvm(const std::string& library = {});

// The global function of that name, looked up once and kept for the life of the process. Throws
// ffi::Error if there is none. Thread-safe.
const ffi::Function& GlobalFunction(std::string_view name);

// Adds the wall time of its life to TvmSeconds (tvm/version.h).
class TvmTimer {
 public:
  TvmTimer();
  ~TvmTimer();
  TvmTimer(const TvmTimer&) = delete;
  TvmTimer& operator=(const TvmTimer&) = delete;

 private:
  double start_s_;
};

// Calls a global function; throws ffi::Error. Only within TryTvm. CallTvm<void> drops the result.
template <typename R = ffi::Any, typename... Args>
R CallTvm(std::string_view name, Args&&... args) {
  const ffi::Function& function = GlobalFunction(name);
  const TvmTimer timer;
  if constexpr (std::is_void_v<R>) {
    function(std::forward<Args>(args)...);
  } else if constexpr (std::is_same_v<R, ffi::Any>) {
    return function(std::forward<Args>(args)...);
  } else {
    return function(std::forward<Args>(args)...).template cast<R>();
  }
}

// One line of what went wrong: of a ScheduleError the reason without the rendered program, whose
// labels ("s_tir.SBlock#0", "tirx.For#1") become the names they stand for. The text as TVM gave it
// is the context. `code` is the caller's view of such a failure.
Error ErrorFromTvm(const ffi::Error& error, ErrorCode code);
// The same of an error's parts, or of any exception's text. `labels`: what some labels stand for
// ("tirx.For#1" -> "loop O.i.0"), where the caller knows better than TVM's listing.
using LabelNames = std::vector<std::pair<std::string, std::string>>;
Error ErrorFromTvmText(const std::string& kind, const std::string& text, ErrorCode code,
                       const LabelNames& labels = {});

// Runs `body`, which may throw what TVM throws, and makes the outcome a value. Loads TVM first.
// A body that returns Result<T> or Status passes it through.
template <typename T>
struct IsResult : std::false_type {};
template <typename T>
struct IsResult<Result<T>> : std::true_type {};

template <typename Body>
auto TryTvm(Body&& body, ErrorCode code = ErrorCode::kInternal) {
  using R = std::invoke_result_t<Body>;
  using Wrapped = std::conditional_t<IsResult<R>::value, R, Result<R>>;
  return [&]() -> Wrapped {
    BANYAN_RETURN_IF_ERROR(LoadTvm());
    try {
      if constexpr (std::is_void_v<R>) {
        body();
        return Wrapped();
      } else {
        return Wrapped(body());
      }
    } catch (const ffi::Error& error) {
      return ErrorFromTvm(error, code);
    } catch (const std::exception& error) {
      return ErrorFromTvmText("exception", error.what(), code);
    }
  }();
}

}  // namespace banyan

#include "base/result.h"

namespace banyan {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kIllegalStep:
      return "illegal_step";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kEnvironment:
      return "environment";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kBudget:
      return "budget";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

ErrorCode ParseErrorCode(std::string_view name) {
  for (int i = 0; i < static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (name == ErrorCodeName(code)) return code;
  }
  return ErrorCode::kInternal;
}

}  // namespace banyan

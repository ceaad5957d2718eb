#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace banyan {

// The whole file; kNotFound if there is none, kInvalidArgument if it is a folder or larger than
// `max_bytes`.
Result<std::string> ReadFile(const std::string& path, int64_t max_bytes = int64_t{1} << 30);

// Replaces or makes the file in one step (a temporary beside it, then a rename): a reader, or a
// crash, sees the old text or the new, never a part. kEnvironment if the disk or the permissions do
// not allow it.
Status WriteFileAtomically(const std::string& path, std::string_view text);

// A private folder (mode 0700) under $TMPDIR or /tmp, removed with all it holds by the destructor.
// Should the process be killed, the next Make with the same prefix removes it: a lock tells live
// from left over. Movable.
class TempDir {
 public:
  static Result<TempDir> Make(const std::string& prefix);

  TempDir() = default;
  TempDir(TempDir&& other) noexcept { *this = std::move(other); }
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir() { Remove(); }

  const std::string& path() const { return path_; }

 private:
  void Remove();

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace banyan

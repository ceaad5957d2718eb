#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/format.h"

namespace banyan {
namespace {

namespace fs = std::filesystem;

constexpr char kLockName[] = ".lock";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error FileError(const std::string& verb, const std::string& path, int error) {
  Error result = EnvironmentError("cannot " + verb + " '" + path + "': " + std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) result.code = ErrorCode::kNotFound;
  return result;
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

// Opens and locks the folder's lock file; -1 if another process holds it or there is none.
int Lock(const fs::path& folder, int flags) {
  Descriptor fd(open((folder / kLockName).c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
  if (fd.get() < 0 || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return -1;
  return fd.release();
}

void RemoveLeftOvers(const fs::path& parent, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().rfind(prefix + "-", 0) != 0) continue;
    struct stat info;
    if (lstat(it->path().c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    if (info.st_uid != geteuid()) continue;
    const int fd = Lock(it->path(), 0);
    if (fd < 0) continue;
    std::error_code ignored;
    fs::remove_all(it->path(), ignored);
    close(fd);
  }
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return FileError("read", path, errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FileError("read", path, errno);
  if (S_ISDIR(info.st_mode)) return InvalidArgument("'" + path + "' is a folder");
  std::string text;
  text.reserve(static_cast<size_t>(std::min<int64_t>(info.st_size, max_bytes)) + 1);
  char buffer[65536];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (static_cast<int64_t>(text.size()) > max_bytes) {
      return InvalidArgument("'" + path + "' is larger than " + FormatBytes(max_bytes));
    }
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view text) {
  std::string temporary = path + ".XXXXXX";
  Descriptor fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (fd.get() < 0) return FileError("write", path, errno);
  // mkostemp makes it private; a new file gets what the umask leaves.
  const mode_t mask = umask(0);
  umask(mask);
  const bool written = WriteAll(fd.get(), text) && fsync(fd.get()) == 0 &&
                       fchmod(fd.get(), 0666 & ~mask) == 0 && close(fd.release()) == 0 &&
                       rename(temporary.c_str(), path.c_str()) == 0;
  if (written) return Ok{};
  const int error = errno;
  unlink(temporary.c_str());
  return FileError("write", path, error);
}

Result<TempDir> TempDir::Make(const std::string& prefix) {
  const char* variable = std::getenv("TMPDIR");
  const fs::path parent = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  RemoveLeftOvers(parent, prefix);
  std::string path = (parent / (prefix + "-XXXXXX")).string();
  if (mkdtemp(path.data()) == nullptr) return FileError("make a folder like", path, errno);
  TempDir dir;
  dir.path_ = path;
  dir.lock_fd_ = Lock(path, O_CREAT);
  if (dir.lock_fd_ < 0) return FileError("lock", path, errno);
  return dir;
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  if (this == &other) return *this;
  Remove();
  path_ = std::exchange(other.path_, {});
  lock_fd_ = std::exchange(other.lock_fd_, -1);
  return *this;
}

void TempDir::Remove() {
  if (!path_.empty()) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    path_.clear();
  }
  if (lock_fd_ >= 0) close(std::exchange(lock_fd_, -1));
}

}  // namespace banyan

#include "app/run_files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace banyan {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Error CannotWrite(const std::string& path) {
  return EnvironmentError(fmt::format("cannot write '{}': {}", path, std::strerror(errno)));
}

class EventFileJournal final : public Journal {
 public:
  EventFileJournal(std::string path, File file, Journal* inner)
      : path_(std::move(path)), file_(std::move(file)), inner_(inner) {}

  Status Append(const Event& event) override {
    BANYAN_RETURN_IF_ERROR(inner_->Append(event));
    const std::string line = DumpJson(ToJson(event)) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
        std::fflush(file_.get()) != 0) {
      return CannotWrite(path_);
    }
    return Ok{};
  }
  Status Record(const NodeRecord& node) override { return inner_->Record(node); }
  Status Record(const TrialRecord& trial) override { return inner_->Record(trial); }
  Status Record(const CallRecord& call) override { return inner_->Record(call); }
  Status Record(const PoolRecord& pool) override { return inner_->Record(pool); }
  Status Record(const RequestRecord& request) override { return inner_->Record(request); }
  Status Record(const FeatureRecord& features) override { return inner_->Record(features); }
  Status Record(const TreeRecord& tree) override { return inner_->Record(tree); }
  Status Flush() override { return inner_->Flush(); }
  Status Finish(const Json& result) override { return inner_->Finish(result); }

 private:
  const std::string path_;
  const File file_;
  Journal* const inner_;
};

}  // namespace

Result<std::unique_ptr<Journal>> MakeEventFileJournal(const std::string& path, Journal* inner) {
  File file(std::fopen(path.c_str(), "ae"));
  if (file == nullptr) return CannotWrite(path);
  return std::unique_ptr<Journal>(new EventFileJournal(path, std::move(file), inner));
}

Status MakeFolder(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (!failure && std::filesystem::is_directory(path, failure)) return Ok{};
  return EnvironmentError(fmt::format("cannot make folder '{}': {}", path,
                                      failure ? failure.message() : "a file is in the way"));
}

}  // namespace banyan

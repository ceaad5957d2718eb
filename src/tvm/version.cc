#include "tvm/version.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "tvm/ffi.h"

#ifndef BANYAN_TVM_LIBRARY_DIR
#define BANYAN_TVM_LIBRARY_DIR ""
#endif

namespace banyan {

std::string TvmLibraryFile() {
  const char* library = std::getenv("BANYAN_TVM_LIBRARY");
  if (library != nullptr && *library != '\0') return library;
  return BANYAN_TVM_LIBRARY_DIR "/libtvm_compiler.so";
}

// TVM's library registers no function that tells its version, but the wheel's metadata folder
// apache_tvm-<version>.dist-info lies beside the package.
std::string TvmVersion() {
  namespace fs = std::filesystem;
  const fs::path lib_folder = fs::path(TvmLibraryFile()).parent_path();
  const std::string prefix = "apache_tvm-";
  const std::string suffix = ".dist-info";
  std::error_code failure;
  for (fs::directory_iterator entry(lib_folder.parent_path().parent_path(), failure), end;
       !failure && entry != end; entry.increment(failure)) {
    const std::string name = entry->path().filename().string();
    if (name.size() > prefix.size() + suffix.size() && name.rfind(prefix, 0) == 0 &&
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) {
      return name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    }
  }
  return "unknown";
}

std::string TvmLlvmVersion() {
  const auto major = TryTvm([] { return CallTvm<int64_t>("target.llvm_version_major"); });
  return major.ok() ? std::to_string(*major) : std::string("unknown");
}

}  // namespace banyan

#pragma once

#include <limits>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// Reads optional fields of one object into variables that hold their defaults; the first problem is
// kept and given by `Finish`. An unknown key is a problem too, so that a typing error is not
// ignored.
class Fields {
 public:
  Fields(const Json& json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json_.is_object()) problem_ = "is not an object";
  }

  // `if_null` is what null stands for.
  void Read(const char* key, double* out,
            double if_null = std::numeric_limits<double>::quiet_NaN()) {
    const Json* field = Find(key);
    if (field == nullptr) return;
    if (!field->is_number() && !field->is_null()) return Fail(key, "a number");
    *out = field->is_null() ? if_null : field->get<double>();
  }
  void Read(const char* key, bool* out) {
    const Json* field = Find(key);
    if (field == nullptr) return;
    if (!field->is_boolean()) return Fail(key, "true or false");
    *out = field->get<bool>();
  }
  void Read(const char* key, std::string* out) {
    const Json* field = Find(key);
    if (field == nullptr) return;
    if (!field->is_string()) return Fail(key, "a string");
    *out = field->get<std::string>();
  }
  void Read(const char* key, std::vector<std::string>* out) {
    const Json* field = Find(key);
    if (field == nullptr) return;
    if (!field->is_array()) return Fail(key, "an array of strings");
    out->clear();
    for (const Json& item : *field) {
      if (!item.is_string()) return Fail(key, "an array of strings");
      out->push_back(item.get<std::string>());
    }
  }
  void Read(const char* key, int* out) { ReadInteger(key, out); }
  void Read(const char* key, int64_t* out) { ReadInteger(key, out); }
  void Read(const char* key, uint64_t* out) { ReadInteger(key, out); }

  // The nested object, for a Read of its own; nullptr: absent.
  const Json* Find(const char* key) {
    if (!problem_.empty()) return nullptr;
    ++known_;
    const auto it = json_.find(key);
    if (it == json_.end()) {
      --known_;
      return nullptr;
    }
    return &*it;
  }

  Status Finish() const {
    if (!problem_.empty()) return InvalidArgument(what_ + " " + problem_);
    if (known_ != json_.size()) return InvalidArgument(what_ + " has an unknown field");
    return Ok{};
  }

 private:
  template <typename T>
  void ReadInteger(const char* key, T* out) {
    const Json* field = Find(key);
    if (field == nullptr) return;
    if (!field->is_number_integer()) return Fail(key, "an integer");
    *out = field->get<T>();
  }
  void Fail(const char* key, const char* type) {
    problem_ = std::string("has a '") + key + "' that is not " + type;
  }

  const Json& json_;
  std::string what_;
  std::string problem_;
  size_t known_ = 0;
};

}  // namespace banyan

#include "schedule/live_schedule.h"

#include <fmt/format.h>

#include <charconv>

namespace banyan {
namespace {

Error BadTerm(const std::string& text) {
  return InvalidArgument(
      fmt::format("layout term '{}' is none of d0, d0/16, d0%16, d0/16%8", text));
}

bool ReadNumber(const char*& at, const char* end, int64_t& value) {
  const auto [next, code] = std::from_chars(at, end, value);
  if (code != std::errc() || next == at || value < 0) return false;
  at = next;
  return true;
}

}  // namespace

Result<Layout> ParseLayout(const Json& terms) {
  if (!terms.is_array() || terms.empty()) {
    return InvalidArgument("a layout is a list of terms such as [d0, d1/16, d1%16]");
  }
  Layout layout;
  for (const auto& item : terms) {
    if (!item.is_string()) return BadTerm(item.dump(-1, ' ', true, Json::error_handler_t::replace));
    const auto& text = item.get_ref<const std::string&>();
    const char* at = text.data();
    const char* end = at + text.size();
    LayoutTerm term;
    int64_t value = 0;
    if (at == end || *at++ != 'd' || !ReadNumber(at, end, value) || value > 31)
      return BadTerm(text);
    term.dim = static_cast<int>(value);
    if (at != end && *at == '/') {
      ++at;
      if (!ReadNumber(at, end, term.divisor) || term.divisor < 1) return BadTerm(text);
    }
    if (at != end && *at == '%') {
      ++at;
      if (!ReadNumber(at, end, term.modulus) || term.modulus < 1) return BadTerm(text);
    }
    if (at != end) return BadTerm(text);
    layout.push_back(term);
  }
  return layout;
}

Json LayoutToJson(const Layout& layout) {
  Json terms = Json::array();
  for (const auto& term : layout) {
    std::string text = fmt::format("d{}", term.dim);
    if (term.divisor != 1) text += fmt::format("/{}", term.divisor);
    if (term.modulus != 0) text += fmt::format("%{}", term.modulus);
    terms.push_back(std::move(text));
  }
  return terms;
}

namespace {

Status OtherSpace(const char* step) {
  return IllegalStep(fmt::format(
      "{} belongs to the MetaSchedule action space: plans of transformations cannot hold it",
      step));
}

}  // namespace

Status LiveSchedule::SampleDesignSpace(uint64_t) { return OtherSpace("design_space"); }
Status LiveSchedule::Mutate(const std::string&, uint64_t) { return OtherSpace("mutate"); }

}  // namespace banyan

#include "schedule/layout_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/transform_base.h"

namespace banyan {
namespace {

std::string Cut(size_t dim, int64_t size, bool inner) {
  return fmt::format("d{}{}{}", dim, inner ? '%' : '/', size);
}

std::vector<int64_t> Divisors(int64_t extent) {
  std::vector<int64_t> divisors;
  for (int64_t d = 2; d < extent && d <= 512; ++d) {
    if (extent % d == 0) divisors.push_back(d);
  }
  return divisors;
}

Status CheckDimension(size_t dim, int64_t extent, std::vector<LayoutTerm> terms, bool pad) {
  if (terms.empty()) return IllegalStep(fmt::format("map leaves out dimension d{}", dim));
  std::sort(terms.begin(), terms.end(),
            [](const auto& a, const auto& b) { return a.divisor > b.divisor; });
  int64_t above = 0;  // the divisor of the part outside
  for (const auto& term : terms) {
    const bool first = above == 0;
    if (first ? term.modulus != 0 : term.modulus * term.divisor != above) {
      return IllegalStep(
          fmt::format("the terms of d{} do not hold each element once: cut it as d{}/16, d{}%16",
                      dim, dim, dim));
    }
    above = term.divisor;
  }
  if (above != 1) {
    return IllegalStep(
        fmt::format("the inner part of d{} is missing: add d{}%{}", dim, dim, above));
  }
  const int64_t size = terms.front().divisor;
  if (size > extent) {
    return IllegalStep(fmt::format("{} is more than the extent {} of d{}", size, extent, dim));
  }
  if (!pad && extent % size != 0) {
    const auto divisors = Divisors(extent);
    return IllegalStep(fmt::format(
        "{} does not divide the extent {} of d{} (divisors: {}); or give pad=true", size, extent,
        dim, divisors.empty() ? "none" : fmt::format("{}", fmt::join(divisors, ", "))));
  }
  return {};
}

}  // namespace

Result<Layout> CheckLayout(const Json& terms, const std::vector<int64_t>& shape, bool pad) {
  BANYAN_ASSIGN_OR_RETURN(Layout layout, ParseLayout(terms));
  std::vector<std::vector<LayoutTerm>> by_dim(shape.size());
  bool changes = layout.size() != shape.size();
  for (size_t i = 0; i < layout.size(); ++i) {
    const auto dim = static_cast<size_t>(layout[i].dim);
    if (dim >= shape.size()) {
      return IllegalStep(
          fmt::format("map names d{}, the buffer has d0 to d{}", dim, shape.size() - 1));
    }
    by_dim[dim].push_back(layout[i]);
    changes = changes || dim != i;
  }
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    BANYAN_RETURN_IF_ERROR(CheckDimension(dim, shape[dim], by_dim[dim], pad));
  }
  if (!changes) return IllegalStep("map leaves the layout as it is");
  return layout;
}

std::vector<Json> LayoutProposals(const std::vector<int64_t>& shape, int lanes) {
  std::vector<Json> all;
  std::vector<int64_t> sizes;
  for (const int64_t times : {1, 2, 4}) sizes.push_back(times * std::max(2, lanes));
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    for (const int64_t size : sizes) {
      if (shape[dim] % size != 0 || shape[dim] <= size) continue;
      Json terms = Json::array();
      for (size_t other = 0; other < shape.size(); ++other) {
        terms.push_back(other == dim ? Cut(dim, size, false) : fmt::format("d{}", other));
      }
      terms.push_back(Cut(dim, size, true));
      if (dim + 1 < shape.size()) {
        all.push_back(terms);
      } else if (shape.size() > 1) {
        // Panels of the contiguous dimension: its outer part before the dimension above.
        std::swap(terms[dim], terms[dim - 1]);
        all.push_back(terms);
      }
    }
  }
  if (shape.size() < 2) return all;
  const size_t b = shape.size() - 1;
  const size_t a = b - 1;
  for (const int64_t rows : {int64_t{8}, int64_t{16}}) {
    for (const int64_t columns : sizes) {
      if (shape[a] % rows != 0 || shape[b] % columns != 0) continue;
      if (shape[a] <= rows || shape[b] <= columns) continue;
      Json terms = Json::array();
      for (size_t other = 0; other < a; ++other) terms.push_back(fmt::format("d{}", other));
      for (const bool inner : {false, true}) {
        terms.push_back(Cut(a, rows, inner));
        terms.push_back(Cut(b, columns, inner));
      }
      all.push_back(std::move(terms));
    }
  }
  return all;
}

std::vector<Json> LayoutVariants(const Json& terms, const std::vector<int64_t>& shape, int lanes) {
  std::vector<Json> all;
  auto parsed = ParseLayout(terms);
  if (!parsed.ok()) return all;
  const Layout& layout = *parsed;
  for (const auto& term : layout) {
    if (term.divisor == 1 || static_cast<size_t>(term.dim) >= shape.size()) continue;
    const int64_t extent = shape[static_cast<size_t>(term.dim)];
    for (const int64_t size : FactorNeighbours(extent, lanes, term.divisor)) {
      Layout variant = layout;
      for (auto& other : variant) {
        if (other.dim != term.dim) continue;
        // The part inside this cut ends where the cut begins.
        if (other.divisor * other.modulus == term.divisor && size % other.divisor == 0) {
          other.modulus = size / other.divisor;
        }
        if (other.divisor == term.divisor) other.divisor = size;
      }
      all.push_back(LayoutToJson(variant));
    }
  }
  for (size_t i = 1; i < terms.size(); ++i) {
    Json variant = terms;
    std::swap(variant[i - 1], variant[i]);
    all.push_back(std::move(variant));
  }
  return all;
}

}  // namespace banyan

#include "report/page.h"

#include "base/hash.h"
#include "report/page_files.h"

namespace banyan {
namespace {

// Fills "{{name}}" in one pass: what was put in is not looked at again.
template <typename Lookup>
std::string Fill(std::string_view text, const Lookup& lookup) {
  std::string out;
  while (true) {
    const size_t open = text.find("{{");
    const size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, open));
    out.append(lookup(text.substr(open + 2, close - open - 2)));
    text.remove_prefix(close + 2);
  }
}

}  // namespace

std::string HtmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string ScriptSafeJson(const Json& json) {
  const std::string text = DumpJson(json);
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i, 3);
    if (text[i] == '<') {
      out += "\\u003c";
    } else if (text[i] == '>') {
      out += "\\u003e";
    } else if (text[i] == '&') {
      out += "\\u0026";
    } else if (rest == "\xe2\x80\xa8" || rest == "\xe2\x80\xa9") {
      out += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string MakePage(std::string_view title, const Json& data) {
  const PageFiles files = GetPageFiles();
  const std::string json = ScriptSafeJson(data);
  // Only the page's own scripts run. A text cannot name the hash of what it is part of.
  const std::string nonce = HashHex(Hash64(json, 1)) + HashHex(Hash64(json, 2));
  const std::string safe_title = HtmlEscape(title);
  return Fill(files.html, [&](std::string_view name) -> std::string_view {
    if (name == "title") return safe_title;
    if (name == "nonce") return nonce;
    if (name == "style") return files.style;
    if (name == "data") return json;
    if (name == "script") return files.script;
    return "";
  });
}

}  // namespace banyan

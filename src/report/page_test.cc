#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What stands in the page's element of data.
std::string DataOf(const std::string& page) {
  const size_t tag = page.find("id=\"data\"");
  const size_t open = page.find('>', tag) + 1;
  return page.substr(open, page.find("</script", open) - open);
}

TEST(HtmlEscapeTest, EscapesWhatMarkupIsMadeOf) {
  EXPECT_EQ(HtmlEscape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(HtmlEscape("mlp:T=128"), "mlp:T=128");
}

TEST(ScriptSafeJsonTest, NoTextEndsTheElement) {
  for (const std::string hostile :
       {"</script><script>alert(1)</script>", "<!--<script>", "]]>", "a&lt;b", "\u2028\u2029",
        "{{script}}", "\"quotes\" \\ and \n lines"}) {
    const std::string text = ScriptSafeJson({{"name", hostile}, {hostile, 1}});
    EXPECT_EQ(text.find_first_of("<>&"), std::string::npos) << text;
    EXPECT_THAT(text, Not(HasSubstr("\u2028")));
    EXPECT_EQ(Json::parse(text), Json({{"name", hostile}, {hostile, 1}}));
  }
}

TEST(ScriptSafeJsonTest, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(Json::parse(ScriptSafeJson({{"a", "x\xffy"}}))["a"], "x\ufffdy");
}

TEST(MakePageTest, HoldsDataThatNothingBreaksOutOf) {
  const Json data = {{"kind", "run"}, {"name", "</script><img src=x onerror=alert(1)>{{style}}"}};
  const std::string page = MakePage("</title><script>alert(2)</script>", data);
  EXPECT_EQ(Json::parse(DataOf(page)), data);
  EXPECT_THAT(page, Not(HasSubstr("alert(2)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;/title&gt;"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("{{nonce}}")));
  EXPECT_THAT(page, Not(HasSubstr("{{data}}")));
}

TEST(MakePageTest, LoadsNothing) {
  const std::string page = MakePage("title", {{"kind", "none"}});
  for (const char* loader : {"src=\"", "http://", "https://", "@import", "url("}) {
    std::string rest = page;
    // The namespace of SVG is a name, not an address.
    const std::string svg = "http://www.w3.org/2000/svg";
    for (size_t at = rest.find(svg); at != std::string::npos; at = rest.find(svg)) {
      rest.erase(at, svg.size());
    }
    EXPECT_THAT(rest, Not(HasSubstr(loader)));
  }
}

}  // namespace
}  // namespace banyan

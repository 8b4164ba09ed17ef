#include "crypto/base64.hpp"

#include <gtest/gtest.h>

namespace postil::crypto {
namespace {

// [rfc4648 10]
const std::pair<const char*, const char*> vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

TEST(Base64, Rfc4648Vectors) {
  for (const auto& [octets, text] : vectors) {
    EXPECT_EQ(base64_encode(octets), text);
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(*decoded, octets);
  }
}

TEST(Base64, AllOctetsComeBack) {
  std::string all;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    all += 'x';
    const auto decoded = base64_decode(base64_encode(all));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, all);
  }
}

TEST(Base64, RefusesWhatIsNotStrict) {
  EXPECT_EQ(base64_decode("Zg").error(), Base64Error::length);
  EXPECT_EQ(base64_decode("Zg=").error(), Base64Error::length);
  EXPECT_EQ(base64_decode("Zm9v\n").error(), Base64Error::length);
  EXPECT_EQ(base64_decode("Zm9v\r\n  ").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("Zm 9").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("Zm-_").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("Zg==Zg==").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("====").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("Z===").error(), Base64Error::letter);
  EXPECT_EQ(base64_decode("Zh==").error(), Base64Error::padding);
  EXPECT_EQ(base64_decode("Zm9=").error(), Base64Error::padding);
  EXPECT_EQ(base64_decode(std::string_view("Zm\0v", 4)).error(), Base64Error::letter);
}

}  // namespace
}  // namespace postil::crypto

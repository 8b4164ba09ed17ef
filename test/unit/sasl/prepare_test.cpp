#include "sasl/prepare.hpp"

#include <gtest/gtest.h>

namespace postil::sasl {
namespace {

TEST(Saslprep, Rfc4013Examples) {  // [rfc4013 3]
  EXPECT_EQ(saslprep("I\u00adX").value(), "IX");
  EXPECT_EQ(saslprep("user").value(), "user");
  EXPECT_EQ(saslprep("USER").value(), "USER");
  EXPECT_EQ(saslprep("\u00aa").value(), "a");
  EXPECT_EQ(saslprep("\u2168").value(), "IX");
  EXPECT_EQ(saslprep("\x07").error(), PrepareError::prohibited);
  EXPECT_EQ(saslprep("\u0627\u0031").error(), PrepareError::prohibited);  // right-to-left and left-to-right
}

TEST(Saslprep, WhatComesTwoWaysBecomesOne) {
  EXPECT_EQ(saslprep("u\u0308ser").value(), saslprep("\u00fcser").value());
  EXPECT_EQ(saslprep("a\u00a0b").value(), "a b");
  EXPECT_EQ(saslprep("пароль").value(), "пароль");
  EXPECT_EQ(saslprep("\U0001f512x").value(), "\U0001f512x");  // newer than Unicode 3.2
  EXPECT_EQ(saslprep("\ufdfa").value().size(), 33u);          // the one letter that grows most
}

TEST(Saslprep, Failures) {
  EXPECT_EQ(saslprep("").error(), PrepareError::empty);
  EXPECT_EQ(saslprep("\u00ad").error(), PrepareError::empty);
  EXPECT_EQ(saslprep("a\xff").error(), PrepareError::bad_utf8);
  EXPECT_EQ(saslprep("\xed\xa0\x80").error(), PrepareError::bad_utf8);
  EXPECT_EQ(saslprep(std::string_view("a\0b", 3)).error(), PrepareError::prohibited);
  EXPECT_EQ(saslprep("a\u0085b").error(), PrepareError::prohibited);
  EXPECT_EQ(saslprep("a\x7f").error(), PrepareError::prohibited);
}

}  // namespace
}  // namespace postil::sasl

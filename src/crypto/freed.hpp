// Owners of what a C library gives: std::unique_ptr<BIO, Freed<BIO_free>>.
#pragma once

namespace postil::crypto {

template <auto F>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};

}  // namespace postil::crypto

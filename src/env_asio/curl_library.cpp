#include "env_asio/curl_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace postil::env_asio {
namespace {

template <class F>
bool find(void* library, const char* name, F& into) {
  into = reinterpret_cast<F>(::dlsym(library, name));
  return into != nullptr;
}

std::expected<const CurlLibrary*, std::string> load() {
  static CurlLibrary curl;
  // The flavour that uses the OpenSSL that is there already; its own name, so that an installed -dev is not needed.
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return std::unexpected(fmt::format("libcurl cannot be loaded ({}): install the package libcurl4.",
                                       why != nullptr ? why : "no reason is given"));
  }
  const bool all =
      find(library, "curl_global_init", curl.global_init) && find(library, "curl_easy_init", curl.easy_init) &&
      find(library, "curl_easy_setopt", curl.easy_setopt) && find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
      find(library, "curl_easy_cleanup", curl.easy_cleanup) &&
      find(library, "curl_easy_strerror", curl.easy_strerror) &&
      find(library, "curl_slist_append", curl.slist_append) &&
      find(library, "curl_slist_free_all", curl.slist_free_all) && find(library, "curl_multi_init", curl.multi_init) &&
      find(library, "curl_multi_add_handle", curl.multi_add_handle) &&
      find(library, "curl_multi_remove_handle", curl.multi_remove_handle) &&
      find(library, "curl_multi_perform", curl.multi_perform) && find(library, "curl_multi_poll", curl.multi_poll) &&
      find(library, "curl_multi_wakeup", curl.multi_wakeup) &&
      find(library, "curl_multi_info_read", curl.multi_info_read) &&
      find(library, "curl_multi_cleanup", curl.multi_cleanup);
  if (!all) return std::unexpected("The installed libcurl is too old: version 7.85 or newer is needed.");
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return std::unexpected("libcurl cannot be set up.");
  return &curl;
}

}  // namespace

std::expected<const CurlLibrary*, std::string> CurlLibrary::get() {
  static const auto loaded = load();
  return loaded;
}

}  // namespace postil::env_asio

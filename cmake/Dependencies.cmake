# Every library the project links, each as an imported target.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)

# The command line. Compiled once, and not into each file that uses it.
find_package(CLI11 2.4 REQUIRED)
add_library(cli11_compiled STATIC ${CMAKE_SOURCE_DIR}/cmake/cli11.cpp)
target_link_libraries(cli11_compiled PUBLIC CLI11::CLI11)
target_compile_definitions(cli11_compiled PUBLIC CLI11_COMPILE)

# ggml: the interface libraries only. Backends are loaded at run time, never linked.
pkg_check_modules(ggml_pc REQUIRED IMPORTED_TARGET ggml>=1.0)
add_library(ggml::all INTERFACE IMPORTED)
target_link_libraries(ggml::all INTERFACE PkgConfig::ggml_pc -lggml-base)

# Vulkan: headers only; the loader is opened at run time so that a machine without it still works.
find_path(VULKAN_INCLUDE_DIR vulkan/vulkan.h REQUIRED)
add_library(Vulkan::Headers INTERFACE IMPORTED)
target_include_directories(Vulkan::Headers SYSTEM INTERFACE ${VULKAN_INCLUDE_DIR})

pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)

# Not by pkg-config, whose flags for it would reach every file that includes `model`.
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h REQUIRED)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
add_library(utf8proc::utf8proc INTERFACE IMPORTED)
target_include_directories(utf8proc::utf8proc SYSTEM INTERFACE ${UTF8PROC_INCLUDE_DIR})
target_link_libraries(utf8proc::utf8proc INTERFACE ${UTF8PROC_LIBRARY})

find_path(QUICKJS_INCLUDE_DIR quickjs/quickjs.h REQUIRED)
find_library(QUICKJS_LIBRARY quickjs PATH_SUFFIXES quickjs REQUIRED)
add_library(quickjs::quickjs INTERFACE IMPORTED)
target_include_directories(quickjs::quickjs SYSTEM INTERFACE ${QUICKJS_INCLUDE_DIR})
target_link_libraries(quickjs::quickjs INTERFACE ${QUICKJS_LIBRARY} m dl Threads::Threads)

# Messages between nodes: the generated code needs only the small run-time library.
find_package(Protobuf 3.21 REQUIRED)

# TLS 1.3 and certificates.
find_package(OpenSSL 3.2 REQUIRED)

# EC-JPAKE, which OpenSSL does not have.
pkg_check_modules(mbedcrypto REQUIRED IMPORTED_TARGET mbedcrypto>=3.6)

# mDNS and DNS-SD in the process itself.
pkg_check_modules(avahi_core REQUIRED IMPORTED_TARGET avahi-core>=0.8)

# Sockets, timers and HTTP: Asio and Beast, from the headers alone.
find_package(Boost 1.81 REQUIRED)
# Beast uses std::aligned_storage, which C++23 has deprecated.
set_property(TARGET Boost::headers APPEND PROPERTY INTERFACE_COMPILE_OPTIONS -Wno-deprecated-declarations)
if(EXOGPU_SANITIZE MATCHES thread)
  # ThreadSanitizer does not know fences; Asio's locks alone keep its handlers in order.
  set_property(TARGET Boost::headers APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS BOOST_ASIO_DISABLE_FENCED_BLOCK)
  # The fence that remains is of its reference counts: GCC warns of it.
  set_property(TARGET Boost::headers APPEND PROPERTY INTERFACE_COMPILE_OPTIONS $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()

# Compressed bodies of requests.
find_package(ZLIB REQUIRED)

# The line editor of the chat.
pkg_check_modules(isocline REQUIRED IMPORTED_TARGET isocline)

if(EXOGPU_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck QUIET)
  include(GoogleTest)
  enable_testing()
  # How many of the slots that ctest runs side by side (slots_of in scripts/lib.sh) a test takes that computes all the time.
  # One of the whole program waits four fifths of it and takes one; under a sanitizer it computes, too.
  set(EXOGPU_TEST_SLOTS 2)
  if(EXOGPU_SANITIZE)
    set(EXOGPU_TEST_SLOTS 1)
  endif()
endif()

// Whether this is a build with a sanitizer, which replaces the heap, catches signals and changes what memory costs.
#pragma once

// For code that must not be compiled there; elsewhere kSanitized does. GCC defines macros, Clang has features.
#if defined(__SANITIZE_THREAD__)
#define EXO_SANITIZED_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EXO_SANITIZED_THREAD 1
#elif __has_feature(address_sanitizer)
#define EXO_SANITIZED_ADDRESS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EXO_SANITIZED_ADDRESS 1
#endif
#if defined(EXO_SANITIZED_ADDRESS) || defined(EXO_SANITIZED_THREAD)
#define EXO_SANITIZED 1
#endif

namespace exogpu {

#if defined(EXO_SANITIZED)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace exogpu

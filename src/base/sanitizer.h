// Whether this is a build with a sanitizer, which replaces the heap, catches signals and changes what memory costs.
#pragma once

namespace exogpu {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace exogpu

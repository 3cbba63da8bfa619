#include "base/heap.h"

#include <cstdlib>  // defines __GLIBC__
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/sanitizer.h"

namespace exogpu {

void give_back_freed_memory() {
#ifdef __GLIBC__
  // A sanitizer has a heap of its own. The C library's was never set up then, and two first calls would do so at once.
  if (!kSanitized) malloc_trim(0);
#endif
}

}  // namespace exogpu

// Clang's thread-safety annotations; nothing under other compilers. Clang builds check them as errors.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define EXO_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define EXO_THREAD_ANNOTATION(x)
#endif

// On a class: it is a lock; or its objects hold a lock while they exist.
#define EXO_CAPABILITY(name) EXO_THREAD_ANNOTATION(capability(name))
#define EXO_SCOPED_CAPABILITY EXO_THREAD_ANNOTATION(scoped_lockable)

// On a member: it is accessed only with this mutex locked; or that holds for the target of the pointer.
#define EXO_GUARDED_BY(mutex) EXO_THREAD_ANNOTATION(guarded_by(mutex))
#define EXO_PT_GUARDED_BY(mutex) EXO_THREAD_ANNOTATION(pt_guarded_by(mutex))

// On a function: it is called with the mutex locked; or without it, since the function locks it.
#define EXO_REQUIRES(...) EXO_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXO_EXCLUDES(...) EXO_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

#define EXO_ACQUIRE(...) EXO_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define EXO_RELEASE(...) EXO_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define EXO_TRY_ACQUIRE(...) EXO_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define EXO_RETURN_CAPABILITY(mutex) EXO_THREAD_ANNOTATION(lock_returned(mutex))

// On a function that the analysis cannot follow. Say why beside it.
#define EXO_NO_THREAD_SAFETY_ANALYSIS EXO_THREAD_ANNOTATION(no_thread_safety_analysis)

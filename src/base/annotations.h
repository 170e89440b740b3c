// SPDX-License-Identifier: MIT
//
// Clang's thread-safety annotations under short names; other compilers read nothing here.
// The preset `thread-safety` builds with them as errors.
#pragma once

#if defined(__clang__)
#define SPANHEAP_TSA(x) __attribute__((x))
#else
#define SPANHEAP_TSA(x)
#endif

#define CAPABILITY(name) SPANHEAP_TSA(capability(name))
#define SCOPED_CAPABILITY SPANHEAP_TSA(scoped_lockable)
#define GUARDED_BY(lock) SPANHEAP_TSA(guarded_by(lock))
#define PT_GUARDED_BY(lock) SPANHEAP_TSA(pt_guarded_by(lock))
#define REQUIRES(...) SPANHEAP_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) SPANHEAP_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) SPANHEAP_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) SPANHEAP_TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) SPANHEAP_TSA(try_acquire_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) SPANHEAP_TSA(assert_capability(x))
#define RETURN_CAPABILITY(x) SPANHEAP_TSA(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS SPANHEAP_TSA(no_thread_safety_analysis)

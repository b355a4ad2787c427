// Included before everything else in builds with ThreadSanitizer, which cannot see stand-alone fences.
//
// Asio's reference counts end with a release decrement and an acquire fence before the object is deleted.
// That is right, and TSan reports it as a race with the other owners' decrements. An acquire load of the same
// counter orders the same accesses and is seen; `a` is the counter's name where the fence is.
#pragma once

#include <atomic>

#define atomic_thread_fence(order) atomic_load_explicit(&a, order)
#include <boost/asio/detail/atomic_count.hpp>
#undef atomic_thread_fence

// result<T>: a value or the fault that took its place.
#pragma once

#include <modelmesh/core/error.hpp>

#include <boost/system/result.hpp>

namespace modelmesh {

/// A value or a fault. `if (!r) return r.error();` passes a failure on; `r.value()` throws it as
/// modelmesh::error.
template <class T = void> using result = boost::system::result<T, fault>;

} // namespace modelmesh

// Makes the throwing form of a call from the one that answers with a result.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <type_traits>
#include <utility>

namespace modelmesh::detail {

/// @throws error  with the fault, when there is one.
template <class T> task<T> or_throw(task<result<T>> work) {
    result<T> done = co_await std::move(work);
    if (!done) throw error(std::move(done).error());
    if constexpr (!std::is_void_v<T>) co_return std::move(*done);
}

} // namespace modelmesh::detail

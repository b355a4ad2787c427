// The edge between Asio's way of reporting a cancellation and ours.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <string>
#include <utility>

namespace modelmesh::core {

/// Whether the awaiting coroutine was told to stop before now: waits begun afterwards do not see it.
[[nodiscard]] inline bool is_canceled(const boost::asio::cancellation_state& state) noexcept {
    return state.cancelled() != boost::asio::cancellation_type::none;
}

/// Asio's report of a cancellation that came between two awaits of a task.
[[nodiscard]] inline bool is_cancellation(const boost::system::system_error& e) noexcept {
    return e.code() == boost::asio::error::operation_aborted;
}

/// Runs `work`. A cancellation that arrives between two of its awaits, which Asio reports as an exception
/// from the second, becomes the fault that it is anywhere else. @param where  begins the message.
template <class T> task<result<T>> canceled_as_fault(task<result<T>> work, std::string where) {
    try {
        co_return co_await std::move(work);
    } catch (const boost::system::system_error& e) {
        if (!is_cancellation(e)) throw;
        co_return fault(errc::canceled, where + ": canceled");
    }
}

} // namespace modelmesh::core

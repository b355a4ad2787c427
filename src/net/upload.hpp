// Sends a request's body, while it is read from its source if it has one, and watches for the answer meanwhile.
#pragma once

#include "net/carrier.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/body_source.hpp>

#include <cstdint>
#include <memory>

namespace modelmesh::net {

/// How an upload came to its end.
class upload_outcome {
public:
    enum class end : std::uint8_t {
        sent,     ///< the whole body is out
        answered, ///< the server answered before it was, with something else than success
        not_sent, ///< the connection failed to send; the server may have said why
        lost,     ///< the answer will never come: `why` is what reading it, or waiting, failed with
        unread,   ///< the source failed, or has another length than it said
    };

    upload_outcome() = default;
    end how = end::sent;
    bool has_head = false; ///< of the answer: it is reported once
    fault why;
};

/// Sends what try_send has left out, the body that `from` gives, or has left unsent. A piece is read when the
/// one before it has been taken. An answer other than success ends the upload; after another one it goes on,
/// as the server may need the rest.
/// @param on    outlives the task, and is used by nobody else meanwhile; without `from` an HTTP/1.1 connection
///              of its own, since on others whoever sends hears of the answer.
/// @param from  null: the body is in memory, and try_send was false.
/// @param patience  how long the server may take nothing of what it is sent; up to twice that, see write_patience.
/// Cancellation: all types; the connection is of no use afterwards.
[[nodiscard]] task<upload_outcome> upload(carrier* on, std::shared_ptr<http::body_source> from,
                                          time_point deadline, duration patience, const clock& time);

} // namespace modelmesh::net
